#!/usr/bin/env bash
# NumPy 2.4.6: default_rng([7, 0]) is the stream of default_rng(7).
#
# A seed may be a list, and [seed, i] looks like one stream for each replicate. The entropy is
# filled up with zeros, so zeros at the end of a list do not count: the stream of replicate 0 is
# that of the seed itself, which has often drawn the data. Replicate 0 of a parametric bootstrap is
# then the data again. [i, seed] has no such pair, nor have spawned seeds.
#
# Seen (Python 3.11.7, 2026-11-29):
#   default_rng(7)       [ 0.0012  0.2987 -0.2741]
#   default_rng([7])     [ 0.0012  0.2987 -0.2741]
#   default_rng([7, 0])  [ 0.0012  0.2987 -0.2741]
#   default_rng([7, 1])  [ 0.3474 -2.3379 -0.3389]
#   default_rng([0, 7])  [-0.6101  0.7486  0.4709]
#   correlation of the data with replicates 0, 1, 2: [ 1.    -0.152 -0.413]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np

draw = lambda seed: np.random.default_rng(seed).normal(size=3).round(4)
print("default_rng(7)      ", draw(7))
print("default_rng([7])    ", draw([7]))
print("default_rng([7, 0]) ", draw([7, 0]))
print("default_rng([7, 1]) ", draw([7, 1]))
print("default_rng([0, 7]) ", draw([0, 7]))
assert (draw(7) == draw([7, 0])).all()
assert (draw(7) == draw([7, 0, 0])).all()
assert (draw(7) != draw([7, 1])).all()
assert (draw(7) != draw([0, 7])).all()

# Data from the study's own seed, and replicate i of its bootstrap from [seed, i]: in replicate 0
# the parametric bootstrap's data are the data themselves.
y = 5 + np.random.default_rng(7).normal(size=20)
replicates = [
    y.mean() + y.std(ddof=1) * np.random.default_rng([7, i]).normal(size=20) for i in range(3)
]
correlations = [np.corrcoef(y, each)[0, 1] for each in replicates]
print("correlation of the data with replicates 0, 1, 2:", np.round(correlations, 3))
assert correlations[0] > 1 - 1e-12
EOF
