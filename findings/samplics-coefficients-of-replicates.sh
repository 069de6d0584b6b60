#!/usr/bin/env bash
# samplics 0.6.1: standard errors from its own stratified jackknife weights are 1.4 times too large,
# and from its coefficients of Fay's replicates (1 - k)^2 times the right ones.
#
# A variance by replicate weights is a sum of squared changes, each times a coefficient. With two
# clusters in each of H strata it is 1/2 for the jackknife that leaves one out, and 1 / (R (1-k)^2)
# for R balanced replicates of Fay's method. ReplicateWeight keeps the coefficients; handed over as
# rep_weight_cls they are overwritten, for the jackknife by that of an unstratified one, (R-1)/R.
# Those it keeps for Fay's method are (1-k)^2 / R. A total's error is exact by each of the methods:
# the root of the sum over strata of the squared difference of the two clusters' totals.
#
# Seen (Python 3.11.7, 2026-11-29):
#   SE of a total by hand 107.308, samplics' TaylorEstimator 107.308
#   jackknife, rep_weight_cls=               147.914
#   jackknife, rep_coefs= of the weights     107.308
#   Fay, k = 0.3, rep_weight_cls=            107.308
#   Fay, k = 0.3, rep_coefs= of the weights  52.581
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.1.3 pandas==2.2.3 statsmodels==0.15.0 samplics==0.6.1
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from samplics.estimation import ReplicateEstimator, TaylorEstimator
from samplics.utils.types import PopParam, RepMethod
from samplics.weighting import ReplicateWeight

rng = np.random.default_rng(0)
strata, size = 10, 10
psu = np.repeat(np.arange(2 * strata), size)
stratum = psu // 2
y = 10 + 3 * stratum + 2 * rng.normal(size=2 * strata)[psu] + rng.normal(size=psu.size)
weight = 1.0 + stratum % 3
totals = np.bincount(psu, weight * y).reshape(strata, 2)
exact = np.sqrt(np.sum((totals[:, 0] - totals[:, 1]) ** 2))
taylor = TaylorEstimator(PopParam.total)
taylor.estimate(y, samp_weight=weight, stratum=stratum, psu=psu)
print(f"SE of a total by hand {exact:.3f}, samplics' TaylorEstimator {taylor.stderror:.3f}")
errors = {}
for name, method, options in (
    ("jackknife", RepMethod.jackknife, {}),
    ("Fay, k = 0.3", RepMethod.brr, {"fay_coef": 0.3}),
):
    weights = ReplicateWeight(method, **options)
    frame = weights.replicate(weight, psu, stratum)
    replicates = frame[[each for each in frame if "_wgt_" in each]].to_numpy()
    for how, made, given in (
        ("rep_weight_cls=", {"rep_weight_cls": weights}, {}),
        ("rep_coefs= of the weights", options, {"rep_coefs": np.array(weights.rep_coefs)}),
    ):
        estimator = ReplicateEstimator(method, PopParam.total, **made)
        estimator.estimate(y, samp_weight=weight, rep_weights=replicates, **given)
        errors[name, how] = estimator.stderror / exact
        print(f"{name + ', ' + how:<41}{estimator.stderror:.3f}")
wrong = errors["jackknife", "rep_weight_cls="], errors["Fay, k = 0.3", "rep_coefs= of the weights"]
right = errors["jackknife", "rep_coefs= of the weights"], errors["Fay, k = 0.3", "rep_weight_cls="]
replicates = 2 * strata
assert np.allclose(right, 1, rtol=1e-9) and abs(taylor.stderror / exact - 1) < 1e-9
assert np.allclose(wrong, [np.sqrt(2 * (replicates - 1) / replicates), 0.7**2], rtol=1e-9)
EOF
