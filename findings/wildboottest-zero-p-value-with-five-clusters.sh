#!/usr/bin/env bash
# wildboottest 0.3.2: a p-value of 0 with five clusters, whose least possible one is 1/16.
#
# With G clusters and Rademacher weights there are 2^G sign patterns, and for few clusters all of them
# are enumerated. The sample itself is one of them (all signs +), and its mirror image (all signs −)
# has the same |t|: at least 2 of 32 patterns are as extreme as what was observed, so no test at 5%
# can reject. The p-value counts only patterns strictly more extreme, and prints 0.
#
# Seen (Python 3.11.7, 2026-11-29; y = 1 + 2 x + cluster + noise, 5 clusters of 20, B = 9999):
#   t 11.237 p-value 0.0
#   as extreme as the sample, by hand 2 of 32
#   largest difference of those two from |t| of the sample 0.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 statsmodels==0.15.0 numba==0.68.1 wildboottest==0.3.2
"$work/venv/bin/python" -W ignore - <<'EOF'
from itertools import product

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from wildboottest.wildboottest import wildboottest

rng = np.random.default_rng(1)
clusters, size = 5, 20
cluster = np.repeat(np.arange(clusters), size)
x = rng.normal(size=cluster.size)
y = 1 + 2 * x + 0.3 * rng.normal(size=clusters)[cluster] + rng.normal(size=cluster.size)
model = smf.ols("y ~ x", pd.DataFrame({"y": y, "x": x}))
tested = wildboottest(model, param="x", cluster=pd.Series(cluster), B=9999, seed=3)
t, p = float(tested["statistic"].iloc[0]), float(tested["p-value"].iloc[0])
print("t", round(t, 3), "p-value", p)

# the same test by hand: residuals under the null times one sign for each cluster, CR1 errors
X = np.column_stack([np.ones_like(x), x])
bread = np.linalg.inv(X.T @ X)
groups = np.eye(clusters)[cluster]


def t_of(y):
    beta = bread @ X.T @ y
    scores = groups.T @ (X * (y - X @ beta)[:, None])
    return beta[1] / np.sqrt((bread @ scores.T @ scores @ bread)[1, 1])


under_null = y - y.mean()
ts = [abs(t_of(y.mean() + under_null * np.array(s)[cluster])) for s in product([1, -1], repeat=5)]
extreme = [each for each in ts if each >= abs(t_of(y)) * (1 - 1e-9)]
print("as extreme as the sample, by hand", len(extreme), "of", len(ts))
print("largest difference of those two from |t| of the sample",
      np.round(np.max(np.abs(np.array(extreme) - abs(t_of(y)))), 6))
assert p == 0.0
assert len(extreme) == 2 and len(ts) == 32
EOF
