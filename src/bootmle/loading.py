"""The verb `load`: saved replicates, of one run or of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.alarms import Alarm
from bootmle.arrays import Floats
from bootmle.audits import audit_from_json
from bootmle.execution.storage import read_run
from bootmle.fitting import Estimator, Fit
from bootmle.replicates import Replicates
from bootmle.results import Bootstrap

__all__ = ["load"]

Run = tuple[dict[str, Any], Floats, Replicates]

_SAME = ("names", "sampling", "refit", "fixed")


def load(*paths: str | Path, fit: Fit | Estimator | None = None) -> Bootstrap:
    """Read saved replicates; several files are joined in the order given.

    Parameters
    ----------
    *paths : str or Path
        Files that `Bootstrap.save` wrote.
    fit : Fit or Estimator, optional
        What was refitted, to hang on the result.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ValueError
        For files that are not such, are damaged, or do not belong together: other parameters,
        estimates, plans or refits, or the same seed.

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
        raise ValueError("paths: name at least one file")
    runs = [read_run(path) for path in paths]
    if len(runs) > 1 and not runs[0][0]["drawn"]:
        raise ValueError(
            f"paths: {runs[0][0]['sampling']} has the same samples in every run; load one of them"
        )
    for path, run in zip(paths[1:], runs[1:], strict=True):
        _check_same(paths[0], runs[0], path, run)
    about, estimate, _ = runs[0]
    if fit is not None and not np.array_equal(fit.estimate, estimate):
        raise ValueError(f"fit: its estimate {fit.estimate} is not that of {paths[0]}, {estimate}")
    seeds = _seeds(runs)
    return Bootstrap(
        fit=fit,
        names=tuple(about["names"]),
        estimate=estimate,
        data=Replicates.concatenate([run[2] for run in runs]),
        seed=seeds[0],
        seeds=seeds,
        sampling=about["sampling"],
        rescaling=tuple(about["rescaling"]),
        quantiles=about["quantiles"],
        drawn=about["drawn"],
        centre=None if about["centre"] is None else np.array(about["centre"]),
        refit=about["refit"],
        fixed=tuple(about["fixed"]),
        n_shared=sum(run[0]["n_shared"] for run in runs),
        seconds=sum(run[0]["seconds"] for run in runs),
        not_identified=tuple(about["not_identified"]),
        notes=tuple(about["notes"]),
        audits=tuple(audit_from_json(audit) for run in runs for audit in run[0]["audits"]),
        alarms=tuple(Alarm.from_json(alarm) for run in runs for alarm in run[0]["alarms"]),
    )


def _check_same(first: str | Path, one: Run, path: str | Path, other: Run) -> None:
    """Refuse runs of another fit, plan or kind of refit, naming what differs."""
    for key in _SAME:
        if one[0][key] != other[0][key]:
            raise ValueError(
                f"paths: {path} has {key} {other[0][key]!r}, {first} has {one[0][key]!r}; only "
                f"runs of the same fit and plan can be joined"
            )
    if not np.array_equal(one[1], other[1]):
        raise ValueError(f"paths: {path} holds another estimate than {first}")


def _seeds(runs: Sequence[Run]) -> tuple[int, ...]:
    """List the seeds of all runs; the same one twice would count its replicates twice."""
    seeds = tuple(int(seed) for run in runs for seed in run[0]["seeds"])
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise ValueError(f"paths: seeds {repeated} repeat, so the files hold the same replicates")
    return seeds
