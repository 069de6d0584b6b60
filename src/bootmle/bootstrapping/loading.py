"""The verb `load`: saved replicates, and directories of runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.results import Bootstrap
from bootmle.bootstrapping.storage import read_run
from bootmle.display.text import brief
from bootmle.execution.checkpoint import is_run, read_manifest
from bootmle.execution.merging import read_directories
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.refitting.replicates import Replicates
from bootmle.sampling import read_plan

__all__ = ["holds_study", "load"]

_RTOL, _ATOL = 1e-6, 1e-9
"""An optimum found again on another machine is the same to rounding; another fit's is not."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """One run as it was read, and where it started."""

    path: str
    run: Bootstrap
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
    if len(runs) > 1 and not first.run.is_random:
        raise ValueError(
            f"paths: {first.run.sampling} has the same samples in every run; load one of them"
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
    """Refuse a fit that the runs are not of."""
    path, first = runs[0].path, runs[0].run
    if any(stored.run.derived for stored in runs):
        raise ValueError("fit: the files hold derived quantities; load them without it")
    if fit.names != first.names:
        raise ValueError(
            f"fit: has {list(fit.names)}, {path} {list(first.names)}; pass the fit that it was "
            f"computed from"
        )
    if not np.allclose(fit.estimate, first.estimate, rtol=_RTOL, atol=_ATOL):
        raise ValueError(
            f"fit: its estimate is {fit.estimate}, that of {path} {first.estimate}; pass the fit "
            f"that it was computed from"
        )


def _read(places: Sequence[Path]) -> list[_Stored]:
    """Read every file, and all directories as the parts of one run."""
    runs = []
    for place in places:
        if not place.is_dir():
            runs.append(_Stored(str(place), Bootstrap.from_json(*read_run(place))))
        elif not is_run(place):
            raise ValueError(f"paths: {place} is a directory without run.json; nothing ran there")
    parts = [place for place in places if place.is_dir()]
    return [*runs, _read_parts(parts)] if parts else runs


def _read_parts(parts: Sequence[Path]) -> _Stored:
    """Merge the directories of one run."""
    merged = read_directories(parts, Replicates)
    consecutive = np.array_equal(merged.numbers, np.arange(len(merged.numbers)))
    run = replace(
        Bootstrap.from_json(merged.manifest["record"], merged.data),
        numbers=None if consecutive else merged.numbers,
        seconds=merged.seconds,
        stopped=merged.manifest["stopped"],
        remarks=tuple(filter(None, [merged.missing])),
    )
    return _Stored(", ".join(map(str, parts)), run, merged.manifest["start"])


def _joined(runs: Sequence[_Stored], fit: Fit | Estimator | None) -> Bootstrap:
    """Make one Bootstrap of all runs, and put the fit back."""
    whole = Bootstrap.joined([stored.run for stored in runs])
    if fit is None:
        return whole
    sampling = read_plan(str(whole.sampling)) or whole.sampling
    jackknife = whole.leave_one_out or LeaveOneOut(fit, sampling, len(whole.data))
    return replace(whole, fit=fit, sampling=sampling, leave_one_out=jackknife)


def _check_same(one: _Stored, other: _Stored) -> None:
    """Refuse runs of another fit, plan or kind of refit, naming what differs."""
    own = other.run.shared()
    for key, value in one.run.shared().items():
        if own[key] != value:
            raise ValueError(
                f"paths: {other.path} has {key} {own[key]!r}, {one.path} has {value!r}; only runs "
                f"of the same fit and plan can be joined"
            )


def _check_seeds(runs: Sequence[_Stored]) -> None:
    """Refuse the same seed twice, which would count its replicates twice."""
    seeds = [seed for stored in runs for seed in stored.run.seeds]
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise ValueError(f"paths: seeds {repeated} repeat, so the files hold the same replicates")
