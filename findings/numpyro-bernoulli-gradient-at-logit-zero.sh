#!/usr/bin/env bash
# NumPyro 0.22.0: the gradient of a Bernoulli's log-likelihood is wrong where the logit is exactly 0.
#
# The log-likelihood of y is y η − log(1 + exp η), its derivative y − 1/(1 + exp(−η)): y − 1/2 at
# η = 0, from both sides. NumPyro writes it with a clip whose derivative JAX takes for 0 at the edge, so
# that the gradient there is y alone: half a unit off for every observation. Coefficients that start at
# zero, as optimizers' often do, start exactly there.
#
# Seen (Python 3.11.7, jax 0.10.2, 2026-11-29), derivative of log_prob by the logit at −1e-6, 0, 1e-6:
#   y = 0: -0.500  0.000 -0.500
#   y = 1:  0.500  1.000  0.500
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet jax==0.10.2 numpyro==0.22.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import jax
import numpyro.distributions as dist

slope = jax.grad(lambda logit, y: dist.Bernoulli(logits=logit).log_prob(y))
found = {y: [float(slope(at, y)) for at in (-1e-6, 0.0, 1e-6)] for y in (0.0, 1.0)}
for y, slopes in found.items():
    print(f"y = {y:g}: {slopes[0]:6.3f} {slopes[1]:6.3f} {slopes[2]:6.3f}")
for y, (below, at, above) in found.items():
    assert abs(below - (y - 0.5)) < 1e-5 and abs(above - (y - 0.5)) < 1e-5
    assert abs(at - (y - 0.5)) > 0.4
EOF
