#!/usr/bin/env bash
# lifelines 0.30.3: double every weight, and the robust standard errors of an AFT model halve.
#
# Robust errors are what one takes with inverse probability weights, whose common factor means
# nothing. CoxPHFitter's do not depend on that factor. WeibullAFTFitter's (LogNormal's and
# LogLogistic's, too) are inversely proportional to it: the Hessian is weighted, the scores between
# the two are not. Where the weights were normalized to a mean of 1 or to a sum of n, or not at
# all, decides the answer.
#
# Seen (Python 3.11.7, 2026-11-29):
#   robust SE of x   all weights 0.5       1       2      10
#   WeibullAFTFitter          0.1358  0.0679  0.0339  0.0068
#   CoxPHFitter               0.1299  0.1299  0.1299  0.1299
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 lifelines==0.30.3
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, WeibullAFTFitter

rng = np.random.default_rng(3)
n = 200
x = rng.normal(size=n)
time = np.exp(1 + 0.5 * x + 0.5 * rng.gumbel(size=n))
end = rng.exponential(10, n)
data = pd.DataFrame({"T": np.minimum(time, end), "E": (time < end).astype(int), "x": x})
print("robust SE of x   all weights 0.5       1       2      10")
for fitter in (WeibullAFTFitter, CoxPHFitter):
    errors = []
    for weight in (0.5, 1.0, 2.0, 10.0):
        fitted = fitter().fit(
            data.assign(w=weight), "T", "E", weights_col="w", robust=True
        )
        errors.append(fitted.standard_errors_.iloc[0])
    print(f"{fitter.__name__:<24}" + "".join(f"{error:8.4f}" for error in errors))
    relative = np.array(errors) / errors[1]
    expected = [2, 1, 0.5, 0.1] if fitter is WeibullAFTFitter else [1, 1, 1, 1]
    assert np.allclose(relative, expected, rtol=1e-2)
EOF
