"""Influence: standard errors and intervals without each unit, from the replicates alone.

The replicates that leave a unit out are a bootstrap of the other units (Efron 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bootmle.display import html
from bootmle.display.encoding import printable
from bootmle.display.text import align, data_frame, rounded
from bootmle.inference.intervals import fewest_replicates, read_level
from bootmle.inference.jackknife_after_bootstrap import Bools, count_without, summarize_without_each
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Influence", "influence"]

_ERROR_RATE = 0.05
"""Probability that anything is marked if no unit has influence: the customary level of a test."""

_ROWS, _ROWS_IN_DOUBT = 10, 5
"""Rows shown of changes beyond Monte Carlo error, and where there are none: a table to read."""

_FIGURES = ("standard_error", "low", "high")


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """Standard errors and percentile intervals over the replicates that leave each unit out.

    A change is the value without the unit minus the value over all replicates: relative for a
    standard error, in standard errors for an endpoint. NaN where too few replicates leave the unit
    out, and for a parameter that does not vary.

    Attributes
    ----------
    names : tuple of str
        The p parameters.
    labels : tuple
        The G units: numbers of observations, or labels of clusters.
    confidence_level : float
        Confidence level of the intervals.
    n_without : (G,) int array
        Number of replicates without each unit.
    standard_error, low, high : (G, p) arrays
        Standard errors and endpoints without each unit.
    standard_error_change, low_change, high_change : (G, p) arrays
        Their changes.
    standard_error_change_mcse, low_change_mcse, high_change_mcse : (G, p) arrays
        Monte Carlo errors of the changes, given the standard error that is the endpoints' unit; NaN
        beside an infinite endpoint.
    standard_error_z, low_z, high_z : (G, p) arrays
        Standard normal if the unit has no influence: large values are influence, not chance.
    """

    names: tuple[str, ...]
    labels: tuple[Any, ...]
    confidence_level: float
    n_without: NDArray[np.intp] = field(repr=False)
    standard_error: Floats = field(repr=False)
    standard_error_change: Floats = field(repr=False)
    standard_error_change_mcse: Floats = field(repr=False)
    standard_error_z: Floats = field(repr=False)
    low: Floats = field(repr=False)
    low_change: Floats = field(repr=False)
    low_change_mcse: Floats = field(repr=False)
    low_z: Floats = field(repr=False)
    high: Floats = field(repr=False)
    high_change: Floats = field(repr=False)
    high_change_mcse: Floats = field(repr=False)
    high_z: Floats = field(repr=False)

    @property
    def beyond(self) -> Bools:
        """Which standard errors or endpoints change by more than Monte Carlo error, (G, p).

        Chance alone marks any of them with a probability of 5% (Bonferroni).
        """
        return np.asarray(self._marks().any(axis=0))

    def to_frame(self) -> DataFrame:
        """Return everything as a pandas DataFrame, with a row for each unit and parameter."""
        columns: dict[str, NDArray[Any]] = {"n_without": np.repeat(self.n_without, len(self.names))}
        for figure in _FIGURES:
            for name in (figure, f"{figure}_change", f"{figure}_change_mcse"):
                columns[name] = getattr(self, name).ravel()
        columns["beyond"] = self.beyond.ravel()
        return data_frame(columns, {"unit": self.labels, "parameter": self.names})

    def __str__(self) -> str:
        """Show the most influential units, or that there is none."""
        marks = self._marks()
        found = int(marks.any(axis=0).sum())
        header = ["unit", "parameter", "SE without", "change", "± MC"]
        header += ["low change", "± MC", "high change", "± MC"]
        rows = [self._row(at, marks[:, *at].tolist()) for at in self._most_influential(marks)]
        return printable("\n".join([align(header, rows), "", *self._closing(found)]))

    _repr_pretty_ = html.print_at_prompt

    def _stacked(self, what: str) -> Floats:
        """Stack an attribute of the standard errors and both endpoints, (3, G, p)."""
        return np.array([getattr(self, figure + what) for figure in _FIGURES])

    def _marks(self) -> Bools:
        """Mark standard errors and endpoints that change beyond chance, (3, G, p)."""
        z = self._stacked("_z")
        return np.asarray(np.abs(z) > -ndtri(_ERROR_RATE / (2 * max(z.size, 1))))

    def _most_influential(self, marks: Bools) -> list[tuple[int, int]]:
        """Choose the units and parameters to show: those beyond chance, or the first five."""
        found = int(marks.any(axis=0).sum())
        sizes = np.where(marks, self._stacked("_change"), 0.0) if found else self._stacked("_z")
        largest = np.nan_to_num(np.abs(sizes), posinf=np.inf).max(axis=0)
        order = np.argsort(-largest, axis=None, kind="stable")
        first = order[: min(found, _ROWS) or _ROWS_IN_DOUBT].tolist()
        return [divmod(place, len(self.names)) for place in first]

    def _row(self, at: tuple[int, int], marks: Sequence[bool]) -> list[str]:
        """Format one unit and parameter."""
        cells = [str(self.labels[at[0]]), self.names[at[1]], rounded(self.standard_error[at])]
        formats = (("{:+.1%}", "{:.1%}"), ("{:+.2f}", "{:.2f}"), ("{:+.2f}", "{:.2f}"))
        for figure, (change, error), mark in zip(_FIGURES, formats, marks, strict=True):
            cells.append(change.format(getattr(self, f"{figure}_change")[at]) + " *"[mark])
            cells.append(error.format(getattr(self, f"{figure}_change_mcse")[at]))
        return cells

    def _closing(self, found: int) -> list[str]:
        """Explain the table, and how much of it may be chance."""
        fewest, middle = int(self.n_without.min()), float(np.median(self.n_without))
        chance = f"Monte Carlo error, at a level of {_ERROR_RATE:.0%} over all units and parameters"
        lines = [
            f"SE without a unit: over the replicates that leave it out (median {middle:,.0f}, "
            f"minimum {fewest:,})",
            f"low, high change: of the {100 * self.confidence_level:g}% percentile interval's "
            f"endpoints, in standard errors",
            f"* beyond its {chance}" if found else f"no change is beyond its {chance}",
        ]
        if fewest < fewest_replicates(self.confidence_level):
            lines.append("nan: too few replicates leave the unit out for this confidence level")
        more = found - _ROWS
        return lines + [f"{more:,} more changes are beyond theirs: see to_frame()"] * (more > 0)


def influence(
    estimates: Floats,
    absent: NDArray[np.uint8],
    names: Sequence[str],
    labels: Sequence[Any],
    *,
    confidence_level: float = 0.95,
    divergent: Bools | None = None,
) -> Influence:
    """Compute the jackknife after bootstrap: standard errors and intervals without each unit."""
    # Efron 1992; Davison and Hinkley 1997, section 3.10.1. Replicates (B, p) are infinite or, with
    # an undetermined sign, NaN where they diverge; rows of NaN failed, unless ``divergent`` (B,)
    # says otherwise. ``absent`` is np.packbits(missing, axis=0), (⌈B/8⌉, G).
    #
    # Monte Carlo errors are those of a difference of two functions of the replicates' distribution,
    # each a mean of its influence function. With π the probability that a replicate lacks the unit,
    # a = 1 where it does, and x and y the deviations from the means of all replicates and of those
    # without the unit: for log SE
    #
    #     ½ [(a/π) (y²/V_g − 1) − (x²/V − 1)],
    #
    # and for an endpoint q, with density f of the replicates there,
    #
    #     (a/π) (α − 1{θ* ≤ q_g}) / f_g − (α − 1{θ* ≤ q}) / f.
    #
    # If the unit has no influence the variances are (m₄/V² − 1)(1/B_g − 1/B)/4, with B_g the
    # replicates without it, and (1/B_g − 1/B) α(1 − α)/f². ``z`` is relative to these, which do not
    # vary with the unit: for SE², and for how many of the replicates beyond an endpoint lack the
    # unit (a hypergeometric number). Relative to an error estimated from the few replicates without
    # the unit it would have heavy tails.
    tail, _ = read_level(confidence_level, "two-sided")
    failed = np.asarray(np.isnan(estimates).all(axis=1))
    if divergent is None:
        divergent = ~np.isfinite(estimates).all(axis=1) & ~failed
    kept = ~failed | divergent
    counts = count_without(absent, kept)
    _refuse_units_in_every_replicate(counts, labels, int(kept.sum()))
    found = summarize_without_each(estimates, absent, counts, kept, tail)
    return Influence(tuple(names), tuple(labels), float(confidence_level), counts, **found)


def _refuse_units_in_every_replicate(
    counts: NDArray[np.intp], labels: Sequence[Any], count: int
) -> None:
    """Refuse units that occur in every replicate."""
    everywhere = np.flatnonzero(counts == 0)
    if everywhere.size:
        raise ValueError(
            f"influence: unit {labels[everywhere[0]]} occurs in all {count:,} replicates "
            f"({everywhere.size:,} of {counts.size:,} units do), but influence is computed from "
            f"replicates that leave the unit out; use Cases, Stratified, Clustered, Blocks or "
            f"Subsample, and enough resamples (fractional weights, as Bayesian, leave none out)"
        )
