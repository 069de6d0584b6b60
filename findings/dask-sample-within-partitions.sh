#!/usr/bin/env bash
# dask 2026.8.0: a bootstrap sample drawn with sample(frac=1, replace=True) is stratified by
# partition.
#
# Rows are drawn within each partition, as many as it holds. As long as the partitions are random
# parts of the data this changes little. After set_index, sort_values or a file written in order,
# the partitions are strata of what they are sorted by, and the spread of the replicates is only
# that within them: with ten partitions sorted by y, a quarter of the standard error of its mean.
#
# Seen (Python 3.11.7, 2026-11-29):
#   SE of the mean, in random order  0.0324
#   SE of the mean, sorted by y      0.0074
#   SE of the mean, by theory        0.0309
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 pandas==2.3.3 dask[dataframe]==2026.8.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd

dask.config.set(scheduler="synchronous")
n = 1000
data = pd.DataFrame({"y": np.random.default_rng(0).normal(size=n)})
errors = {}
for name, frame in (("in random order", data), ("sorted by y", data.sort_values("y"))):
    frame = dd.from_pandas(frame.reset_index(drop=True), npartitions=10)
    means = [
        frame["y"].to_frame().sample(frac=1, replace=True, random_state=k).mean().compute()["y"]
        for k in range(300)
    ]
    errors[name] = np.std(means, ddof=1)
    print(f"SE of the mean, {name:<17}{errors[name]:.4f}")
theory = data["y"].std() / np.sqrt(n)
print(f"SE of the mean, by theory        {theory:.4f}")
assert 0.85 < errors["in random order"] / theory < 1.15
assert errors["sorted by y"] / theory < 0.3
EOF
