#!/usr/bin/env bash
# statsmodels 0.15.0: the standard errors of a zero-inflated Poisson are a fifth too small.
#
# ZeroInflatedPoisson's Hessian has zeros between the coefficients of the zeros and those of the
# counts, which do correlate: whether a zero is one of many or a small count is not known. So each
# block's standard errors are those with the other block known. Differences of the model's own
# log-likelihood give the right ones.
#
# Seen (Python 3.11.7, 2026-11-29; a correct model, 200 data sets of 500):
#                           zero: 1   zero: x  count: 1  count: x
#   SD of the estimates       0.165     0.180     0.073     0.065
#   median bse                0.132     0.140     0.056     0.055
#   by differences            0.160     0.162     0.067     0.062
#   largest cross derivative: model.hessian 0.0, differences of model.loglike 56.9
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.15.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import warnings

import numpy as np
import statsmodels.api as sm
from statsmodels.tools.numdiff import approx_hess

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
n, names = 500, ("zero: 1", "zero: x", "count: 1", "count: x")
X = np.column_stack([np.ones(n), rng.normal(size=n)])
estimates, printed, differenced = [], [], []
for _ in range(200):
    zero = rng.random(n) < 1 / (1 + np.exp(-(X @ [-0.3, 0.5])))
    y = np.where(zero, 0, rng.poisson(np.exp(X @ [0.4, 0.4])))
    model = sm.ZeroInflatedPoisson(y, X, exog_infl=X)
    found = model.fit(method="bfgs", maxiter=500, disp=0)
    hessian = approx_hess(found.params, model.loglike)
    estimates.append(found.params)
    printed.append(found.bse)
    differenced.append(np.sqrt(np.diag(np.linalg.inv(-hessian))))
rows = {
    "SD of the estimates": np.std(estimates, axis=0, ddof=1),
    "median bse": np.median(printed, axis=0),
    "by differences": np.median(differenced, axis=0),
}
print(" " * 20 + "".join(f"{each:>10}" for each in names))
for what, row in rows.items():
    print(f"{what:20}" + "".join(f"{each:10.3f}" for each in row))
own, right = (np.abs(each[:2, 2:]).max() for each in (model.hessian(found.params), hessian))
print(
    f"largest cross derivative: model.hessian {own:.1f}, differences of model.loglike {right:.1f}"
)
ratios = rows["median bse"] / rows["SD of the estimates"]
assert own == 0 and right > 10 and ratios.max() < 0.9, "no longer as described"
EOF
