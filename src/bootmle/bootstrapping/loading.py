"""The verb `load`: saved replicates, and directories of runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.identity import restored
from bootmle.bootstrapping.results import Bootstrap
from bootmle.bootstrapping.storage import read_run
from bootmle.display.text import brief
from bootmle.execution.checkpoint import is_run, read_manifest
from bootmle.execution.merging import read_directories
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.alarms import Alarm
from bootmle.refitting.audits import audit_from_json
from bootmle.refitting.replicates import Replicates
from bootmle.sampling import read_plan

__all__ = ["holds_study", "load"]

_SAME = ("names", "estimate", "sampling", "refit", "fixed")


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """One run as it was read: its record, replicates, their numbers, and where it started."""

    path: str
    record: Mapping[str, Any]
    data: Replicates
    numbers: NDArray[np.intp] | None
    start: Mapping[str, Any] | None = None


def load(*paths: str | Path, fit: Fit | Estimator | None = None) -> Bootstrap:
    """Read saved replicates, and directories of runs at any time; several are joined.

    Parameters
    ----------
    *paths : str or Path
        Files that `Bootstrap.save` wrote, of different seeds; directories that ``checkpoint``
        named, which hold parts of one run.
    fit : Fit or Estimator, optional
        What was refitted: to extend the run, for BCa intervals, or to crosscheck.

    Returns
    -------
    Bootstrap
        Merged parts are the undivided run, bit for bit; what is missing is named in its notes.

    Raises
    ------
    ValueError
        For files that are not such, are damaged, or do not belong together: other parameters,
        estimates, plans or refits, or the same seed; parts of a run that disagree; a directory of
        a simulation study, which `Coverage.load` reads.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from bootmle import Estimator, bootstrap, load
    >>> boot = bootstrap(Estimator(np.mean, args=np.arange(9.0)), n_resamples=99, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     boot.save(Path(folder) / "mean.npz")
    ...     again = load(Path(folder) / "mean.npz")
    >>> bool(np.array_equal(again.replicates, boot.replicates))
    True
    """
    if not paths:
        raise ValueError("paths: name at least one file or directory")
    if not all(isinstance(path, str | os.PathLike) for path in paths):
        raise TypeError(f"paths: {brief(paths)}; pass each path as an argument: load(a, b)")
    if not isinstance(fit, Fit | Estimator | None):
        raise TypeError(f"fit: {type(fit).__name__}; pass what fit() returned, or an Estimator")
    places = [Path(path) for path in paths]
    studies = [place for place in places if holds_study(place)]
    if studies:
        raise ValueError(
            f"paths: {studies[0]} holds a simulation study; read it with Coverage.load(...)"
        )
    runs = _read(places)
    first = runs[0]
    if len(runs) > 1 and not first.record["drawn"]:
        raise ValueError(
            f"paths: {first.record['sampling']} has the same samples in every run; load one of them"
        )
    for run in runs[1:]:
        _check_same(first, run)
    if fit is not None and any(run.record["derived"] for run in runs):
        raise ValueError("fit: the files hold derived quantities; load them without it")
    if fit is not None and list(fit.names) != list(first.record["names"]):
        raise ValueError(
            f"fit: has {list(fit.names)}, {first.path} {list(first.record['names'])}; pass the fit "
            f"that it was computed from"
        )
    estimate = np.array(first.record["estimate"], dtype=float)
    if fit is not None and not np.allclose(fit.estimate, estimate, rtol=1e-6, atol=1e-9):
        raise ValueError(
            f"fit: its estimate is {fit.estimate}, that of {first.path} {estimate}; pass the fit "
            f"that it was computed from"
        )
    if fit is not None and first.start is not None:
        fit = restored(fit, first.start)
    return _joined(runs, estimate, fit)


def holds_study(place: Path) -> bool:
    """Whether a directory holds data sets of a simulation study."""
    return is_run(place) and read_manifest(place)["kind"] != Replicates.__name__


def _read(places: Sequence[Path]) -> list[_Stored]:
    """Read every file, and all directories as the parts of one run."""
    runs = []
    for place in places:
        if not place.is_dir():
            record, data = read_run(place)
            numbers = record["numbers"]
            kept = None if numbers is None else np.array(numbers, dtype=np.intp)
            runs.append(_Stored(str(place), record, data, kept))
        elif not is_run(place):
            raise ValueError(f"paths: {place} is a directory without run.json; nothing ran there")
    parts = [place for place in places if place.is_dir()]
    return [*runs, _read_parts(parts)] if parts else runs


def _read_parts(parts: Sequence[Path]) -> _Stored:
    """Merge the directories of one run."""
    merged = read_directories(parts, Replicates)
    record = {
        **merged.manifest["record"],
        "remarks": list(filter(None, [merged.missing])),
        "derived": False,
        "seconds": merged.seconds,
        "stopped": merged.manifest["stopped"],
        "jackknife": None,
        "strata": None,
        "audits": [],
        "alarms": [],
    }
    consecutive = np.array_equal(merged.numbers, np.arange(len(merged.numbers)))
    numbers = None if consecutive else merged.numbers
    named = ", ".join(map(str, parts))
    return _Stored(named, record, merged.data, numbers, merged.manifest["start"])


def _joined(runs: Sequence[_Stored], estimate: Floats, fit: Fit | Estimator | None) -> Bootstrap:
    """Make one Bootstrap of all runs."""
    about, seeds = runs[0].record, _seeds(runs)
    cache = {name: about[name] for name in ("jackknife", "strata") if about[name] is not None}
    sampling = None if fit is None else read_plan(about["sampling"])
    return Bootstrap(
        fit=fit,
        names=tuple(about["names"]),
        estimate=estimate,
        data=Replicates.concatenate([run.data for run in runs]),
        seed=seeds[0],
        seeds=seeds,
        numbers=runs[0].numbers if len(runs) == 1 else None,
        stopped=about["stopped"],
        sampling=about["sampling"] if sampling is None else sampling,
        rescaling=tuple(about["rescaling"]),
        supports_quantiles=about["quantiles"],
        is_random=about["drawn"],
        center=_array(about["centre"]),
        own_standard_error=_array(about["own_standard_error"]),
        refit=about["refit"],
        fixed=tuple(about["fixed"]),
        n_shared=sum(run.record["n_shared"] for run in runs),
        seconds=sum(run.record["seconds"] for run in runs),
        not_identified=tuple(about["not_identified"]),
        notes=tuple(dict.fromkeys(note for run in runs for note in run.record["notes"])),
        remarks=tuple(note for run in runs for note in run.record["remarks"]),
        audits=tuple(audit_from_json(audit) for run in runs for audit in run.record["audits"]),
        alarms=tuple(Alarm.from_json(alarm) for run in runs for alarm in run.record["alarms"]),
        cache={name: np.array(values, dtype=float) for name, values in cache.items()},
    )


def _array(values: list[float] | None) -> Floats | None:
    """Read an array that may not be there."""
    return None if values is None else np.array(values, dtype=float)


def _check_same(one: _Stored, other: _Stored) -> None:
    """Refuse runs of another fit, plan or kind of refit, naming what differs."""
    for key in _SAME:
        if one.record[key] != other.record[key]:
            raise ValueError(
                f"paths: {other.path} has {key} {other.record[key]!r}, {one.path} has "
                f"{one.record[key]!r}; only runs of the same fit and plan can be joined"
            )


def _seeds(runs: Sequence[_Stored]) -> tuple[int, ...]:
    """List the seeds of all runs; the same one twice would count its replicates twice."""
    seeds = tuple(int(seed) for run in runs for seed in run.record["seeds"])
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise ValueError(f"paths: seeds {repeated} repeat, so the files hold the same replicates")
    return seeds
