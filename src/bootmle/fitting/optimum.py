"""A certified optimum: the estimate, the curvature there, and what refits start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.fitted import Fitted
from bootmle.fitting.row_derivatives import RowDerivatives
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.scales import Scale
from bootmle.optimization.optimizer import Optimizer
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import Whitening

__all__ = ["SAME", "Optimum"]

SAME = 1e-9
"""Relative difference of values that differ by rounding alone: sums in another order."""

_INVOLVED = 0.01
"""Smallest part in a null direction that counts, as a share of the largest; measured on 20
regressions with two intercepts: those of the other parameters are at most 1e-12."""

_AT_END = 1e-6
"""Standard errors from a bound, and share of the largest part in a constraint, of rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum(Fitted):
    """The optimum of a likelihood; the attributes are those of `Fit`."""

    estimate: Floats
    names: tuple[str, ...]
    nll: float
    status: Status
    decrement: float
    n_evaluations: int
    notes: tuple[str, ...]
    information: Information = field(repr=False)
    scales: tuple[Scale, ...] = field(repr=False)
    likelihood: Likelihood = field(repr=False)
    whitening: Whitening = field(repr=False)
    base: Floats | float = field(repr=False)
    probes: tuple[Floats, ...] = field(repr=False)
    step_sizes: StepSizes = field(repr=False)
    optimizer: Optimizer = field(repr=False)
    seconds_per_evaluation: float = field(repr=False)
    rows: RowDerivatives | None = field(repr=False)

    @property
    def n(self) -> int:
        """Number of observations; AttributeError where they cannot be counted."""
        n = self.likelihood.n_observations
        if n is None:
            raise AttributeError("n: the objective holds its data and returns their total")
        return n

    @property
    def args(self) -> tuple[Any, ...]:
        """The data, as passed to the objective."""
        return self.likelihood.args

    @property
    def row_derivatives(self) -> RowDerivatives | None:
        """The contributions' derivatives that `fit` measured, in the coordinates of refits."""
        rows = self.rows
        return rows if rows is not None and rows.whitening is self.whitening else None

    @property
    def written_out_args(self) -> tuple[Any, ...]:
        """The data with a row for each observation, where rows may stand for several."""
        return self.likelihood.written_out().args

    def labels_of_observations(self, labels: Any) -> Any:
        """Return labels of observations, given those of the data's rows, or of observations."""
        frequencies = self.likelihood.frequencies
        return labels if frequencies is None else frequencies.labels(labels)

    @property
    def takes_weights(self) -> bool:
        """Whether resamples can act through weights of the contributions."""
        return self.likelihood.supports_weights

    @property
    def why_no_weights(self) -> str:
        """Why they cannot, and what to do, as the end of "... weights, which"."""
        if self.likelihood.per_observation:
            return (
                f"is not possible as {self.likelihood.rows.value}: make each depend on its own row"
            )
        return "a total cannot use: return the n contributions instead (delete .sum())"

    @property
    def aic(self) -> float:
        """Akaike's information criterion, 2 (nll + free parameters), minus equality constraints."""
        tangent = self.information.tangent
        equalities = tangent is not None and self.status is not Status.AT_BOUND
        n_free = self.likelihood.parameters.free.size
        return 2 * (self.nll + (tangent.shape[1] if equalities and tangent is not None else n_free))

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which of the p parameters are fitted rather than fixed, (p,)."""
        mask = np.zeros(len(self.names), dtype=bool)
        mask[self.likelihood.parameters.free] = True
        return mask

    @property
    def not_identified(self) -> tuple[str, ...]:
        """Names of the parameters with a part in a direction that the data do not identify."""
        if self.information.definiteness != "singular" or not self.status.has_optimum:
            return ()
        curvatures, errors = np.diag(self.information.matrix), np.diag(self.information.error)
        sizes = np.maximum(1.0, np.abs(self.information.point))
        units = np.where(curvatures > errors, np.sqrt(np.abs(curvatures)), 1 / sizes)
        parts = np.abs(self.information.null_directions) * units[:, None]
        involved = (parts > _INVOLVED * parts.max(axis=0, initial=1e-300)).any(axis=1)
        names = self.likelihood.parameters.free_names
        return tuple(name for name, part in zip(names, involved, strict=True) if part)

    @property
    def at_bound(self) -> tuple[str, ...]:
        """Names of the free parameters at a bound, or that a constraint at the optimum involves."""
        if self.status is not Status.AT_BOUND:
            return ()
        parameters, tangent = self.likelihood.parameters, self.information.tangent
        unit = self.whitening.units * np.abs(parameters.slopes(self.whitening.center))
        away = np.abs(parameters.bounds - self.estimate[parameters.free, None]).min(axis=1)
        held = away <= _AT_END * np.where(np.isfinite(unit) & (unit > 0), unit, 1.0)
        if tangent is not None:
            basis = np.linalg.qr(tangent)[0]
            normal = np.linalg.norm(np.eye(len(held)) - basis @ basis.T, axis=1) * unit
            held |= normal > _AT_END * normal.max()
        names = parameters.free_names
        return tuple(name for name, one in zip(names, held, strict=True) if one) or names

    @property
    def null_directions(self) -> Floats:
        """The directions that the data do not identify, (p, k)."""
        return self.likelihood.parameters.in_all(self.information.null_directions.T).T

    @property
    def hessian_errors(self) -> Floats:
        """Standard errors by the Hessian, (p,); NaN where none follow from it."""
        errors = self.information.standard_errors
        if self.status is Status.AT_BOUND:
            errors = np.full_like(errors, np.nan)
        return self.likelihood.parameters.in_all(errors)

    def check_repeatable(self) -> None:
        """Do nothing more: `fit` has called the objective twice."""

    @property
    def responses(self) -> tuple[Sequence[Floats], Sequence[float]]:
        """Points at which the response to units is measured, and the values at two of them."""
        beside = self.likelihood.response.beside
        if np.isnan(beside):
            beside = self.likelihood.total(self.probes[1])
        return self.probes, (self.likelihood.summed_values(self.base), beside)

    def changes(self, args: tuple[Any, ...]) -> bool:
        """Whether the objective has another value on other data of the same rows, or none."""
        (_, point, _), (_, own) = self.responses
        try:
            return not abs(self.likelihood.with_args(args).total(point) - own) <= SAME * abs(own)
        except Exception:  # the user's code may raise anything
            return True

    @property
    def resampling_notes(self) -> tuple[str, ...]:
        """Say that rows are resampled, though the objective returns contributions."""
        likelihood = self.likelihood
        if not likelihood.per_observation or likelihood.supports_weights:
            return ()
        return (f"refits resample the rows: {likelihood.rows.value}",)
