"""A run that can be gone on with: what it is, and where its chunks are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bootmle.bootstrapping.arguments import read_seed
from bootmle.bootstrapping.identity import describe, differences, versions
from bootmle.execution.checkpoint import (
    Checkpoint,
    Manifest,
    is_run,
    read_manifest,
    write_manifest,
)
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.sampling import Plan

__all__ = ["StartedRun", "open_checkpoint", "record_stop", "start_or_resume"]

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, eq=False)
class StartedRun:
    """What a run computes, as its first session began it.

    Attributes
    ----------
    fit : Fit or Estimator
        At the estimate, and in the whitening, that the run began with.
    plan : Plan
        Ready for the data.
    seed : int
    description : dict
        What tells the run from others, where it is kept in a directory.
    manifest : dict or None
        Of the run that is gone on with; None where it begins.
    """

    fit: Fit | Estimator
    plan: Plan
    seed: int
    description: dict[str, Any]
    manifest: Manifest | None

    @property
    def notes(self) -> tuple[str, ...]:
        """Say which versions have changed since the run began: last bits may differ then."""
        begun = {} if self.manifest is None else self.manifest["versions"]
        own = versions()
        changed = [
            f"{name} {was}, now {own[name]}" for name, was in begun.items() if was != own[name]
        ]
        return (f"begun with {'; '.join(changed)}: last bits may differ",) if changed else ()


def start_or_resume(
    fit: Fit | Estimator,
    sampling: Plan,
    refit: str,
    rng: Any,
    checkpoint: Path | None,
    **more: Any,
) -> StartedRun:
    """Settle what a run computes: as asked, or as the run in the directory began.

    What is in ``more`` belongs to the run's description, too.

    Raises
    ------
    ValueError
        Where the directory holds another run, naming what differs.
    """
    begun = checkpoint if checkpoint is not None and is_run(checkpoint) else None
    manifest = None if begun is None else read_manifest(begun)
    own, elsewhere = fit, []
    try:
        own = fit if manifest is None else fit.restored(manifest["start"])
    except ValueError as error:
        elsewhere = [str(error)]
    plan = sampling.prepared(own)
    seed = read_seed(rng) if manifest is None or rng is not None else int(manifest["run"]["seed"])
    described = {} if checkpoint is None else describe(own, plan, refit, seed) | more
    if manifest is not None:
        _check_same(checkpoint, manifest["run"], described, elsewhere)
    return StartedRun(own, plan, seed, described, manifest)


def _check_same(
    checkpoint: Path | None,
    stored: Mapping[str, Any],
    own: Mapping[str, Any],
    elsewhere: Sequence[str],
) -> None:
    """Refuse another run than the directory's, naming what differs.

    From another estimate the objective's values differ, too, and are not worth a mention.
    """
    known = {name: value for name, value in own.items() if name != "objective" or not elsewhere}
    different = [*differences(stored, known), *elsewhere]
    if different:
        raise ValueError(
            f"checkpoint: {checkpoint} holds another run: {'; '.join(different)}; name another "
            f"directory, or delete this one"
        )


def open_checkpoint(
    path: Path, started: StartedRun, record: dict[str, Any], count: int, kind: type[Kind]
) -> Checkpoint[Kind]:
    """Open the directory for results of one kind, and write down what the run is.

    Raises
    ------
    FileExistsError
        Where another process has just begun it: start_or_resume again.
    """
    path.mkdir(parents=True, exist_ok=True)
    manifest = started.manifest
    if manifest is None:
        manifest = {
            "versions": versions(),
            "run": started.description,
            "start": started.fit.start(),
            "kind": kind.__name__,
            "record": record,
            "n_resamples": count,
            "stopped": "",
        }
        write_manifest(path, manifest, replace=False)
        return Checkpoint(path, kind)
    # An earlier version may have written down less than is needed to read the run back.
    updated = {**manifest, "record": {**record, **manifest["record"]}}
    if count > manifest["n_resamples"]:
        updated |= {"n_resamples": count, "stopped": ""}
    if updated != manifest:
        write_manifest(path, updated, replace=True)
    return Checkpoint(path, kind)


def record_stop(path: Path, count: int, reason: str) -> None:
    """Write down that a run is complete with fewer replicates than it was to have."""
    manifest = read_manifest(path)
    write_manifest(path, {**manifest, "n_resamples": count, "stopped": reason}, replace=True)
