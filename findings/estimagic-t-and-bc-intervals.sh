#!/usr/bin/env bash
# estimagic 0.5.1: the bootstrap's "t" interval is the basic one, and "bc" at 95% holds 90% of the
# draws.
#
# A bootstrap t interval studentizes: each draw has a standard error of its own. Here it is digit
# for digit the basic interval, twice the estimate minus the percentiles. The bias-corrected
# interval moves the percentiles by twice the normal quantile of the share of draws below the
# estimate: with a share of one half, not at all. "bc" takes the normal quantiles of the tails at
# 5% and 95% in place of 2.5% and 97.5%, so that ci_level=0.95 gives an interval of 90%.
#
# Seen (Python 3.11.7, 2026-11-29; 40 exponential observations, 4,000 draws, ci_level=0.95):
#   percentile [0.657  1.1766]
#   basic      [0.6391 1.1587]
#   t          [0.6391 1.1587]
#   bc         [0.7037 1.1443]
#   90% of the draws [0.6948 1.1288]
#   share of draws below the estimate 0.515
#   share of draws inside 'bc' 0.899
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 estimagic==0.5.1
"$work/venv/bin/python" -W ignore - <<'EOF'
import estimagic
import numpy as np
import pandas as pd

data = pd.DataFrame({"y": np.random.default_rng(3).exponential(1.0, 40)})
boot = estimagic.bootstrap(lambda data: {"mean": data["y"].mean()}, data, n_draws=4000, seed=1)
draws = np.array([each["mean"] for each in boot.outcomes])
ends = {}
for method in ("percentile", "basic", "t", "bc"):
    low, high = boot.ci(ci_method=method, ci_level=0.95)
    ends[method] = np.array([low["mean"], high["mean"]])
    print(f"{method:<11}{ends[method].round(4)}")
print("90% of the draws", np.quantile(draws, [0.05, 0.95]).round(4))
print("share of draws below the estimate", np.mean(draws < data["y"].mean()).round(3))
inside = np.mean((draws > ends["bc"][0]) & (draws < ends["bc"][1]))
print("share of draws inside 'bc'", inside.round(3))
assert np.allclose(ends["t"], ends["basic"], rtol=1e-12)
assert abs(inside - 0.90) < 0.01
EOF
