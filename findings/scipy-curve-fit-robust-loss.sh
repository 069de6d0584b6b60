#!/usr/bin/env bash
# SciPy 1.17.1: curve_fit takes a robust loss=, and its covariance is no longer that of the
# estimate.
#
# loss= is passed on to least_squares. The covariance is then that of ordinary least squares with
# two things changed by the loss: the Jacobian (its columns are scaled so that J'J is the Hessian
# of the loss) and the residual variance (twice the loss over n - p). Neither the inverse Hessian
# nor a sandwich, it errs to both sides, with the loss and with the noise in units of f_scale,
# whose default is 1 in the unit of y. Nothing is said, with 10% outliers, which is what the losses
# are for:
#
# Seen (Python 3.11.7, 2026-11-29):
#   mean SE / SD of the slope, 300 data sets   noise as f_scale   noise 5 times f_scale
#   linear                                                 0.96                    0.96
#   soft_l1                                                1.59                    1.51
#   huber                                                  1.55                    1.45
#   cauchy                                                 1.26                    0.65
#   arctan                                                 0.77                    0.44
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from scipy.optimize import curve_fit

x = np.linspace(0, 1, 60)
print("mean SE / SD of the slope, 300 data sets   noise as f_scale   noise 5 times f_scale")
quotients = {}
for loss in ("linear", "soft_l1", "huber", "cauchy", "arctan"):
    for noise in (1.0, 5.0):
        rng = np.random.default_rng(0)
        estimates, errors = [], []
        for _ in range(300):
            outlier = rng.random(x.size) < 0.1
            y = 1 + 2 * x + noise * rng.normal(size=x.size) * np.where(outlier, 10, 1)
            estimate, covariance = curve_fit(
                lambda x, a, b: a + b * x, x, y, p0=[1, 2], method="trf", loss=loss, f_scale=1.0
            )
            estimates.append(estimate[1])
            errors.append(covariance[1, 1] ** 0.5)
        quotients[loss, noise] = np.mean(errors) / np.std(estimates, ddof=1)
    print(f"{loss:<42}{quotients[loss, 1.0]:17.2f}{quotients[loss, 5.0]:24.2f}")
assert all(0.8 < quotients["linear", noise] < 1.2 for noise in (1.0, 5.0))
assert all(quotients[loss, 1.0] > 1.3 for loss in ("soft_l1", "huber"))
assert all(quotients[loss, 5.0] < 0.75 for loss in ("cauchy", "arctan"))
EOF
