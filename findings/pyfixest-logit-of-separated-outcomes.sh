#!/usr/bin/env bash
# pyfixest 0.60.0: a logit of separated outcomes has a coefficient of 23 with a standard error of 2.
#
# y is 1 exactly where x1 > 0, so the likelihood rises to 1 as the coefficient grows and there is no
# estimate. Software that walks on prints huge standard errors, which at least alarm (statsmodels'
# Logit on these data: 3,600 +- 17,000, and a warning of no convergence). feglm stops on the way and
# inverts the curvature there: t = 10, p = 0, an interval from 19 to 28, without a word of its own.
#
# Seen (Python 3.11.7, 2026-11-29):
#              Estimate  Std. Error  t value  Pr(>|t|)   2.5%  97.5%
#   Intercept    -0.237       0.240   -0.988     0.323 -0.708  0.233
#   x1           23.307       2.231   10.447     0.000 18.934 27.680
#   x2            0.176       0.273    0.645     0.518 -0.358  0.710
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pyfixest==0.60.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import warnings

import numpy as np
import pandas as pd
import pyfixest

rng = np.random.default_rng(7)
x1 = rng.normal(size=500)
x2 = 0.5 * x1 + rng.normal(size=500)
frame = pd.DataFrame({"y": (x1 > 0).astype(float), "x1": x1, "x2": x2})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    table = pyfixest.feglm("y ~ x1 + x2", frame, family="logit").tidy()
print(table.round(3).to_string())
told = [str(each.message) for each in caught]
assert not any("separat" in each.lower() or "converge" in each.lower() for each in told)
assert table["t value"]["x1"] > 5 and table["Estimate"]["x1"] > 15, "no longer as described"
EOF
