#!/usr/bin/env bash
# statsmodels 0.15.0: HC1, HC2 and HC3 of a Logit, Poisson or GLM are HC0 under another name.
#
# cov_type="HC3" is accepted by every model and printed in its summary; only linear regressions get
# the small-sample correction it stands for. Clustered errors, on the other hand, get that of
# linear regression, G/(G-1) (n-1)/(n-p), in likelihood models too, unless use_correction=False:
# one label never corrects, and the other does unless told not to.
#
# Seen (Python 3.11.7, 2026-11-29; 60 rows, 6 parameters, 20 clusters):
#   SE of the first slope over HC0's    HC1    HC2    HC3    cluster, over no correction
#   OLS                                1.054  1.089  1.191      1.072
#   Logit                              1.000  1.000  1.000      1.072
#   Poisson                            1.000  1.000  1.000      1.072
#   GLM, binomial                      1.000  1.000  1.000      1.072
#   Covariance Type:                  HC3   LLR p-value:                    0.9870
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.15.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import statsmodels.api as sm

rng = np.random.default_rng(0)
n = 60
X = sm.add_constant(rng.normal(size=(n, 5)))
y = (rng.random(n) < 0.5).astype(float)
groups = {"groups": np.arange(n) // 3}
G, p = 20, 6
models = {
    "OLS": (sm.OLS(y, X), {}),
    "Logit": (sm.Logit(y, X), {"disp": 0}),
    "Poisson": (sm.Poisson(y, X), {"disp": 0}),
    "GLM, binomial": (sm.GLM(y, X, family=sm.families.Binomial()), {}),
}
print("SE of the first slope over HC0's    HC1    HC2    HC3    cluster, over no correction")
for name, (model, options) in models.items():
    kinds = ("HC0", "HC1", "HC2", "HC3")
    errors = np.array([model.fit(cov_type=kind, **options).bse[1] for kind in kinds])
    clustered = [
        model.fit(cov_type="cluster", cov_kwds={**groups, "use_correction": used}, **options).bse[1]
        for used in (True, False)
    ]
    factor = clustered[0] / clustered[1]
    quotients = errors[1:] / errors[0]
    print(f"{name:<33}" + "".join(f"{each:7.3f}" for each in quotients) + f"{factor:11.3f}")
    assert abs(factor - np.sqrt(G / (G - 1) * (n - 1) / (n - p))) < 1e-6
    assert (quotients > 1.02).all() if name == "OLS" else np.allclose(quotients, 1, atol=1e-9)
summary = str(sm.Logit(y, X).fit(disp=0, cov_type="HC3").summary())
print(next(line for line in summary.splitlines() if "HC3" in line))
EOF
