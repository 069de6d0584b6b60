#!/usr/bin/env bash
# lmfit 1.3.4: with scale_covar=False the standard errors take weights as known, and conf_interval()
# does not.
#
# scale_covar=False says that weights=1/sigma are the known errors of the data. stderr, covar and
# eval_uncertainty() obey. conf_interval(), of the same result, is made by an F test, which estimates
# the scale from the residuals whatever scale_covar says: its 68% limits are stderr times the root of the
# reduced chi-squared. With known errors they are where chi-squared has risen by 1, as stderr and the
# last column have them.
#
# Seen (Python 3.11.7, 2026-11-29; half of the 68% interval of the amplitude; errors a third of the noise):
#   scale_covar  reduced chi²   stderr  conf_interval  chi² + 1
#   True                 8.34   0.0856         0.0859    0.0297
#   False                8.34   0.0297         0.0859    0.0297
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 lmfit==1.3.4
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from lmfit import Model
from scipy.optimize import brentq
rng = np.random.default_rng(0)
x, error = np.linspace(0, 10, 200), 0.1
y = 3 * np.exp(-x / 2) + 1 + 3 * error * rng.normal(size=x.size)
model = Model(lambda x, height, time, base: height * np.exp(-x / time) + base)
given = {"x": x, "time": 1.0, "base": 0.0, "weights": np.full(x.size, 1 / error)}
print("scale_covar  reduced chi²   stderr  conf_interval  chi² + 1")
found = {}
for scaled in (True, False):
    fitted = model.fit(y, height=2.0, scale_covar=scaled, **given)
    (_, low), _, (_, high) = fitted.conf_interval(sigmas=[1])["height"]
    best, stderr = fitted.params["height"].value, fitted.params["height"].stderr
    def rise(at):
        params = model.make_params(height={"value": at, "vary": False}, time=2.0, base=1.0)
        return model.fit(y, params, x=x, weights=given["weights"]).chisqr - fitted.chisqr - 1
    ends = [brentq(rise, best, best + side * 4 * error, xtol=1e-6) for side in (-1, 1)]
    half, known = (high - low) / 2, (ends[1] - ends[0]) / 2
    print(f"{scaled!s:<13}{fitted.redchi:12.2f}{stderr:9.4f}{half:15.4f}{known:10.4f}")
    found[scaled] = stderr, half, known
assert abs(found[False][0] / found[False][2] - 1) < 0.02
assert abs(found[False][1] / found[True][1] - 1) < 1e-4
assert abs(found[False][1] / found[False][0] / fitted.redchi**0.5 - 1) < 0.02
EOF
