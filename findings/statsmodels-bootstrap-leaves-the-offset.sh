#!/usr/bin/env bash
# statsmodels 0.15.0: the bootstrap() of its likelihood models draws rows of endog and exog, and
# leaves the offset where it was.
#
# GenericLikelihoodModelResults.bootstrap(), here of statsmodels' own PoissonOffsetGMLE, hands the
# model's keyword arguments to every resample as they are: row i of a resample has the covariates
# and the count of a drawn row and the offset of row i. Lengths agree, so nothing is raised. The
# mean of the replicates lies 30 standard errors from the estimate, and the standard error is 4
# times too large.
#
# Seen (Python 3.11.7, 2026-11-29):
#   estimate                           [0.154 0.524] [0.028 0.026]
#   results.bootstrap(): mean, SE      [1.035 0.598] [0.111 0.101]
#   rows drawn with their offsets      [0.155 0.525] [0.025 0.023]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.15.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import statsmodels.api as sm
from statsmodels.miscmodels.count import PoissonOffsetGMLE

rng = np.random.default_rng(0)
n = 500
X = sm.add_constant(rng.normal(size=n))
offset = rng.normal(0, 1.5, n)  # the logarithm of each row's exposure
y = rng.poisson(np.exp(X @ [0.2, 0.5] + offset))
results = PoissonOffsetGMLE(y, X, offset=offset).fit(start_params=[0.1, 0.4], disp=0, method="bfgs")

np.random.seed(0)
mean, error, _ = results.bootstrap(nrep=100, method="bfgs")
own = []
for _ in range(100):
    rows = rng.integers(n, size=n)
    model = PoissonOffsetGMLE(y[rows], X[rows], offset=offset[rows])
    own.append(model.fit(start_params=results.params, disp=0, method="bfgs").params)

print("estimate                          ", results.params.round(3), results.bse.round(3))
print("results.bootstrap(): mean, SE     ", mean.round(3), error.round(3))
print("rows drawn with their offsets     ", np.mean(own, 0).round(3), np.std(own, 0).round(3))
assert abs(mean[0] - results.params[0]) > 20 * results.bse[0]
assert error[0] > 2 * np.std(own, 0)[0]
assert abs(np.mean(own, 0)[0] - results.params[0]) < results.bse[0]
EOF
