#!/usr/bin/env bash
# iminuit 2.33.0: of a parameter with a limit, errors is not the square root of covariance's
# diagonal.
#
# Both come from one hesse(). Minuit works on an unlimited internal variable; covariance is carried
# to the user's parameter by the derivative there, errors by the mean of two steps, up and down, of
# the transformation. Where the estimate is near its limit (a signal s >= 0 over a known
# background) the two disagree by up to 80%; the exact standard error, of the inverse Hessian, is
# sqrt(counts). At the limit itself one is 0 and the other is not, and neither is a standard error.
#
# Seen (Python 3.11.7, 2026-11-29):
#   counts  background   signal   errors  sqrt(covariance)  sqrt(counts)
#        5         4.8    0.202    2.947              2.23         2.236
#        3         2.9    0.101    3.158              1.73         1.732
#        3         5.0    0.000    0.871          2.49e-14         1.732
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 iminuit==2.33.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from iminuit import Minuit

print("counts  background   signal   errors  sqrt(covariance)  sqrt(counts)")
for counts, background in ((5, 4.8), (3, 2.9), (3, 5.0)):
    m = Minuit(lambda s: s + background - counts * np.log(s + background), s=1.0)
    m.errordef = Minuit.LIKELIHOOD
    m.limits["s"] = (0, None)
    m.migrad()
    m.hesse()
    value, error, root = m.values["s"], m.errors["s"], np.sqrt(m.covariance["s", "s"])
    print(f"{counts:6}{background:12}{value:9.3f}{error:9.3f}{root:18.3g}{counts**0.5:14.3f}")
    assert m.valid
    if counts > background:  # the optimum is inside: the Hessian's SE is sqrt(counts)
        assert abs(root / counts**0.5 - 1) < 0.01
        assert error > 1.25 * root
    else:
        assert value < 1e-6
        assert root < 1e-6
        assert 0.5 < error < 1.2
EOF
