"""``bootmle report``: the contents of run directories as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
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
    if lost := [path for path in paths if not path.exists()]:
        print(f"bootmle report: {lost[0]} does not exist; name a run", file=sys.stderr)
        return BAD_ARGUMENTS
    try:
        text = _report(arguments, paths)
    except (ValueError, OSError) as error:
        print(f"bootmle report: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    print(text)
    return DONE


def _report(arguments: Namespace, paths: Sequence[Path]) -> str:
    """Read what the directories or files hold, and return it in the requested form."""
    if any(map(holds_study, paths)):
        return _study_text(Coverage.load(*paths), arguments.form)
    # A directory may come from anywhere: what runs is named on the command line alone.
    job = arguments.job and read_job(arguments.job, arguments.sampling)
    fit, plan = job.load() if job else (None, None)
    boot = _with_plan(load(*paths, fit=fit), plan)
    if arguments.form == "csv":
        return _csv(boot, arguments.confidence_level)
    if arguments.form == "json":
        return json.dumps(_json(boot, arguments.confidence_level), indent=1)
    return f"{boot}\n\n{_crosscheck_text(boot, paths)}"


def _with_plan(boot: Bootstrap, plan: Plan | None) -> Bootstrap:
    """Replace the plan's text by the plan, and audit the replicates."""
    if boot.fit is None:
        return boot
    if plan is not None:
        boot = replace(boot, sampling=plan.prepared(boot.fit))
    return boot if isinstance(boot.sampling, str) else boot.examined()


def _crosscheck_text(boot: Bootstrap, paths: Sequence[Path]) -> str:
    """Return the cross-check, or why there is none."""
    if boot.fit is None:
        remembered = filter(None, map(Job.remembered, paths))
        options = next((job.options for job in remembered), "--model job.py:model")
        return f"no cross-check without the model; if you trust its file, name it: {options}"
    if boot.fit.likelihood is None:
        return "no cross-check: an Estimator has no likelihood"
    return str(crosscheck(boot))


def _study_text(study: Coverage, form: str) -> str:
    """Show a simulation study; CSV and JSON have a row for each quantity and method."""
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
        return str(study)
    if form == "json":
        return json.dumps(_plain({"intervals": rows, "n_datasets": len(study.data)}), indent=1)
    return _lines(["name", "method", *figures], [list(row.values()) for row in rows])


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


def _csv(boot: Bootstrap, confidence_level: float) -> str:
    """Return one row for each parameter."""
    columns = _columns(boot, confidence_level)
    return _lines(["name", *columns], zip(boot.names, *columns.values(), strict=True))


def _lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a header and rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().rstrip("\n")


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
