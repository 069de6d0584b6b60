#!/usr/bin/env bash
# arch 8.0.0, resample 1.10.3, scikits.bootstrap 1.1.1: the BCa interval of a share is not symmetric
# though the sample is.
#
# BCa's bias correction is the normal quantile of the share of replicates below the estimate. Of a
# share, a median or a count many replicates equal the estimate; they belong half to each side, or
# the correction sees a bias that is not there. These libraries count only those strictly below. Ten
# zeros and ten ones have a share of 0.5 whose replicates are symmetric about it, so the interval
# should be too. SciPy's is: it halves the ties.
#
# Seen (Python 3.11.7, 2026-11-29; 20,000 replicates, 95%):
#   share of replicates below the estimate 0.42, equal to it 0.17
#   percentile [0.3  0.7]
#   BCa, scipy [0.3  0.7]
#   BCa, arch [0.25 0.65]
#   BCa, resample [0.25 0.65]
#   BCa, scikits [0.25 0.65]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 arch==8.0.0 resample==1.10.3 \
  scikits.bootstrap==1.1.1
"$work/venv/bin/python" -W ignore - <<'EOF'
import numpy as np
import scikits.bootstrap
from arch.bootstrap import IIDBootstrap
from resample.bootstrap import confidence_interval
from scipy import stats

y = np.repeat([0.0, 1.0], 10)
B = 20_000
scipys = stats.bootstrap((y,), np.mean, n_resamples=B, method="BCa", rng=1)
replicates = scipys.bootstrap_distribution
below, equal = np.mean(replicates < 0.5), np.mean(replicates == 0.5)
print(f"share of replicates below the estimate {below:.2f}, equal to it {equal:.2f}")
ends = {
    "percentile": np.quantile(replicates, [0.025, 0.975]),
    "BCa, scipy": np.array(scipys.confidence_interval),
    "BCa, arch": IIDBootstrap(y, seed=1).conf_int(np.mean, B, method="bca").ravel(),
    "BCa, resample": np.array(
        confidence_interval(np.mean, y, ci_method="bca", size=B, random_state=1)
    ),
    "BCa, scikits": scikits.bootstrap.ci(y, np.mean, n_samples=B, seed=1),
}
for name, (low, high) in ends.items():
    print(f"{name} [{low:<4.2g} {high:.2g}]")
assert np.allclose(ends["percentile"], [0.3, 0.7]) and np.allclose(ends["BCa, scipy"], [0.3, 0.7])
for name in ("BCa, arch", "BCa, resample", "BCa, scikits"):
    assert np.allclose(ends[name], [0.25, 0.65]), name
EOF
