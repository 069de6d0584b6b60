"""Pass a package's own result to `crosscheck(covariances=)`, in that package's environment.

python benchmarks/software/objects.py lifetimes _lifelines aft data.npz judged.json
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(1, str(Path(__file__).parents[1]))

from bootmle import crosscheck, fit
from software_problems import PROBLEMS

warnings.simplefilter("ignore")


def main() -> None:
    """Fit the same likelihood, and hand the result over."""
    module, function, name, data, output = sys.argv[1:6]
    problem = PROBLEMS[name]
    with np.load(data) as stored:
        arrays = {key: stored[key] for key in stored.files}
    start = dict(zip(problem.names, json.loads(sys.argv[6]), strict=True))
    given = getattr(importlib.import_module(module), function)(arrays)
    mle = fit(problem.nll, start, problem.args(arrays))
    check = crosscheck(mle, {"given": given}, progress=False)
    source = next(each for each in check.verdicts if each.startswith("given"))
    errors = [None if np.isnan(one) else float(one) for one in check.standard_errors[source]]
    answer = {"source": source, "reason": check.verdicts[source].reason, "errors": errors}
    Path(output).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
