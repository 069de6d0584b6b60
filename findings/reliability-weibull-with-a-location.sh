#!/usr/bin/env bash
# reliability 0.9.0: with a location estimated, the errors of scale and shape are those of a known
# one.
#
# Fit_Weibull_3P estimates the location gamma beside scale and shape. The standard errors it
# reports for alpha and beta are those of a two-parameter fit to the data minus gamma: a quarter
# and half of what the estimates vary over data sets. That of gamma itself is right.
#
# Seen (Python 3.11.7, 2026-11-29; 100 data sets of 500, alpha 10, beta 3, gamma 5):
#                           alpha   beta  gamma
#   mean of the estimates   9.987  3.009  5.006
#   their SD                0.622  0.231  0.567
#   median SE reported      0.156  0.105  0.549
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 reliability==0.9.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from reliability.Fitters import Fit_Weibull_3P

estimates, errors = [], []
for seed in range(100):
    failures = 5 + 10 * np.random.default_rng(seed).weibull(3, 500)
    fit = Fit_Weibull_3P(
        failures=failures.tolist(), show_probability_plot=False, print_results=False
    )
    estimates.append([fit.alpha, fit.beta, fit.gamma])
    errors.append([fit.alpha_SE, fit.beta_SE, fit.gamma_SE])
mean, spread = np.mean(estimates, 0), np.std(estimates, 0, ddof=1)
reported = np.median(errors, 0)
print("                        alpha   beta  gamma")
for name, values in (("mean of the estimates", mean), ("their SD", spread)):
    print(f"{name:<22}" + "".join(f"{value:7.3f}" for value in values))
print(f"{'median SE reported':<22}" + "".join(f"{value:7.3f}" for value in reported))
assert np.allclose(mean, [10, 3, 5], rtol=0.05)
assert (reported[:2] / spread[:2] < 0.6).all()
assert 0.7 < reported[2] / spread[2] < 1.3
EOF
