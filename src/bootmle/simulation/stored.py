"""Studies on disk: what each directory stores besides its data sets, and how it is read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bootmle.bootstrapping.loading import holds_study
from bootmle.execution.checkpoint import is_run
from bootmle.execution.merging import Merged, read_directories
from bootmle.simulation.experiment import Experiment
from bootmle.simulation.simulated_fits import SimulatedFits

__all__ = ["read_study", "record_of"]


def record_of(experiment: Experiment, notes: Sequence[str]) -> dict[str, Any]:
    """Describe a study in JSON's types: all that a Coverage needs besides its data sets."""
    truth, names = experiment.quantities
    return {
        "names": list(names),
        "truth": truth.tolist(),
        "sources": list(experiment.sources),
        "methods": list(experiment.methods),
        "confidence_level": float(experiment.confidence_level),
        "n_resamples": experiment.n_resamples,
        "sampling": str(experiment.sampling),
        "seed": str(experiment.seed),
        "notes": list(notes),
    }


def read_study(paths: Sequence[Path]) -> Merged[SimulatedFits]:
    """Read the directories of one study; raise ValueError where they do not hold one."""
    for path in paths:
        if not is_run(path):
            raise ValueError(
                f"paths: {path} is not a directory with a run.json, so no study is stored there"
            )
        if not holds_study(path):
            raise ValueError(
                f"paths: {path} holds a bootstrap run, not a simulation study; read it with load()"
            )
    merged = read_directories(paths, SimulatedFits, "data sets")
    if not merged.manifest["record"]:
        raise ValueError(
            f"paths: {paths[0]} was begun by an earlier version, which kept no record of its "
            f"quantities; call coverage(..., checkpoint={str(paths[0])!r}) once with the same "
            f"arguments, then load it"
        )
    return merged
