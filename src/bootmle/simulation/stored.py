"""Studies on disk: what belongs to their data sets, and directories read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.bootstrapping.loading import holds_study
from bootmle.execution.checkpoint import is_run
from bootmle.execution.merging import read_directories
from bootmle.simulation.experiment import Experiment
from bootmle.simulation.trials import SimulatedFits

__all__ = ["fields_of", "read_study", "record_of"]


def record_of(experiment: Experiment, notes: Sequence[str]) -> dict[str, Any]:
    """Return what belongs to a study's data sets in a form that JSON holds."""
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


def fields_of(
    record: Mapping[str, Any],
    data: SimulatedFits,
    seconds: float,
    stopped: str = "",
    remarks: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the fields of the study of what is on record and its data sets."""
    return {
        "names": tuple(record["names"]),
        "truth": np.array(record["truth"], dtype=float),
        "data": data,
        "sources": tuple(record["sources"]),
        "methods": tuple(record["methods"]),
        "confidence_level": record["confidence_level"],
        "n_resamples": record["n_resamples"],
        "sampling": record["sampling"],
        "seed": int(record["seed"]),
        "seconds": seconds,
        "stopped": stopped,
        "notes": (*record["notes"], *remarks),
    }


def read_study(paths: Sequence[Path]) -> dict[str, Any]:
    """Read the fields of a study from its directories; what is missing is named in its notes.

    Raises
    ------
    ValueError
        Where directories are of different studies, overlap and disagree, or were written by a
        version that kept no record.
    """
    _check(paths)
    merged = read_directories(paths, SimulatedFits, "data sets")
    record = merged.manifest["record"]
    if not record:
        raise ValueError(
            f"paths: {paths[0]} was begun by an earlier version, which did not write down what its "
            f"numbers are of; call coverage(..., checkpoint={str(paths[0])!r}) once with the same "
            f"arguments, then load it"
        )
    remarks = [merged.missing] if merged.missing else []
    return fields_of(record, merged.data, merged.seconds, remarks=remarks)


def _check(paths: Sequence[Path]) -> None:
    """Refuse a place that holds no study."""
    for path in paths:
        if not is_run(path):
            raise ValueError(f"paths: {path} is no directory with a run.json; no study ran there")
        if not holds_study(path):
            raise ValueError(
                f"paths: {path} holds a bootstrap run, not a simulation study; read it with load()"
            )
