"""The function `load`: saved runs, and the directories of runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.correcting import VERIFIED, Corrected, correct_by, leading
from bootmle.bootstrapping.results import Bootstrap
from bootmle.bootstrapping.storage import read_run
from bootmle.display.text import brief
from bootmle.execution.checkpoint import is_run, read_manifest
from bootmle.execution.merging import Merged, read_directories
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.refitting.replicates import Replicates
from bootmle.sampling import read_plan, restore_plan

__all__ = ["holds_study", "load"]

_RTOL, _ATOL = 1e-6, 1e-9
"""Tolerance for a fit's estimate: computed on another machine it differs by rounding only."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """One run, with its path and the point where its refits start."""

    path: str
    run: Bootstrap
    start: Mapping[str, Any] | None = None


def load(*paths: str | Path, fit: Fit | Estimator | None = None) -> Bootstrap:
    """Load saved runs, or the directories of a run at any time; several are merged.

    Parameters
    ----------
    *paths : str or Path
        Files written by `Bootstrap.save` with different seeds, or directories passed as
        ``checkpoint``, which hold parts of one run.
    fit : Fit or Estimator, optional
        The original fit, which extending the run, BCa intervals and `crosscheck` need.

    Returns
    -------
    Bootstrap
        Merged parts equal the undivided run, bit for bit; missing parts are named in its remarks.

    Raises
    ------
    FileNotFoundError
        For what does not exist.
    ValueError
        For files that are damaged or not saved runs; for runs that cannot be merged because
        parameters, estimates, plans or kinds of refit differ, or seeds are the same; for parts
        of a run that disagree; and for the directory of a simulation study, which `Coverage.load`
        reads.

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
        raise TypeError(f"paths: got {brief(paths)}; pass each path as an argument: load(a, b)")
    if not isinstance(fit, Fit | Estimator | None):
        raise TypeError(f"fit: got {type(fit).__name__}; pass a Fit or an Estimator")
    places = [Path(path) for path in paths]
    if lost := [place for place in places if not place.exists()]:
        raise FileNotFoundError(
            f"paths: {lost[0]} does not exist; name a file or a run's directory"
        )
    studies = [place for place in places if holds_study(place)]
    if studies:
        raise ValueError(
            f"paths: {studies[0]} holds a simulation study; read it with Coverage.load(...)"
        )
    runs = _read(places)
    first = runs[0]
    if len(runs) > 1 and not first.run.is_random:
        raise ValueError(
            f"paths: {first.run.sampling} has the same samples in every run; load only one run"
        )
    for stored in runs[1:]:
        _check_same(first, stored)
    _check_seeds(runs)
    if fit is not None:
        _check_fit(fit, runs)
        fit = fit if first.start is None else fit.restored(first.start)
    return _joined(runs, fit)


def holds_study(place: Path) -> bool:
    """Whether a directory holds data sets of a simulation study."""
    return is_run(place) and read_manifest(place)["kind"] != Replicates.__name__


def _check_fit(fit: Fit | Estimator, runs: Sequence[_Stored]) -> None:
    """Raise if the runs are not of this fit."""
    path, first = runs[0].path, runs[0].run
    if any(stored.run.derived for stored in runs):
        raise ValueError("fit: the files hold derived quantities; load them without fit")
    if fit.names != first.names:
        raise ValueError(
            f"fit: its parameters are {list(fit.names)}, those of {path} {list(first.names)}; "
            f"pass the fit that was bootstrapped"
        )
    if not np.allclose(fit.estimate, first.estimate, rtol=_RTOL, atol=_ATOL):
        raise ValueError(
            f"fit: its estimate is {fit.estimate}, that of {path} {first.estimate}; pass the fit "
            f"that was bootstrapped"
        )


def _read(places: Sequence[Path]) -> list[_Stored]:
    """Read every file as a run, and all directories together as one run."""
    runs = []
    for place in places:
        if not place.is_dir():
            runs.append(_Stored(str(place), _run(place, *read_run(place))))
        elif not is_run(place):
            raise ValueError(
                f"paths: {place} is a directory without run.json, so not that of a run"
            )
    parts = [place for place in places if place.is_dir()]
    return [*runs, _read_parts(parts)] if parts else runs


def _read_parts(parts: Sequence[Path]) -> _Stored:
    """Merge the directories of one run."""
    merged = read_directories(parts, Replicates)
    record, data, found = merged.manifest["record"], merged.data, None
    if record.get("refit") == "corrected":
        found = _corrected(parts, merged)
        data = found.data
    consecutive = np.array_equal(merged.numbers, np.arange(len(merged.numbers)))
    run = replace(
        _run(parts[0] / "run.json", record, data),
        numbers=None if consecutive else merged.numbers,
        seconds=merged.seconds,
        stopped=merged.manifest["stopped"],
        remarks=(*filter(None, [merged.missing]), *(() if found is None else found.remarks)),
        correction=None if found is None else found.correction,
    )
    return _Stored(", ".join(map(str, parts)), run, merged.manifest["start"])


def _run(place: Path, record: Mapping[str, Any], data: Replicates) -> Bootstrap:
    """Build a run from its record; ValueError that names the file of a damaged one."""
    try:
        return Bootstrap.from_json(record, data)
    except ValueError as error:
        raise ValueError(
            f"paths: {place} is damaged, or not of a run: {error}; restore a copy of it"
        ) from error


def _corrected(parts: Sequence[Path], merged: Merged[Replicates]) -> Corrected:
    """Correct the replicates of a run by those of its first ones that are verified so far."""
    folders = [part / VERIFIED for part in parts if is_run(part / VERIFIED)]
    try:
        verified = read_directories(folders, Replicates) if folders else None
    except ValueError:  # none is finished yet
        verified = None
    if verified is None:
        return correct_by(merged.data, merged.data.first(0))
    first = leading(merged.numbers, verified.data, verified.numbers)
    return correct_by(merged.data, first)


def _joined(runs: Sequence[_Stored], fit: Fit | Estimator | None) -> Bootstrap:
    """Merge all runs into one Bootstrap, and attach the fit."""
    whole = Bootstrap.joined([stored.run for stored in runs])
    if fit is None:
        return whole
    sampling = read_plan(str(whole.sampling)) or whole.sampling
    if whole.labels is not None:
        sampling = restore_plan(whole.labels, fit) or sampling
    jackknife = whole.leave_one_out or LeaveOneOut(
        fit, sampling, len(whole.data), apart=whole.apart
    )
    return replace(whole, fit=fit, sampling=sampling, leave_one_out=jackknife)


def _check_same(one: _Stored, other: _Stored) -> None:
    """Raise for runs of another fit, plan or kind of refit, naming what differs."""
    own = other.run.shared()
    for key, value in one.run.shared().items():
        if own[key] != value:
            raise ValueError(
                f"paths: {other.path} has {key} {own[key]!r}, but {one.path} has {value!r}; only "
                f"runs of the same fit and plan can be merged"
            )


def _check_seeds(runs: Sequence[_Stored]) -> None:
    """Raise for a repeated seed, whose replicates would count twice."""
    seeds = [seed for stored in runs for seed in stored.run.seeds]
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise ValueError(
            f"paths: seeds {repeated} occur twice, so some replicates would count twice"
        )
