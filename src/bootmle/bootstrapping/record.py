"""A run's record: what a Bootstrap consists of, and how that is written, read and merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bootmle.bootstrapping.calibrating import Calibrations
from bootmle.bootstrapping.own_errors import OwnErrors
from bootmle.bootstrapping.stored_fields import (
    entry,
    exactly,
    if_same,
    list_of,
    optional,
    tuple_of,
)
from bootmle.display.text import brief
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.correction import Correction
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.alarm_kinds import Alarm
from bootmle.refitting.audits import ColdAudit, ExpansionAudit, audit_from_json
from bootmle.refitting.cluster_robust import ClusterRobust
from bootmle.refitting.leave_one_out import LeaveOneOut
from bootmle.refitting.replicates import Replicates
from bootmle.refitting.task import Task
from bootmle.sampling import Plan, write_labels

__all__ = ["Record"]

_FORMERLY = {"quantiles": "supports_quantiles", "drawn": "is_random", "centre": "center"}
"""Former names of fields, in older files and directories."""


_FLAG, _TEXT = entry(read=exactly(bool)), entry(read=exactly(str))
_NAMES, _NUMBERS = tuple_of(str), tuple_of(int, float)
_ARRAY = entry(optional(np.ndarray.tolist), optional(lambda read: np.array(read, dtype=float)))
_LATE = {"late": True}
"""Known only at the end of a run; a directory holds the record of its beginning."""
_SHARED = {"shared": True}
"""Must agree between runs that are merged."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What a Bootstrap consists of; the metadata of a field say how it is stored."""

    fit: Fit | Estimator | None = field(repr=False)
    names: tuple[str, ...] = field(metadata=_NAMES | _SHARED)
    estimate: Floats = field(metadata=_ARRAY | _SHARED)
    data: Replicates = field(repr=False)
    seeds: tuple[int, ...] = field(metadata=list_of(str, int))
    sampling: Plan | str = field(repr=False, metadata=entry(str, exactly(str)) | _SHARED)
    n_shared: int = field(metadata=entry(read=exactly(int), join=sum))
    seconds: float = field(default=0.0, metadata=entry(read=exactly(int, float), join=sum) | _LATE)
    numbers: NDArray[np.intp] | None = field(
        default=None,
        repr=False,
        metadata=entry(
            optional(np.ndarray.tolist),
            optional(lambda read: np.array(read, dtype=np.intp)),
            lambda runs: runs[0] if len(runs) == 1 else None,
        )
        | _LATE,
    )
    stopped: str = field(default="", metadata=_TEXT | _LATE)
    rescaling: tuple[float, float] = field(default=(1.0, 1.0), repr=False, metadata=_NUMBERS)
    supports_quantiles: bool = field(default=True, repr=False, metadata=_FLAG)
    is_random: bool = field(default=True, repr=False, metadata=_FLAG)
    center: Floats | None = field(default=None, repr=False, metadata=_ARRAY)
    own_standard_error: Floats | None = field(default=None, repr=False, metadata=_ARRAY)
    refit: str = field(default="verified", metadata=_TEXT | _SHARED)
    correction: Correction | None = field(
        default=None,
        repr=False,
        metadata=entry(optional(Correction.to_json), optional(Correction.from_json))
        | {"join": Correction.joined}
        | _LATE,
    )
    n_units: int | None = field(
        default=None, repr=False, metadata=entry(read=exactly(int, type(None))) | _LATE
    )
    labels: Mapping[str, Any] | None = field(
        default=None,
        repr=False,
        metadata=entry(read=exactly(dict, type(None)), join=if_same) | _LATE,
    )
    cluster_robust: ClusterRobust | None = field(
        default=None,
        repr=False,
        metadata=entry(optional(ClusterRobust.to_json), optional(ClusterRobust.from_json), if_same)
        | _LATE,
    )
    apart: bool = field(
        default=False, repr=False, metadata=entry(read=exactly(bool), join=any) | _LATE
    )
    fixed: tuple[str, ...] = field(default=(), metadata=_NAMES | _SHARED)
    not_identified: tuple[str, ...] = field(default=(), metadata=_NAMES)
    at_bound: tuple[str, ...] = field(default=(), metadata=_NAMES | _LATE)
    notes: tuple[str, ...] = field(
        default=(),
        metadata=list_of(str, str, join=lambda runs: dict.fromkeys(chain.from_iterable(runs))),
    )
    remarks: tuple[str, ...] = field(default=(), metadata=list_of(str, str) | _LATE)
    audits: tuple[ExpansionAudit | ColdAudit, ...] = field(
        default=(), metadata=list_of(lambda audit: audit.to_json(), audit_from_json) | _LATE
    )
    alarms: tuple[Alarm, ...] = field(
        default=(), metadata=list_of(Alarm.to_json, Alarm.from_json) | _LATE
    )
    leave_one_out: LeaveOneOut | None = field(
        default=None,
        repr=False,
        metadata=entry(optional(LeaveOneOut.to_json), optional(LeaveOneOut.from_json)) | _LATE,
    )
    derived: bool = field(
        default=False, repr=False, metadata=entry(read=exactly(bool), join=any) | _LATE
    )
    shape: tuple[int, ...] = field(default=(), repr=False, metadata=_NUMBERS | _LATE)
    scales: tuple[str, ...] = field(default=(), repr=False, metadata=_NAMES | _LATE)
    derivation: tuple[Callable[[Floats], Any], ...] = field(default=(), repr=False)
    origin: Any = field(default=None, repr=False)
    calibrations: Calibrations = field(default_factory=Calibrations, repr=False)
    own_errors: OwnErrors = field(default_factory=OwnErrors, repr=False)

    @property
    def seed(self) -> int:
        """The seed of the run; passed as ``rng`` it gives the same replicates."""
        return self.seeds[0]

    @classmethod
    def blank(cls, fit: Fit | Estimator, task: Task, refit: str) -> Self:
        """Describe a run before its first replicate."""
        sampling, center = task.sampling, task.center()
        return cls(
            fit=fit,
            names=fit.names,
            estimate=fit.estimate,
            data=Replicates.none(task.refit.n_params),
            seeds=(task.seed,),
            sampling=sampling,
            n_shared=task.refit.n_shared,
            seconds=0.0,
            rescaling=sampling.rescaling(task.n),
            supports_quantiles=sampling.supports_quantiles,
            is_random=sampling.is_random,
            center=center,
            own_standard_error=task.own_errors(fit),
            refit=refit,
            n_units=_count_units(sampling, task.n),
            labels=write_labels(sampling),
            cluster_robust=ClusterRobust.of_parameters(fit, sampling),
            apart=task.apart,
            fixed=fit.fixed,
            not_identified=fit.not_identified,
            at_bound=fit.at_bound,
            notes=(
                *sampling.notes(task.n, center is not None),
                *fit.resampling_notes,
                *task.notes,
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all stored fields except the replicates, as JSON."""
        return {each.name: _written(self, each) for each in fields(self) if each.metadata}

    def shared(self) -> dict[str, Any]:
        """Return the fields that must agree between runs that are merged, as JSON."""
        common = [each for each in fields(self) if each.metadata.get("shared")]
        return {each.name: _written(self, each) for each in common}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], data: Replicates) -> Self:
        """Read what `to_json` returned; raise ValueError if an entry is missing or of no run."""
        named = {_FORMERLY.get(name, name): value for name, value in stored.items()}
        entries = {each.name: each.metadata for each in fields(cls) if each.metadata}
        missing = [each for each in entries if each not in named and "late" not in entries[each]]
        if missing:
            raise ValueError(f"the record of the run has no entry {missing[0]!r}")
        known = {
            name: _read(name, entry, named[name])
            for name, entry in entries.items()
            if name in named
        }
        size = len(known["names"])
        rows = {each: known.get(each) for each in ("estimate", "center", "own_standard_error")}
        shapes = {name: value.shape for name, value in rows.items() if value is not None}
        for name, shape in (shapes | {"replicates": data.estimates.shape[1:]}).items():
            if shape != (size,):
                raise ValueError(f"{name} of shape {shape}, but the run has {size} names")
        return cls(fit=None, data=data, **known)

    @classmethod
    def joined(cls, runs: Sequence[Self]) -> Self:
        """Merge several runs into one."""
        data = Replicates.concatenate([run.data for run in runs])
        stored = [each for each in fields(cls) if each.metadata]
        values = {each.name: [getattr(run, each.name) for run in runs] for each in stored}
        return cls(
            fit=None,
            data=data,
            **{each.name: each.metadata["join"](values[each.name]) for each in stored},
        )


def _count_units(sampling: Plan, n: int) -> int:
    """Count the units, or multiplied clusters, that a plan draws of n observations."""
    if sampling.cluster_codes is not None:
        return int(np.unique(sampling.cluster_codes).size)
    units = sampling.units(n)
    return n if units is None else len(units[0])


def _written(record: Record, each: Field[Any]) -> Any:
    """Return one field as JSON."""
    return each.metadata["write"](getattr(record, each.name))


def _read(name: str, entry: Mapping[str, Any], value: Any) -> Any:
    """Read one field from JSON; raise ValueError naming it where that is not possible."""
    try:
        return entry["read"](value)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ValueError(f"{name} is {brief(value)}, as in no run ({error})") from error
