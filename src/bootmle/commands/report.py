"""``bootmle report``: the contents of run directories as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.loading import holds_study, load
from bootmle.bootstrapping.results import Bootstrap
from bootmle.bootstrapping.summary_text import percentile_ends
from bootmle.commands.jobs import Job, read_job
from bootmle.commands.run import BAD_ARGUMENTS, DONE
from bootmle.crosschecks import crosscheck
from bootmle.optimization.status import Status
from bootmle.sampling import Plan
from bootmle.simulation.study import Coverage

__all__ = ["report"]


def report(arguments: Namespace) -> int:
    """Print a run's table and cross-check, or a study, and return the exit status."""
    paths = [Path(path) for path in arguments.paths]
    try:
        if any(map(holds_study, paths)):
            _print_study(Coverage.load(*paths), arguments.form)
        else:
            # A directory may come from anywhere: what runs is named on the command line alone.
            job = arguments.job and read_job(arguments.job, arguments.sampling)
            fit, plan = job.load() if job else (None, None)
            _print(_with_plan(load(*paths, fit=fit), plan), arguments, paths)
    except BrokenPipeError:
        raise
    except FileNotFoundError as error:
        print(f"bootmle report: {error.filename} does not exist; name a run", file=sys.stderr)
        return BAD_ARGUMENTS
    except (ValueError, OSError) as error:
        print(f"bootmle report: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    return DONE


def _print(boot: Bootstrap, arguments: Namespace, paths: Sequence[Path]) -> None:
    """Print in the requested form."""
    if arguments.form == "csv":
        _print_csv(boot, arguments.confidence_level)
    elif arguments.form == "json":
        print(json.dumps(_json(boot, arguments.confidence_level), indent=1))
    else:
        _print_table(boot, paths)


def _with_plan(boot: Bootstrap, plan: Plan | None) -> Bootstrap:
    """Replace the plan's text by the plan, and audit the replicates."""
    if boot.fit is None:
        return boot
    if plan is not None:
        boot = replace(boot, sampling=plan.prepared(boot.fit))
    return boot if isinstance(boot.sampling, str) else boot.examined()


def _print_table(boot: Bootstrap, paths: Sequence[Path]) -> None:
    """Print the table, and below it the cross-check or why there is none."""
    print(boot)
    print()
    if boot.fit is None:
        remembered = filter(None, map(Job.remembered, paths))
        options = next((job.options for job in remembered), "--model job.py:model")
        print(f"no cross-check without the model; if you trust its file, name it: {options}")
    elif boot.fit.likelihood is None:
        print("no cross-check: an Estimator has no likelihood")
    else:
        print(crosscheck(boot))


def _print_study(study: Coverage, form: str) -> None:
    """Print a simulation study; CSV and JSON have a row for each quantity and method."""
    with_errors = ("coverage", "below", "above", "mean_length")
    figures = [each for figure in with_errors for each in (figure, f"{figure}_mcse")]
    figures.append("withheld")
    rows = [
        {"name": name, "method": method}
        | {figure: float(getattr(study, figure)[method][j]) for figure in figures}
        for j, name in enumerate(study.names)
        for method in study.methods
    ]
    if form == "table":
        print(study)
    elif form == "json":
        print(json.dumps(_plain({"intervals": rows, "n_datasets": len(study.data)}), indent=1))
    else:
        lines = csv.DictWriter(sys.stdout, ["name", "method", *figures], lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)


def _columns(boot: Bootstrap, confidence_level: float) -> dict[str, list[float]]:
    """Return the columns of CSV and JSON."""
    low, high = percentile_ends(boot, confidence_level)
    figures = {
        "estimate": boot.estimate,
        "bias": boot.bias,
        "standard_error": boot.standard_error,
        "standard_error_mcse": boot.standard_error_mcse,
        "quantile_standard_error": boot.quantile_standard_error,
        "low": low,
        "high": high,
    }
    return {name: values.tolist() for name, values in figures.items()}


def _print_csv(boot: Bootstrap, confidence_level: float) -> None:
    """Print one row for each parameter."""
    columns = _columns(boot, confidence_level)
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["name", *columns])
    rows.writerows(zip(boot.names, *columns.values(), strict=True))


def _json(boot: Bootstrap, confidence_level: float) -> dict[str, Any]:
    """Gather everything for JSON, with non-finite numbers as text."""
    parameters = [
        dict(zip(("name", *columns), row, strict=True))
        for columns in [_columns(boot, confidence_level)]
        for row in zip(boot.names, *columns.values(), strict=True)
    ]
    found: dict[str, Any] = {
        "parameters": parameters,
        "confidence_level": confidence_level,
        "n_replicates": len(boot.data),
        "n_failed": boot.n_failed,
        "status": {each.name: int(np.sum(boot.status == each)) for each in Status},
        "sampling": str(boot.sampling),
        "seed": str(boot.seed),
        "seconds": boot.seconds,
        "stopped": boot.stopped,
        "notes": list(boot.notes),
        "alarms": [str(alarm) for alarm in boot.alarms],
    }
    if boot.fit is not None and boot.fit.likelihood is not None:
        check = crosscheck(boot)
        found["crosscheck"] = {
            "standard_errors": {
                source: errors.tolist() for source, errors in check.standard_errors.items()
            },
            "verdicts": {source: str(verdict) for source, verdict in check.verdicts.items()},
            "flags": sorted(flag.name for flag in check.flags),
        }
    plain: dict[str, Any] = _plain(found)
    return plain


def _plain(value: Any) -> Any:
    """Replace non-finite numbers, at any depth, by their text."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
