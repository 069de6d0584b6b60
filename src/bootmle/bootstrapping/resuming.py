"""Starting and resuming runs: what a run computes, and the directory that keeps its pieces."""

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
    spans_in,
    write_manifest,
)
from bootmle.execution.computation import Countable
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.refitting.forecast import pays_apart
from bootmle.sampling import Plan

__all__ = ["StartedRun", "open_checkpoint", "record_stop", "start_or_resume"]

Kind = TypeVar("Kind", bound=Countable)


@dataclass(frozen=True, slots=True, eq=False)
class StartedRun:
    """What a run computes, as its first session started it."""

    fit: Fit | Estimator
    """At the estimate and in the whitening of the first session."""
    plan: Plan
    """Prepared for the data."""
    seed: int
    description: dict[str, Any]
    """The identity of the run; empty for one without a directory."""
    manifest: Manifest | None
    """Of a run that is resumed; None for a new one."""

    @property
    def notes(self) -> tuple[str, ...]:
        """The versions that have changed since the run was started."""
        begun = {} if self.manifest is None else self.manifest["versions"]
        own = versions(self.fit)
        changed = [
            f"{name} {was}, now {own.get(name)}"
            for name, was in begun.items()
            if was != own.get(name)
        ]
        return (f"started with {'; '.join(changed)}: last bits may differ",) if changed else ()

    def takes_apart(self, count: int) -> bool:
        """Whether verified refits of a total take it apart: as in the run's first session."""
        if self.manifest is None:
            return pays_apart(self.fit, self.plan, count)
        return bool(self.manifest["record"].get("apart"))


def start_or_resume(
    fit: Fit | Estimator,
    sampling: Plan,
    refit: str,
    rng: Any,
    checkpoint: Path | None,
    **more: Any,
) -> StartedRun:
    """Start a run, or resume the one in the directory; ``more`` belongs to its identity."""
    # Raises ValueError if the directory holds another run, naming what differs.
    # In this order, since another process may be starting the run: its manifest comes first.
    pieces = [] if checkpoint is None else spans_in(checkpoint)
    begun = checkpoint if checkpoint is not None and is_run(checkpoint) else None
    if pieces and begun is None:
        raise ValueError(
            f"checkpoint: {checkpoint} holds the pieces of a run, but not its run.json; restore a "
            f"copy of it, or use another directory"
        )
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
    """Refuse another run than the directory's, naming what differs."""
    # From another estimate the objective's values differ, too, and are not worth a mention.
    known = {name: value for name, value in own.items() if name != "objective" or not elsewhere}
    different = [*differences(stored, known), *elsewhere]
    if different:
        raise ValueError(
            f"checkpoint: {checkpoint} holds another run: {'; '.join(different)}; use another "
            f"directory, or delete this one"
        )


def open_checkpoint(
    path: Path, started: StartedRun, record: dict[str, Any], count: int, kind: type[Kind]
) -> Checkpoint[Kind]:
    """Open the directory of a run and write its manifest."""
    # Raises FileExistsError if another process has just started the run: start_or_resume again.
    manifest = started.manifest
    if manifest is None:
        manifest = {
            "versions": versions(started.fit),
            "run": started.description,
            "start": started.fit.start(),
            "kind": kind.__name__,
            "record": record,
            "n_resamples": count,
            "stopped": "",
        }
        write_manifest(path, manifest, replace=False)
        return Checkpoint.of(path, kind, manifest)
    # An earlier version may have recorded less than this one needs.
    updated = {**manifest, "record": {**record, **manifest["record"]}}
    if count > manifest["n_resamples"]:
        updated |= {"n_resamples": count, "stopped": ""}
    if updated != manifest:
        write_manifest(path, updated, replace=True)
    return Checkpoint.of(path, kind, updated)


def record_stop(store: Checkpoint[Any], count: int, reason: str) -> None:
    """Record that a run is complete with fewer replicates than planned, unless it had more."""
    manifest = read_manifest(store.path)
    if (before := max((last for _, last in store.found), default=0)) > count:
        count, reason = min(before, manifest["n_resamples"]), ""
    write_manifest(store.path, {**manifest, "n_resamples": count, "stopped": reason}, replace=True)
