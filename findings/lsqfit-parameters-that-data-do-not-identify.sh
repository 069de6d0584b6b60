#!/usr/bin/env bash
# lsqfit 13.3.1: parameters that the data do not identify are printed to two or three digits.
#
# Three parameters of a decay, a exp(-b t) + c, at two distinct times: for every b there are an a and
# a c that fit as well. nonlinear_fit inverts the singular curvature without its null direction (a
# pseudo-inverse), which sets the variance along it to zero, where it is infinite. So the numbers
# depend on where the search starts, many of their standard errors apart, and nothing is said.
#
# Seen (Python 3.11.7, 2026-11-29):
#   start (2, 1.0, 0.3): b = 1.397(17), chi2/dof 0.8376
#   start (3, 1.5, 0.2): b = 2.026(41), chi2/dof 0.8376
#   start (2, 0.5, 0.0): b = 0.817(30), chi2/dof 0.8376
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 lsqfit==13.3.1
"$work/venv/bin/python" - <<'EOF'
import gvar
import lsqfit
import numpy as np

rng = np.random.default_rng(1)
t = np.where(np.arange(500) % 2, 0.5, 1.5)
y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.3 * rng.normal(size=500)
found = []
for start in ((2, 1.0, 0.3), (3, 1.5, 0.2), (2, 0.5, 0.0)):
    fitted = lsqfit.nonlinear_fit(
        data=(t, gvar.gvar(y, np.full(500, 0.3))),
        fcn=lambda t, p: p[0] * np.exp(-p[1] * t) + p[2],
        p0=list(start),
        tol=1e-12,
    )
    print(f"start {start}: b = {fitted.p[1]}, chi2/dof {fitted.chi2 / fitted.dof:.4f}")
    found.append((fitted.p[1].mean, fitted.p[1].sdev))
values, errors = np.array(found).T
assert errors.max() < 0.1 and np.ptp(values) > 10 * errors.max(), "no longer as described"
EOF
