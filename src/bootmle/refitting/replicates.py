"""The replicates: estimates and status of all refits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.status import Status

__all__ = ["Replicates"]

_STATUSES = frozenset(map(int, Status))
_NUMBERS = (Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK, Status.ESTIMATED)
"""Statuses of refits all of whose estimates are numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Estimates and status of B refits.

    Attributes
    ----------
    estimates : (B, p) array
        NaN where the refit failed; infinite where the likelihood has no finite optimum.
    status : (B,) int array
        Values of `Status`.
    distance : (B,) array
        Distance to the optimum before the last step, in standard errors of the original fit.
    n_evaluations, n_gradients : (B,) int arrays
        Evaluations of the objective and of its analytic gradient.
    messages : mapping
        Messages by the replicate's number.
    standard_errors : (B, p) array
        Each replicate's own, which studentized intervals divide by: 0 for a parameter fixed at its
        bound; NaN where there is none.
    linear : (B, p) array
        H⁻¹ times the scores' sum over each resample: the replicate minus the estimate to first
        order, whose mean over all resamples is 0; NaN where it is not known.
    """

    estimates: Floats
    status: NDArray[np.int8]
    distance: Floats
    n_evaluations: NDArray[np.int64]
    n_gradients: NDArray[np.int64]
    messages: Mapping[int, str] = field(default_factory=dict)
    standard_errors: Floats = field(default_factory=lambda: np.empty((0, 0)))
    linear: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        """Fill in that replicates have no standard errors or linear parts, where none are given."""
        for name in ("standard_errors", "linear"):
            if not getattr(self, name).size:
                object.__setattr__(self, name, np.full_like(self.estimates, np.nan))

    def __len__(self) -> int:
        """Count the replicates."""
        return len(self.status)

    @classmethod
    def none(cls, size: int) -> Replicates:
        """Begin without any, of so many parameters."""
        nothing: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        return cls(np.empty((0, size)), nothing.astype(np.int8), np.empty(0), nothing, nothing)

    @classmethod
    def like(cls, start: Mapping[str, Any], record: Mapping[str, Any]) -> Replicates:
        """Begin without any, of as many parameters as a run's manifest says."""
        size = np.asarray(start["estimate"], dtype=float).size
        if size != len(record["names"]):
            raise ValueError("estimate")
        return cls.none(size)

    def check(self) -> None:
        """Raise ValueError for statuses that there are not, and optima that are no numbers."""
        unknown = set(self.status.tolist()) - _STATUSES
        if unknown:
            raise ValueError(f"status holds {min(unknown)}")
        if np.isnan(self.estimates).any():
            numbers = np.isin(self.status, _NUMBERS)
            if np.isnan(self.estimates[numbers]).any():
                raise ValueError("estimates holds NaN where a refit did not fail")

    def derived(self, values: Floats, linear: Floats) -> Replicates:
        """Put quantities in the place of the parameters, (B, k), without standard errors."""
        return replace(self, estimates=values, linear=linear, standard_errors=np.empty((0, 0)))

    @classmethod
    def from_outcomes(
        cls,
        outcomes: Sequence[Outcome],
        evaluations: Sequence[tuple[int, int]],
        linear: Floats | None = None,
    ) -> Replicates:
        """Collect the outcomes of some refits, and their linear parts where those are known."""
        counts = np.array(evaluations, dtype=np.int64).reshape(-1, 2)
        nothing = np.full_like(outcomes[0].params, np.nan)
        errors = [nothing if each.errors is None else each.errors for each in outcomes]
        return cls(
            np.array([outcome.params for outcome in outcomes]),
            np.array([outcome.status for outcome in outcomes], dtype=np.int8),
            np.array([outcome.distance for outcome in outcomes]),
            counts[:, 0],
            counts[:, 1],
            {k: outcome.message for k, outcome in enumerate(outcomes) if outcome.message},
            np.empty((0, 0)) if all(each is nothing for each in errors) else np.array(errors),
            np.empty((0, 0)) if linear is None else linear,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Replicates]) -> Replicates:
        """Join parts in order."""
        starts = np.cumsum([0, *map(len, parts)])
        messages = {
            int(start) + k: message
            for start, part in zip(starts, parts, strict=False)
            for k, message in part.messages.items()
        }
        return cls(
            np.concatenate([part.estimates for part in parts]),
            np.concatenate([part.status for part in parts]),
            np.concatenate([part.distance for part in parts]),
            np.concatenate([part.n_evaluations for part in parts]),
            np.concatenate([part.n_gradients for part in parts]),
            messages,
            np.concatenate([part.standard_errors for part in parts]),
            np.concatenate([part.linear for part in parts]),
        )

    def take(self, chosen: NDArray[np.intp]) -> Replicates:
        """Take some replicates."""
        messages: dict[int, str] = {}
        if self.messages:
            places = {int(number): place for place, number in enumerate(chosen)}
            messages = {places[k]: text for k, text in self.messages.items() if k in places}
        return self._at(chosen, messages)

    def between(self, first: int, last: int) -> Replicates:
        """Keep the replicates at places first, ..., last - 1."""
        if first == 0 and last == len(self):
            return self
        kept = {k - first: text for k, text in self.messages.items() if first <= k < last}
        return self._at(slice(first, last), kept)

    def first(self, count: int) -> Replicates:
        """Keep the first replicates."""
        return self.between(0, min(count, len(self)))

    def _at(self, chosen: NDArray[np.intp] | slice, messages: Mapping[int, str]) -> Replicates:
        """Index all arrays."""
        return Replicates(
            self.estimates[chosen],
            self.status[chosen],
            self.distance[chosen],
            self.n_evaluations[chosen],
            self.n_gradients[chosen],
            messages,
            self.standard_errors[chosen],
            self.linear[chosen],
        )

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which refits gave no estimate, (B,)."""
        return np.asarray(self.status < 0)

    @property
    def divergent(self) -> NDArray[np.bool_]:
        """Which replicates have no finite optimum, (B,)."""
        return np.asarray(self.status == Status.NO_FINITE_OPTIMUM)

    @property
    def optimal(self) -> NDArray[np.bool_]:
        """Which replicates have a finite optimum, (B,)."""
        return ~(self.failed | self.divergent)
