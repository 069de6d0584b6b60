#!/usr/bin/env bash
# hmmlearn 0.3.3: GaussianHMM adds 0.01 to each state's sum of squares: in which unit, the data decide.
#
# fit() is described as maximum likelihood, by EM. By default there is a prior for the variances,
# covars_prior=0.01, in the square of the data's unit. Sums of squares of daily returns are of that size:
# of 200 days in two regimes, of 0.5% and 2%, the fitted standard deviations are more than twice as large
# as of the same returns in percent, with a log-likelihood 46 lower, and a simulation from the model, as of
# a parametric bootstrap, is that much too wide. monitor_ says that it has converged.
#
# Seen (Python 3.11.7, 2026-11-29; log-likelihoods in one unit):
#   200 days              standard deviations, %  log-likelihood  converged
#   as fractions                   1.171   5.315          621.26  True
#   in percent                     0.476   1.859          666.75  True
#   fractions, no prior            0.476   1.859          666.75  True
#   1,000 days            standard deviations, %  log-likelihood  converged
#   as fractions                   0.672   2.250         3249.52  True
#   in percent                     0.505   2.056         3284.81  True
#   fractions, no prior            0.505   2.056         3284.81  True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 hmmlearn==0.3.3
"$work/venv/bin/python" -W ignore - 2>/dev/null <<'EOF'
import numpy as np
from hmmlearn.hmm import GaussianHMM
def simulate(n):
    rng, state, returns = np.random.default_rng(1), 0, []
    for _ in range(n):
        if rng.random() < 0.05:
            state = 1 - state
        returns.append((0.005, 0.02)[state] * rng.normal())
    return np.array(returns)[:, None]
for n in (200, 1000):
    print(f"{f'{n:,} days':<21} standard deviations, %  log-likelihood  converged")
    found = {}
    for name, unit, prior in (
        ("as fractions", 1, {}), ("in percent", 100, {}), ("fractions, no prior", 1, {"covars_prior": 0}),
    ):
        data = simulate(n) * unit
        models = [
            GaussianHMM(2, n_iter=500, tol=1e-6, min_covar=0, random_state=k, **prior).fit(data)
            for k in range(5)
        ]
        best = max(models, key=lambda model: model.score(data))
        spread = 100 * np.sort(np.sqrt(best.covars_.ravel())) / unit
        likelihood = best.score(data) + n * np.log(unit)
        shown = "".join(f"{each:8.3f}" for each in spread)
        print(f"{name:<28}{shown}{likelihood:16.2f}  {best.monitor_.converged}")
        found[name] = spread, likelihood
    cut, percent, free = found.values()
    assert abs(percent[1] - free[1]) < 0.1 and cut[1] < percent[1] - 20
    assert cut[0][0] > (2 if n == 200 else 1.2) * percent[0][0]
EOF
