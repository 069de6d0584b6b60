#!/usr/bin/env bash
# xlogit 0.2.7: with panels, the standard error of a random coefficient's mean is half of what it
# should be, robust or not.
#
# In a panel mixed logit a person's choices share one coefficient, and the person is the
# independent unit. The covariance is the inverse of the sum of the scores' outer products, but
# over choices, as if each were of another person. robust=True puts the same sum between two of
# those inverses, which gives the inverse again, times n/(n-1). num_hess=True takes the Hessian and
# is right; with robust=True, too, the sum over choices is in the middle, and the error nearly three
# times too large. b, the same for all persons, hardly notices.
#
# Seen (Python 3.11.7, 2026-11-29; a correct model, 40 data sets of 100 persons, 20 choices each; the
# last three rows are of the first five data sets):
#                                mean of a         b   SD of a
#   SD of the estimates              0.093     0.036     0.087
#   median stderr                    0.050     0.036     0.061
#   robust=True                      0.049     0.035     0.060
#   num_hess=True                    0.109     0.035     0.090
#   num_hess=True, robust=True       0.270     0.035     0.151
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 xlogit==0.2.7
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
from xlogit import MixedLogit

persons, choices, alternatives = 100, 20, 3
n = persons * choices
person = np.repeat(np.arange(persons), choices)
columns = {
    "varnames": ["a", "b"],
    "alts": np.tile(np.arange(alternatives), n),
    "ids": np.repeat(np.arange(n), alternatives),
    "panels": np.repeat(person, alternatives),
    "randvars": {"a": "n"},
    "n_draws": 100,
    "verbose": 0,
}
kinds = {
    "median stderr": {},
    "robust=True": {"robust": True},
    "num_hess=True": {"num_hess": True},
    "num_hess=True, robust=True": {"num_hess": True, "robust": True},
}
estimates, errors = [], {name: [] for name in kinds}
for seed in range(40):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, alternatives, 2))
    a = 1 + rng.normal(size=persons)[person]
    utility = X[:, :, 0] * a[:, None] - 0.5 * X[:, :, 1] + rng.gumbel(size=(n, alternatives))
    y = (np.arange(alternatives) == utility.argmax(1)[:, None]).astype(int).ravel()
    for name, options in kinds.items():
        if name == "median stderr" or seed < 5:
            model = MixedLogit()
            model.fit(X.reshape(-1, 2), y, **columns, **options)
            assert model.convergence
            errors[name].append(model.stderr)
            if not options:
                estimates.append(model.coeff_)
                default = model.stderr
            if name == "robust=True":
                assert np.allclose(model.stderr, np.sqrt(n / (n - 1)) * default, rtol=1e-4)
rows = {"SD of the estimates": np.std(estimates, axis=0, ddof=1)}
rows |= {name: np.median(each, axis=0) for name, each in errors.items()}
print(f"{'':<29}mean of a         b   SD of a")
for name, row in rows.items():
    print(f"{name:<28}" + "".join(f"{each:10.3f}" for each in row))
spread = rows["SD of the estimates"][0]
assert rows["median stderr"][0] < 0.65 * spread
assert 0.8 < rows["num_hess=True"][0] / spread < 1.5
assert rows["num_hess=True, robust=True"][0] > 2 * spread
EOF
