"""Run one package on one data set, in that package's own environment; write what it prints.

    python benchmarks/software/run.py outcomes statsmodels_logit data.npz printed.json

Nothing of bootmle is imported here. A function takes the data's arrays by name, and returns for
each of the model's parameters the estimate and the standard error that the package prints, None
for one that it prints none for.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings

import numpy as np


def main() -> None:
    """Run a function of a module on a data set."""
    module, function, data, output = sys.argv[1:5]
    with np.load(data) as stored:
        arrays = {name: stored[name] for name in stored.files}
    printed: dict[str, object] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = getattr(importlib.import_module(module), function)(arrays)
        except Exception as error:  # a package may raise anything, and that is a result
            printed["raised"] = f"{type(error).__name__}: {error}"[:200]
        else:
            printed["estimates"] = {name: _number(pair[0]) for name, pair in found.items()}
            printed["errors"] = {name: _number(pair[1]) for name, pair in found.items()}
    # Of deprecated calls no user of the package's results need know.
    told = [
        each
        for each in caught
        if not issubclass(each.category, (DeprecationWarning, FutureWarning))
    ]
    printed["warned"] = sorted({f"{each.category.__name__}: {each.message}"[:160] for each in told})
    with open(output, "w", encoding="utf-8") as file:
        json.dump(printed, file)


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
