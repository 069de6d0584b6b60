#!/usr/bin/env bash
# powerlaw 2.0.0: with xmax, the exponent is that of data without an upper end.
#
# Fit(x, xmin=1, xmax=20) leaves out what is above 20, and its pdf is that of the power law between the
# two: it integrates to 1. But alpha is 1 + n / Σ log(x / xmin), which maximizes the likelihood of a power
# law without an upper end: it is too large, here by two standard errors, and the log-likelihood of the
# fitted pdf is below its maximum. sigma, (alpha - 1) / √n, is too small for the estimator that would be
# right.
#
# Seen (Python 3.11.7, 2026-11-29; exponent 2.5, 60 data sets of 2,000):
#   23 of 2000 above
#                               mean     SD   mean sigma
#   all data                   2.500  0.034        0.034
#   xmax=20                    2.581  0.036        0.036
#   maximum of its likelihood  2.501  0.042            -
#   last data set: integral of the pdf 1.000, log-likelihood 2.1 below its maximum
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 powerlaw==2.0.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import powerlaw
from scipy.optimize import minimize_scalar
n, end = 2000, 20.0
found = {"all data": [], "xmax=20": [], "maximum of its likelihood": []}
above = []
for seed in range(60):
    x = 1 + np.random.default_rng(seed).pareto(1.5, n)
    kept = x[x <= end]
    above.append(n - kept.size)
    everything = powerlaw.Fit(x, xmin=1.0, verbose=False).power_law
    cut = powerlaw.Fit(x, xmin=1.0, xmax=end, verbose=False).power_law
    nll = lambda a: a * np.log(kept).sum() - kept.size * np.log((a - 1) / (1 - end ** (1 - a)))
    best = minimize_scalar(nll, bounds=(1.1, 5.0), method="bounded")
    found["all data"].append((everything.alpha, everything.sigma))
    found["xmax=20"].append((cut.alpha, cut.sigma))
    found["maximum of its likelihood"].append((best.x, np.nan))
print(f"{np.mean(above):.0f} of {n} above")
print(f"{'':<26}  mean     SD   mean sigma")
for name, pairs in found.items():
    alphas, sigmas = np.array(pairs).T
    sigma = "    -" if np.isnan(sigmas).any() else f"{sigmas.mean():.3f}"
    print(f"{name:<26} {alphas.mean():.3f}  {alphas.std(ddof=1):.3f}        {sigma}")
grid = np.linspace(1, end, 100_001)
integral = np.trapezoid(cut.pdf(grid), grid)
below = -best.fun - np.log(cut.pdf(kept)).sum()
said = f"integral of the pdf {integral:.3f}, log-likelihood {below:.1f} below its maximum"
print(f"last data set: {said}")
cut_alphas, right = (np.array(found[k])[:, 0] for k in ("xmax=20", "maximum of its likelihood"))
assert abs(integral - 1) < 1e-3 and below > 1
assert cut_alphas.mean() > 2.56 and abs(right.mean() - 2.5) < 0.02
assert np.mean([sigma for _, sigma in found["xmax=20"]]) < 0.93 * right.std(ddof=1)
EOF
