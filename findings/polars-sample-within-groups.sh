#!/usr/bin/env bash
# polars 2.1.0: sampled within groups with a seed, every group draws the same positions.
#
# A stratified bootstrap draws rows within each stratum, independently. Of sample(..., seed=k) in
# group_by().agg() or over(), each group starts from the seed anew: groups of one size get the same
# rows by position (and shuffle(seed=k) the same permutation). If the order of the rows means
# something, by hour or sorted, the groups' replicates move together, and the standard error of a
# difference between groups all but vanishes; that of a sum is 1.4 times too large. Without a seed
# the groups are independent. pandas' groupby().sample(random_state=k) goes on from group to group.
#
# Seen (Python 3.11.7, 2026-11-29; two groups of 200 in the order of x, y = x + noise):
#   positions drawn, seed=1: a [4, 4, 0, 4, 1, 3], b [4, 4, 0, 4, 1, 3]
#   SE of the difference of means    polars, seed=k   0.0104
#                                    polars, no seed  0.1014
#                                    pandas           0.0989
#                                    by theory        0.1019
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 pandas==2.3.3 polars==2.1.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import pandas as pd
import polars as pl

small = pl.DataFrame({"group": list("aaaaaabbbbbb"), "position": [*range(6), *range(6)]})
drawn = small.group_by("group", maintain_order=True).agg(
    pl.col("position").sample(fraction=1.0, with_replacement=True, seed=1)
)
a, b = drawn["position"].to_list()
print(f"positions drawn, seed=1: a {a}, b {b}")

n, B = 200, 1000
rng = np.random.default_rng(0)
x = np.linspace(0, 3.5, n)
y = [x + 0.1 * rng.normal(size=n) for _ in "ab"]
rows = pl.DataFrame({"group": ["a"] * n + ["b"] * n, "y": np.concatenate(y)})
frame = pd.DataFrame(rows.to_dict(as_series=False))


def with_polars(seed):
    sample = pl.col("y").sample(fraction=1.0, with_replacement=True, seed=seed)
    return rows.group_by("group", maintain_order=True).agg(sample.mean())["y"].to_numpy()


def with_pandas(seed):
    sample = frame.groupby("group").sample(frac=1.0, replace=True, random_state=seed)
    return sample.groupby("group")["y"].mean().to_numpy()


pl.set_random_seed(0)
errors = {
    "polars, seed=k": np.std([np.diff(with_polars(k)) for k in range(B)], ddof=1),
    "polars, no seed": np.std([np.diff(with_polars(None)) for k in range(B)], ddof=1),
    "pandas": np.std([np.diff(with_pandas(k)) for k in range(B)], ddof=1),
    "by theory": np.sqrt(sum(np.var(each) / n for each in y)),
}
for name, error in errors.items():
    head = "SE of the difference of means" if name == "polars, seed=k" else ""
    print(f"{head:<33}{name:<17}{error:.4f}")
assert a == b
assert errors["polars, seed=k"] < 0.3 * errors["by theory"]
assert 0.85 < errors["polars, no seed"] / errors["by theory"] < 1.15
assert 0.85 < errors["pandas"] / errors["by theory"] < 1.15
EOF
