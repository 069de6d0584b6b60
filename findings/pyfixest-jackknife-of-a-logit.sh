#!/usr/bin/env bash
# pyfixest 0.60.0: the cluster jackknife (CRV3) of a logit refits Poisson regressions.
#
# CRV3 leaves out one cluster at a time and sums the squared changes of the estimate. feglm's own
# estimate is a logit or a probit; those without a cluster are fepois', so the changes are the
# distance between two models: a standard error 24 times that by hand, without a word. Of feols and
# fepois CRV3 is right.
#
# Seen (Python 3.11.7, 2026-11-29; 40 clusters of 10):
#   SE of the slope                    fepois   logit  probit
#   CRV1                                0.062   0.118   0.066
#   CRV3                                0.073   2.898   0.792
#   jackknife by hand                   0.073   0.127   0.069
#   the same, with fepois in each       0.073   2.898   0.792
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

clusters, size = 40, 10
n = clusters * size
rng = np.random.default_rng(0)
cluster = np.arange(n) // size
x = rng.normal(size=n) + rng.normal(size=clusters)[cluster]
eta = -0.3 + 0.8 * x + 0.5 * rng.normal(size=clusters)[cluster]
data = pd.DataFrame({"x": x, "cluster": cluster})
data["binary"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
data["count"] = rng.poisson(np.exp(eta / 2))


def fepois(outcome, rows, vcov="iid"):
    return pyfixest.fepois(f"{outcome} ~ x", rows, vcov=vcov)


def family(name):
    return lambda outcome, rows, vcov="iid": pyfixest.feglm(
        f"{outcome} ~ x", rows, family=name, vcov=vcov
    )


def jackknife(estimate, refit, outcome):
    without = [refit(outcome, data[data["cluster"] != g]).coef()["x"] for g in range(clusters)]
    changes = np.array(without) - estimate(outcome, data).coef()["x"]
    factor = clusters / (clusters - 1) * (n - 1) / (n - 2)  # pyfixest's, of CRV1 and CRV3 alike
    return np.sqrt(factor * np.sum(changes**2))


models = (("count", fepois), ("binary", family("logit")), ("binary", family("probit")))
rows = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for kind in ("CRV1", "CRV3"):
        rows[kind] = [fit(y, data, {kind: "cluster"}).se()["x"] for y, fit in models]
rows["jackknife by hand"] = [jackknife(fit, fit, y) for y, fit in models]
rows["the same, with fepois in each"] = [jackknife(fit, fepois, y) for y, fit in models]
print("SE of the slope                    fepois   logit  probit")
for name, row in rows.items():
    print(f"{name:<33}" + "".join(f"{error:8.3f}" for error in row))
right, mixed = rows["jackknife by hand"], rows["the same, with fepois in each"]
assert not any("CRV3" in str(each.message) or "jackknife" in str(each.message) for each in caught)
assert np.allclose(rows["CRV3"], mixed, rtol=1e-3)
assert 0.9 < right[1] / rows["CRV1"][1] < 1.2 and rows["CRV3"][1] > 10 * right[1]
assert rows["CRV3"][2] > 5 * right[2] and abs(rows["CRV3"][0] / right[0] - 1) < 1e-3
EOF
