#!/usr/bin/env bash
# statsmodels 0.15.0: MixedLM prints a standard error of a variance component in the wrong unit.
#
# Measure y in meters or in millimeters: the variance of a random intercept changes by a factor of
# 10^6, and so must its standard error. The one in summary() and bse_re changes by 10^3: it is the
# right one divided by the residual standard deviation, sqrt(scale), and agrees with theory only
# where that is 1. In a balanced design the REML estimate has a closed form, (between - within) /
# size with the mean squares of the analysis of variance, and so has its standard error.
#
# Seen (Python 3.11.7, 2026-11-29):
#   unit    variance  its SE in the summary  its SE by theory  quotient  1/sqrt(scale)
#   0.1      0.006005                  0.015          0.001479   10.4404         9.8001
#   1          0.6005                  0.154            0.1479    1.0440         0.9800
#   10          60.05                  1.544             14.79    0.1044         0.0980
#   1000    6.005e+05                154.446         1.479e+05    0.0010         0.0010
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 statsmodels==0.15.0
"$work/venv/bin/python" -W ignore - <<'EOF'
import warnings

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
groups, size = 50, 8
group = np.repeat(np.arange(groups), size)
y = 0.8 * rng.normal(size=groups)[group] + rng.normal(size=group.size)
print("unit    variance  its SE in the summary  its SE by theory  quotient  1/sqrt(scale)")
for unit in (0.1, 1.0, 10.0, 1000.0):
    data = pd.DataFrame({"y": unit * y, "group": group})
    results = smf.mixedlm("y ~ 1", data, groups="group").fit()
    table = unit * y.reshape(groups, size)
    between = size * table.mean(1).var(ddof=1)
    within = table.var(1, ddof=1).mean()
    variance = (between - within) / size  # the REML estimate of a balanced design
    theory = np.sqrt(2 * (between**2 / (groups - 1) + within**2 / (groups * (size - 1)))) / size
    printed = float(results.summary().tables[1].loc["group Var", "Std.Err."])
    quotient = results.bse_re.iloc[0] / theory
    print(f"{unit:<6g}{variance:>11.4g}{printed:>23}{theory:>18.4g}", end="")
    print(f"{quotient:>10.4f}{1 / np.sqrt(results.scale):>15.4f}")
    assert abs(results.cov_re.iloc[0, 0] / variance - 1) < 1e-3
    assert abs(printed - results.bse_re.iloc[0]) < 1e-3
    assert 0.95 < quotient * np.sqrt(results.scale) < 1.15
EOF
