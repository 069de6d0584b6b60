"""Studentized intervals: each replicate's deviation over its own standard error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bootmle.inference.correction import Correction
from bootmle.inference.derived_scales import DerivedScales
from bootmle.inference.intervals import IntervalMethod, Need, ReplicateArrays
from bootmle.inference.order_statistics import sort_replicates
from bootmle.inference.percentile import Percentile
from bootmle.likelihood.arrays import Floats

__all__ = ["Studentized"]


@dataclass(frozen=True, slots=True, eq=False)
class Studentized(IntervalMethod):
    """θ̂ − t*₍₁₋α₎ s and θ̂ − t*₍α₎ s, with t* = (θ* − θ̂)/s* (the bootstrap-t)."""

    # Davison and Hinkley 1997, equation 5.7. A replicate without a standard error or a finite
    # optimum counts as the worst at either end.

    name: ClassVar[str] = "studentized"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.QUANTILES, Need.STANDARD_ERRORS})

    estimate: Floats
    error: Floats
    ratios: Percentile
    correction: Correction | None = None
    """Of the ratios of expanded replicates, by those of a verified sample."""
    scales: DerivedScales | None = None
    """Those of derived quantities, on which ``estimate`` and ``error`` are."""

    @classmethod
    def of(cls, arrays: ReplicateArrays) -> Studentized:
        """Studentize and sort the replicates."""
        if arrays.scales is not None:
            arrays = _on_scales(arrays, arrays.scales)
        assert arrays.errors is not None
        assert arrays.own_error is not None
        deviations = arrays.replicates - arrays.estimate
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios, correction = deviations / arrays.errors, None
        if arrays.correction is not None:
            assert arrays.corrected is not None
            ratios, correction = arrays.correction.of_pivots(
                ratios, arrays.corrected, arrays.estimate
            )
        # An error of 0 studentizes nothing that varies; what is fixed needs none.
        impossible = (arrays.own_error == 0) & (deviations != 0).any(axis=0)
        own = np.where(impossible, np.nan, arrays.own_error)
        ordered = Percentile(*sort_replicates(ratios))
        return cls(arrays.estimate, own, ordered, correction, arrays.scales)

    @property
    def corrects_itself(self) -> bool:
        """The errors of its endpoints include that of the ratios' own correction."""
        return True

    def end(self, tail: float, *, upper: bool) -> tuple[Floats, Floats]:
        """Scale the other quantile of the ratios."""
        ratio, error = self.ratios.end(tail, upper=not upper)
        if self.correction is not None:
            error = np.hypot(error, np.nan_to_num(self.correction.error_at(ratio)))
        with np.errstate(invalid="ignore"):
            end, mcse = self.estimate - self.error * ratio, self.error * error
        fixed = self.error == 0
        end, mcse = np.where(fixed, self.estimate, end), np.where(fixed, 0.0, mcse)
        if self.scales is None:
            return end, mcse
        end = self.scales.inverse(end)
        with np.errstate(invalid="ignore"):
            return end, mcse / self.scales.slopes(end)

    def tail(self, values: Floats, *, upper: bool) -> Floats:
        """Count the ratios beyond that of a value."""
        if self.scales is not None:
            values = self.scales.forward(values)
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = self.ratios.tail((self.estimate - values) / self.error, upper=not upper)
        outside = (values > self.estimate) if upper else (values < self.estimate)
        point = np.where(outside, self.ratios.smallest_tail, 1.0)
        return np.where(self.error == 0, point, beyond)

    def check(self, tail: float, confidence_level: float, *, upper: bool) -> None:
        """Refuse an endpoint beyond the outermost replicate."""
        self.ratios.check(tail, confidence_level, upper=not upper)


def _on_scales(arrays: ReplicateArrays, scales: DerivedScales) -> ReplicateArrays:
    """Take estimates and standard errors to the scales of the quantities."""
    assert arrays.errors is not None
    assert arrays.own_error is not None
    with np.errstate(invalid="ignore", over="ignore"):
        return replace(
            arrays,
            estimate=scales.forward(arrays.estimate),
            replicates=scales.forward(arrays.replicates),
            errors=arrays.errors * scales.slopes(arrays.replicates),
            own_error=arrays.own_error * scales.slopes(arrays.estimate),
            correction=arrays.correction and arrays.correction.on_scales(scales),
        )
