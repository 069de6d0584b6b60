"""Do `fit` and `bootstrap` refuse what resamples do not mean, and nothing else?

200 random regular models and those of the simulation studies are fitted and bootstrapped: none may
be refused, nor raise an alarm that doubts its replicates. 60 violations must be refused in words
that name the cause. Evaluations that the checks take are counted. Exits with 1 where any figure is
missed.

    python benchmarks/contract.py [--models 200]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from bootmle import bootstrap, fit
from bootmle.likelihood.data import count_rows
from bootmle.refitting.plausibility import IN_DOUBT
from bootmle.sampling import Structure
from contract_models import Regular, regular_models, studied_models
from contract_violations import violations

MOST_IN_FIT, MOST_IN_BOOTSTRAP = 12, 8
"""Evaluations that the checks may take, none on more than twice the rows."""


class Counted:
    """An objective that notes how many rows each of its evaluations has."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.rows: list[int] = []

    def __call__(self, params: Any, *args: Any) -> Any:
        self.rows.append(int(count_rows(args) or 0))
        return self.function(params, *args)


def main() -> None:
    """Try everything, print what was wrong, and exit with 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=200, help="how many regular models to try")
    count = parser.parse_args().models
    warnings.simplefilter("error")
    started = time.perf_counter()
    models = [*regular_models(count), *studied_models()]
    refused = [said for said in map(_refusal, models) if said]
    tried = list(violations())
    missed = [said for said in map(_missed, tried) if said]
    print(f"{len(models)} regular models, {len(refused)} refused or suspected")
    print(f"{len(tried)} violations, {len(missed)} missed")
    print(f"{time.perf_counter() - started:.0f} s")
    sys.exit(1 if refused or missed else 0)


def _refusal(model: Regular) -> str:
    """Fit and bootstrap a regular model: what was wrong with it, or nothing."""
    nll = Counted(model.nll)
    n = int(count_rows((model.args,)) or 0)
    try:
        mle = fit(nll, model.start, model.args, **model.options)
        parts = [rows for rows in nll.rows if rows != n]
        nll.rows.clear()
        model.sampling.check_fit(mle)
        if model.sampling.structure is Structure.CLUSTERS:
            model.sampling.prepared(mle)
        checks = list(nll.rows)
        boot = bootstrap(mle, sampling=model.sampling, n_resamples=49, rng=0, progress=False)
    except Exception as error:
        return _said(f"{model.name}: {type(error).__name__}: {error}")
    alarms = [str(alarm) for alarm in boot.alarms if alarm.kind in IN_DOUBT]
    if alarms:
        return _said(f"{model.name}: {'; '.join(alarms)}")
    most = max([*parts, *checks], default=0)
    if len(parts) > MOST_IN_FIT or len(checks) > MOST_IN_BOOTSTRAP or most > 2 * n:
        return _said(
            f"{model.name}: {len(parts)} evaluations on parts of the rows in fit, {len(checks)} in "
            f"bootstrap, of up to {most} rows, there are {n}"
        )
    return ""


def _missed(violation: Any) -> str:
    """Run a violation: what was wrong with the refusal, or nothing."""
    try:
        violation.run()
    except Exception as error:
        named = re.search(violation.words, str(error), re.DOTALL | re.IGNORECASE)
        if named and isinstance(error, ValueError | TypeError):
            return ""
        return _said(f"{violation.name}: {type(error).__name__}: {error}")
    return _said(f"{violation.name}: not refused")


def _said(text: str) -> str:
    print("  " + " ".join(text.split())[:300], flush=True)
    return text


if __name__ == "__main__":
    main()
