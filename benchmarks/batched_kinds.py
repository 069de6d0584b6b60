"""Intervals of every kind of one data set, from its resamples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from batched import Batched
from batched_double import Redrawn, calibrate
from batched_roots import HeldStatistics
from bootmle.bootstrapping.choosing import FEW_LOST, NONE_LOST, choose_kinds, is_off_center
from bootmle.inference.abc import ABC
from bootmle.inference.bca import BCa
from bootmle.inference.calibrated import Calibrated
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.intervals import ReplicateArrays
from bootmle.inference.percentile import Percentile
from bootmle.inference.signed_root import SignedRoot, WaldScore
from bootmle.inference.standard_errors import has_heavy_tails
from bootmle.inference.studentized import Studentized
from bootmle.likelihood.arrays import Floats

__all__ = ["TAIL", "Intervals"]

TAIL = 0.025
STEP = 1e-3
"""Step of the gradient's second differences in standard errors."""
STEP_OF_DERIVED, CURVED_STEP_OF_DERIVED = 0.01, 0.05
"""Steps of derived quantities' first and second differences: they are formulas without noise."""


class Intervals:
    """The intervals of one data set from its resamples."""

    def __init__(
        self,
        names: Sequence[str],
        quantities: Callable[[Floats], Floats],
        data: Batched,
        weights: Floats,
        rng: np.random.Generator,
        redraw: Callable[[NDArray[np.intp], Floats], Redrawn],
        scales: DerivedScales,
    ) -> None:
        """Refit the resamples."""
        # ``quantities`` appends what is derived to parameters, (R, k), and ``redraw`` resamples
        # resamples, given by their numbers and weights; ``scales`` are those of all quantities.
        self.names, self.quantities, self.data = tuple(names), quantities, data
        self.rng, self.redraw, self.scales = rng, redraw, scales
        self.found = dict[str, Floats]()
        self.estimate = self.quantities(data.estimate[None])[0]
        fitted = data.fit(weights)
        self.known = np.flatnonzero(~np.isnan(fitted.params).any(axis=1))
        self.kept, self.errors = weights[self.known], fitted.errors[self.known]
        self.params = fitted.params[self.known]
        self.replicates = self.quantities(self.params)
        self.error = data.error
        if len(self.names) > data.p:
            whole = np.ones((1, data.n))
            own = self._derived_errors(data.estimate[None], whole, data.error[None])[0]
            self.error = np.append(self.error, own)
            own = self._derived_errors(self.params, self.kept, self.errors)
            self.errors = np.column_stack([self.errors, own])

    def _derived_errors(self, params: Floats, weights: Floats, errors: Floats) -> Floats:
        """Return derived quantities' errors by the delta method in each replicate, (R, k - p)."""
        p, moves = self.data.p, []
        for j in range(p):
            step = STEP_OF_DERIVED * np.eye(p)[j] * errors
            ahead, behind = (self.quantities(params + each)[:, p:] for each in (step, -step))
            moves.append((ahead - behind) / (2 * STEP_OF_DERIVED * errors[:, [j]]))
        return self.data.errors_along(params, weights, np.stack(moves, axis=2))

    def ends(self, kinds: Sequence[str]) -> Floats:
        """Return the ends of some kinds, (2, kinds, k)."""
        return np.stack([self.of(kind) for kind in kinds], axis=1)

    def of(self, kind: str) -> Floats:
        """Return both ends of a kind of interval, (2, k)."""
        if kind not in self.found:
            self.found[kind] = self._computed(kind)
        return self.found[kind]

    def _computed(self, kind: str) -> Floats:
        made: dict[str, Callable[[], Floats]] = {
            "percentile": lambda: _ends(Percentile.of(self._arrays())),
            "bca": self._bca,
            "studentized": lambda: self._studentized(self.errors, self.error),
            "signed-root": lambda: self._inverted(SignedRoot),
            "wald-score": lambda: self._inverted(WaldScore),
            "studentized-cr3": self._studentized_cr3,
            "row-cr3": self._row_cr3,
            "abc": self._abc,
            "hessian": self._hessian,
            "calibrated": self._calibrated,
            "recommended": self._recommended,
        }
        return made[kind]()

    def _arrays(self, **more: Any) -> ReplicateArrays:
        return ReplicateArrays(
            self.names, self.estimate, self.replicates, 0 * self.estimate, **more
        )

    def _bca(self) -> Floats:
        deleted = self.data.fit(1 - np.eye(self.data.n)).params
        strata = np.zeros(self.data.n, dtype=np.intp)
        return _ends(BCa.of(self._arrays(jackknife=self.quantities(deleted), strata=strata)))

    def _studentized(self, errors: Floats, own: Floats) -> Floats:
        """Studentize the quantities that have errors: the parameters, and then others."""
        k = own.size
        arrays = ReplicateArrays(
            *(self.names[:k], self.estimate[:k], self.replicates[:, :k], np.zeros(k)),
            errors=errors,
            own_error=own,
            scales=self.scales.take(slice(k)),
        )
        found = np.full((2, self.estimate.size), np.nan)
        found[:, :k] = _ends(Studentized.of(arrays))
        return found

    @cached_property
    def _held(self) -> HeldStatistics:
        p = self.data.p
        return HeldStatistics(self.data, self.kept, self.params, self.errors[:, :p])

    def _inverted(self, kind: type[SignedRoot]) -> Floats:
        """Invert statistics of the parameters; derived quantities have none."""
        p, found, held = self.data.p, np.full((2, self.estimate.size), np.nan), self._held
        given = (held.scores, held.of_scores) if kind is WaldScore else (held.roots, held.of_roots)
        arrays = ReplicateArrays(self.names[:p], self.estimate[:p], self.params, np.zeros(p))
        found[:, :p] = _ends(kind.of(replace(arrays, roots=given[0], profile=given[1])))
        return found

    def _studentized_cr3(self) -> Floats:
        finite = np.isfinite(self.params).all(axis=1)
        errors = np.full(self.params.shape, np.nan)
        errors[finite] = self.data.corrected_errors(self.params[finite], self.kept[finite])
        return self._studentized(errors, self._own_cr3())

    def _own_cr3(self) -> Floats:
        whole = np.ones((1, self.data.n))
        return np.asarray(self.data.corrected_errors(self.data.estimate[None], whole)[0])

    def _row_cr3(self) -> Floats:
        """Take derived quantities' errors by the delta method."""
        whole, unit = np.ones((1, self.data.n)), STEP_OF_DERIVED * self.data.error
        moved = self.data.corrected_influences(self.data.estimate[None], whole)[0]
        ends = [self.quantities(self.data.estimate + side * np.diag(unit)) for side in (-1, 1)]
        slopes = (ends[1] - ends[0]) / (2 * unit[:, None])
        errors = np.sqrt(((moved @ slopes) ** 2).sum(axis=0))
        reach = float(stats.t.ppf(1 - TAIL, self.data.n - 1)) * errors
        return np.array([self.estimate - reach, self.estimate + reach])

    def _hessian(self) -> Floats:
        errors = np.full(self.estimate.size, np.nan)
        errors[: self.data.p] = np.sqrt(np.diag(np.linalg.inv(self.data.scale)))
        reach = stats.norm.ppf(1 - TAIL) * errors
        return np.array([self.estimate - reach, self.estimate + reach])

    def _abc(self) -> Floats:
        return _ends(ABC.of(self._arrays(family=Family(self.data, self.quantities))))

    def _calibrated(self) -> Floats:
        redrawn = self.redraw(self.known, self.kept)
        levels = calibrate(self.data, self.quantities, self.params, redrawn, self.rng)
        return _ends(Calibrated.of(self._arrays(levels=levels)))

    def _recommended(self) -> Floats:
        """Choose by the table of rules; alarms, which may withhold an interval, are not raised."""

        def shown(kind: str) -> Any:
            ends = self.of(kind)
            endless = kind == SignedRoot.name and np.isinf(ends)
            served: Any = (np.isfinite(ends) | endless).all(axis=0)
            if kind == WaldScore.name:
                served &= np.mean(~np.isfinite(self.params).all(axis=1)) < NONE_LOST
            if kind == "studentized":
                served &= np.isnan(self.errors).mean(axis=0) < FEW_LOST
                derived = np.arange(served.size) >= self.data.p
                served &= ~(derived & has_heavy_tails(self.replicates))
            return served

        kinds = choose_kinds(self.data.n, self._off_center(), shown)
        return np.stack([self.of(kind)[:, j] for j, kind in enumerate(kinds)], axis=1)

    def _off_center(self) -> Any:
        """Whether replicates are off center or skewed, (k,), as bootmle judges it."""
        values, count = self.replicates, len(self.replicates)
        below = (
            np.mean(values < self.estimate, axis=0) + np.mean(values == self.estimate, axis=0) / 2
        )
        shift: Any = stats.norm.ppf(np.clip(below, 0.5 / count, 1 - 0.5 / count))
        finite = np.where(np.isfinite(values), values, np.nan)
        skewness: Any = stats.skew(finite, axis=0, nan_policy="omit")
        return is_off_center(shift, np.asarray(skewness), count)


class Family:
    """What ABC intervals take: influences and second derivatives in the rows' weights."""

    def __init__(self, data: Batched, quantities: Callable[[Floats], Floats]) -> None:
        """Differentiate the optimum twice: see `bootmle.refitting.least_favorable`."""
        estimate, whole = data.estimate[None], np.ones((1, data.n))
        inverse = np.linalg.inv(data.scale)
        first = -data.scores(estimate)[0] @ inverse
        hessians = data.hessians(estimate)
        hessians = hessians - hessians.mean(axis=0)
        values, vectors = np.linalg.eigh(first.T @ first)

        def third(moves: Floats) -> Floats:  # T[x, x], by differences of the gradient
            size = STEP / np.maximum(np.abs(moves / data.error).max(axis=1, keepdims=True), 1e-12)
            ends = [
                data.derivatives(estimate + side * size * moves, np.tile(whole, (len(moves), 1)))[1]
                for side in (-1, 0, 1)
            ]
            return np.asarray((ends[0] - 2 * ends[1] + ends[2]) / size**2)

        def second_of(moves: Floats) -> Floats:  # of the quantities, along moves of the parameters
            size = CURVED_STEP_OF_DERIVED / np.maximum(
                np.abs(moves / data.error).max(axis=1, keepdims=True), 1e-12
            )
            ends = [quantities(estimate + side * size * moves) for side in (-1, 0, 1)]
            return np.asarray((ends[0] - 2 * ends[1] + ends[2]) / size**2)

        unit = STEP_OF_DERIVED * data.error
        ends = [quantities(estimate + side * np.diag(unit)) for side in (-1, 1)]
        slopes = (ends[1] - ends[0]) / (2 * unit[:, None])
        axes = (np.sqrt(np.maximum(values, 0)) * vectors).T
        forcing = third(axes).sum(axis=0) + 2 * np.einsum("npq,nq->p", hessians, first)
        self.bias = (-inverse @ forcing @ slopes + second_of(axes).sum(axis=0)) / 2
        self.influences = first @ slopes
        error = np.sqrt((self.influences**2).sum(axis=0))
        along = self.influences / error
        moves = along.T @ first
        forcings = third(moves) + 2 * np.einsum("nk,npq,kq->kp", along, hessians, moves)
        second = np.diag(second_of(moves)) - (forcings @ inverse * slopes.T).sum(axis=1)
        self.quadratic = second / 2 / error

        def estimate_at(steps: Floats) -> Floats:
            weights = 1 + np.nan_to_num(steps)[:, None] * along.T
            found = np.diag(quantities(data.optima(weights, data.estimate))).copy()
            found[~np.isfinite(steps)] = np.nan
            return found

        self.estimate_at = estimate_at


def _ends(method: Any) -> Floats:
    """Return both ends, (2, k)."""
    return np.array([method.end(TAIL, upper=upper)[0] for upper in (False, True)])
