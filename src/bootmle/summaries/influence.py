"""Influence: what standard errors and intervals become without each unit, from the weights alone.

The replicates that leave a unit out are a bootstrap of the other units (Efron 1992).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bootmle.arrays import Floats
from bootmle.summaries.intervals import (
    fewest_replicates,
    order_quantile,
    order_quantile_mcse,
    read_level,
)
from bootmle.summaries.spread import standard_error
from bootmle.tables import align, rounded

__all__ = ["Influence", "influence"]

Bools = NDArray[np.bool_]

_ERROR_RATE = 0.05
"""Probability that anything is marked where no unit has influence."""

_ROWS, _ROWS_IN_DOUBT = 10, 5
"""Rows shown of what is beyond its Monte Carlo error, and of what is not."""

_AT_A_TIME = 4_000_000
"""Truth values held at a time: replicates times parameters times units."""

_FIGURES = ("standard_error", "low", "high")


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """Standard errors and percentile intervals over the replicates that leave a unit out.

    Changes are against all replicates: of a standard error relative to it, of an end in standard
    errors. NaN where too few replicates leave the unit out, and for a parameter that does not vary.

    Attributes
    ----------
    names : tuple of str
        The p parameters.
    labels : tuple
        The G units: numbers of observations, or labels of clusters.
    confidence_level : float
        Of the intervals.
    n_without : (G,) int array
        Number of replicates without the unit.
    standard_error, low, high : (G, p) arrays
        Without the unit.
    standard_error_change, low_change, high_change : (G, p) arrays
        Against all replicates.
    standard_error_change_mcse, low_change_mcse, high_change_mcse : (G, p) arrays
        Monte Carlo errors of the changes, those of ends with the standard error that is their unit
        taken as it is; NaN beside an infinite end.
    standard_error_z, low_z, high_z : (G, p) arrays
        Standard normal where the unit has no influence: large ones tell influence from chance.
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
        """Which standard errors or ends change beyond their Monte Carlo error, (G, p).

        At a probability of 5% that chance alone marks any of them (Bonferroni).
        """
        return np.asarray(self._marks().any(axis=0))

    def to_frame(self) -> Any:
        """Return everything as a pandas DataFrame, a row for each unit and parameter."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError('to_frame needs pandas: pip install "bootmle[pandas]"') from None
        columns: dict[str, NDArray[Any]] = {"n_without": np.repeat(self.n_without, len(self.names))}
        for figure in _FIGURES:
            for name in (figure, f"{figure}_change", f"{figure}_change_mcse"):
                columns[name] = getattr(self, name).ravel()
        columns["beyond"] = self.beyond.ravel()
        levels = [list(self.labels), list(self.names)]
        index = pd.MultiIndex.from_product(levels, names=["unit", "parameter"])
        return pd.DataFrame(columns, index=index)

    def __str__(self) -> str:
        """Show the units that matter most, or that none does."""
        marks = self._marks()
        found = int(marks.any(axis=0).sum())
        header = ["unit", "parameter", "SE without", "change", "± MC"]
        header += ["low moves", "± MC", "high moves", "± MC"]
        rows = [self._row(at, marks[:, *at].tolist()) for at in self._most_influential(marks)]
        return "\n".join([align(header, rows), "", *self._closing(found)])

    def _stacked(self, what: str) -> Floats:
        """Stack something of the standard errors and both ends, (3, G, p)."""
        return np.array([getattr(self, figure + what) for figure in _FIGURES])

    def _marks(self) -> Bools:
        """Which of the standard errors and both ends change beyond chance, (3, G, p)."""
        z = self._stacked("_z")
        return np.asarray(np.abs(z) > -ndtri(_ERROR_RATE / (2 * max(z.size, 1))))

    def _most_influential(self, marks: Bools) -> list[tuple[int, int]]:
        """Choose units and parameters to show, those beyond chance or the first five."""
        found = int(marks.any(axis=0).sum())
        sizes = np.where(marks, self._stacked("_change"), 0.0) if found else self._stacked("_z")
        largest = np.nan_to_num(np.abs(sizes), posinf=np.inf).max(axis=0)
        order = np.argsort(-largest, axis=None, kind="stable")
        first = order[: min(found, _ROWS) or _ROWS_IN_DOUBT].tolist()
        return [divmod(place, len(self.names)) for place in first]

    def _row(self, at: tuple[int, int], marks: Sequence[bool]) -> list[str]:
        """Show one unit and parameter."""
        cells = [str(self.labels[at[0]]), self.names[at[1]], rounded(self.standard_error[at])]
        formats = (("{:+.1%}", "{:.1%}"), ("{:+.2f}", "{:.2f}"), ("{:+.2f}", "{:.2f}"))
        for figure, (change, error), mark in zip(_FIGURES, formats, marks, strict=True):
            cells.append(change.format(getattr(self, f"{figure}_change")[at]) + " *"[mark])
            cells.append(error.format(getattr(self, f"{figure}_change_mcse")[at]))
        return cells

    def _closing(self, found: int) -> list[str]:
        """Say what the table shows, and how much of it may be chance."""
        fewest, middle = int(self.n_without.min()), float(np.median(self.n_without))
        chance = f"Monte Carlo error, at {_ERROR_RATE:.0%} over all units and parameters"
        lines = [
            f"Without a unit: over the replicates that leave it out, {middle:,.0f} on median, at "
            f"least {fewest:,}",
            f"low, high: by how many standard errors the ends of the "
            f"{100 * self.confidence_level:g}% percentile interval move",
            f"* beyond its {chance}" if found else f"none is beyond its {chance}",
        ]
        if fewest < fewest_replicates(self.confidence_level):
            lines.append("nan: too few replicates leave the unit out for the level")
        more = found - _ROWS
        return lines + [f"{more:,} more are beyond theirs: see to_frame()"] * (more > 0)


def influence(
    estimates: Floats,
    absent: NDArray[np.uint8],
    names: Sequence[str],
    labels: Sequence[Any],
    *,
    confidence_level: float = 0.95,
    divergent: Bools | None = None,
) -> Influence:
    """Compute standard errors and percentile intervals without each unit.

    The jackknife after bootstrap (Efron 1992; Davison and Hinkley 1997, section 3.10.1): what is
    computed from all replicates is computed from those in which the unit was not drawn.

    Parameters
    ----------
    estimates : (B, p) array
        Replicates. Rows of NaN failed and are left out. Infinite entries count so in the interval;
        where a row with others is NaN, its sign is undetermined, and it is the worst at each end.
    absent : (⌈B/8⌉, G) uint8 array
        ``np.packbits(missing, axis=0)`` of the (B, G) array of which replicate lacks which unit.
    names : sequence of p str
        The parameters.
    labels : sequence of G
        The units.
    confidence_level : float
        Between 0 and 1.
    divergent : (B,) bool array, optional
        Replicates without a finite optimum, left out of standard errors; by default those that
        have entries that are not finite, but not all NaN.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        Where a unit occurs in every replicate, or the level is not between 0 and 1.

    Notes
    -----
    Monte Carlo errors are those of a difference of two functions of the replicates' distribution,
    each a mean of its influence function. With π the probability that a replicate lacks the unit,
    a = 1 where it does, and x and y the deviations from the mean of all and of those: of log SE

        ½ [(a/π) (y²/V_g − 1) − (x²/V − 1)],

    and of an end q, with density f of the replicates there,

        (a/π) (α − 1{θ* ≤ q_g}) / f_g − (α − 1{θ* ≤ q}) / f.

    Where the unit has no influence the variances are (m₄/V² − 1)(1/B_g − 1/B)/4, with B_g the
    replicates without it, and (1/B_g − 1/B) α(1 − α)/f². ``z`` is relative to these, which do not
    vary with the unit: of SE², and of how many of the replicates beyond an end lack the unit (a
    hypergeometric number). Relative to an error estimated from the few replicates without the unit
    it would have heavy tails.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.append(rng.normal(size=29), 12.0)
    >>> rows = rng.integers(30, size=(1999, 30))
    >>> missing = np.array([np.bincount(one, minlength=30) == 0 for one in rows])
    >>> means = y[rows].mean(axis=1)[:, None]
    >>> found = influence(means, np.packbits(missing, axis=0), ["mean"], range(30))
    >>> found.labels[np.argmin(found.standard_error_change)], bool(found.beyond[29, 0])
    (29, True)
    """
    tail, _ = read_level(confidence_level, "two-sided")
    failed = np.asarray(np.isnan(estimates).all(axis=1))
    if divergent is None:
        divergent = ~np.isfinite(estimates).all(axis=1) & ~failed
    kept = ~failed | divergent
    counts = _count_bits(absent, kept)
    _refuse_units_in_every_replicate(counts, labels, int(kept.sum()))
    everyone = _Everyone.of(estimates[kept], ~divergent[kept], tail)
    groups = list(_of_equal_count(counts, 1 + _AT_A_TIME // estimates.size))
    parts = [everyone.without(_unpack(absent[:, units], kept)) for units in groups]
    places = np.argsort(np.concatenate(groups))
    found = {key: np.concatenate([part[key] for part in parts])[places] for key in parts[0]}
    return Influence(tuple(names), tuple(labels), float(confidence_level), counts, **found)


def _count_bits(absent: NDArray[np.uint8], kept: Bools) -> NDArray[np.intp]:
    """Count the replicates without each unit, (G,)."""
    bits = absent & np.packbits(kept)[:, None]
    return np.asarray(np.bitwise_count(bits).sum(axis=0, dtype=np.intp))


def _unpack(bits: NDArray[np.uint8], kept: Bools) -> Bools:
    """Unpack which of the kept replicates lack some units, (B, w)."""
    return np.unpackbits(bits, axis=0, count=kept.size)[kept].astype(bool)


def _refuse_units_in_every_replicate(
    counts: NDArray[np.intp], labels: Sequence[Any], count: int
) -> None:
    """Raise where nothing shows what there is without a unit."""
    everywhere = np.flatnonzero(counts == 0)
    if everywhere.size:
        raise ValueError(
            f"influence: unit {labels[everywhere[0]]} occurs in all {count:,} replicates "
            f"({everywhere.size:,} of {counts.size:,} units do), but its influence is read off "
            f"those that leave it out; use Cases, Stratified, Clustered, Blocks or Subsample, and "
            f"enough resamples (Bayesian and other fractional weights leave no unit out)"
        )


def _of_equal_count(counts: NDArray[np.intp], width: int) -> Iterator[NDArray[np.intp]]:
    """Group units that equally many replicates lack, so that their replicates make an array."""
    for count in np.unique(counts):
        units = np.flatnonzero(counts == count)
        yield from (units[start : start + width] for start in range(0, units.size, width))


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """Replicates in order, (p, B), and the places they had."""

    places: NDArray[np.intp]
    values: Floats

    @classmethod
    def of(cls, replicates: Floats, undetermined: float) -> _Ordered:
        """Sort, with what is undetermined at one end."""
        values = np.where(np.isnan(replicates), undetermined, replicates).T
        places = np.argsort(values, axis=1, kind="stable")
        return cls(places, np.take_along_axis(values, places, axis=1))

    def part(self, missing: Bools) -> tuple[Bools, Floats]:
        """Find which lack each unit, (w, p, B) in order, and take those, (B_g, w p)."""
        lacking = missing.T[:, self.places]
        values = np.broadcast_to(self.values, lacking.shape)[lacking]
        return lacking, values.reshape(lacking.shape[0] * lacking.shape[1], -1).T


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Standard errors (p,) of all, and powers of the deviations in these, (4, B, p)."""

    standard_error: Floats
    powers: Floats

    @classmethod
    def of(cls, replicates: Floats) -> _Moments:
        """Standardize; a parameter that does not vary has no standard error to compare with."""
        varies = replicates.min(axis=0, initial=np.inf) < replicates.max(axis=0, initial=-np.inf)
        error = np.where(varies, standard_error(replicates), np.nan)
        mean = replicates.sum(axis=0) / max(len(replicates), 1)
        return cls(error, ((replicates - mean) / error) ** np.arange(1, 5)[:, None, None])

    def without(self, missing: Bools) -> dict[str, Floats]:
        """Compute the standard errors over some of the replicates, (B, w) of them."""
        total, count = len(missing), missing.sum(axis=0)[:, None].astype(float)
        first, second, third, fourth = missing.T.astype(float) @ self.powers / count
        variance = np.maximum(second - first**2, 0.0)
        skew = third - 3 * first * second + 2 * first**3
        tails = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        ratio = np.sqrt(variance * count / (count - 1))
        whole, kurtosis = (total - 1) / total, self._kurtosis()
        square = (tails / variance**2 - 1) * total / count + kurtosis - 1
        square -= 2 * ((tails + 2 * first * skew) / variance - variance) / whole
        error = np.where(variance > 0, ratio / 2 * _root(square / total), 0 * ratio)
        fewer = 1 / count - 1 / total
        z = _relative(ratio**2 - 1, np.sqrt((kurtosis - 1) * fewer + 2 * fewer**2))
        return _named("standard_error", ratio * self.standard_error, ratio - 1, error, z)

    def _kurtosis(self) -> Floats:
        """Fourth moment over the squared second, (p,)."""
        return np.asarray(self.powers[3].mean(axis=0) / self.powers[1].mean(axis=0) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    """One end of the intervals over all replicates, in units of their standard errors."""

    side: str
    tail: float
    everyone: _Ordered
    unit: Floats

    def without(self, lacking: Bools, ordered: Floats) -> dict[str, Floats]:
        """Compute the end over the replicates (B_g, w p) that lack some units, (w, p, B)."""
        shape, total, count = lacking.shape[:2], lacking.shape[2], len(ordered)
        if (count + 1) * self.tail < 1 - 1e-9:
            return _named(self.side, *np.full((4, *shape), np.nan))
        end, own = (each.reshape(shape) for each in self._of(ordered))
        whole, error = self._of(self.everyone.values.T)
        inside, z = self._beyond(lacking, count / total)
        shared = np.minimum(inside, self.tail) - inside * self.tail
        shared /= self.tail * (1 - self.tail)
        square = own**2 + error**2 - 2 * shared * np.sqrt(count / total) * own * error
        change = np.where(end == whole, 0.0, end - whole) / self.unit
        return _named(self.side, end, change, _root(square) / self.unit, z + 0 * self.unit)

    def _of(self, ordered: Floats) -> tuple[Floats, Floats]:
        """Find the end, and its Monte Carlo error."""
        level = self.tail if self.side == "low" else 1 - self.tail
        return order_quantile(ordered, level), order_quantile_mcse(ordered, level)

    def _beyond(self, lacking: Bools, share: float) -> tuple[Floats, Floats]:
        """Estimate the probability beyond the end of all without each unit, and its z."""
        total = lacking.shape[2]
        size = max(1, int((total + 1) * self.tail + 1e-9))
        low = self.side == "low"
        count = lacking[..., slice(size) if low else slice(-size, None)].sum(axis=-1)
        spread = np.sqrt(size * share * (1 - share) * (total - size) / (total - 1))
        z = _relative((count - size * share) * (-1 if low else 1), spread)
        return np.minimum(self.tail * count / (size * share), 1.0), z


@dataclass(frozen=True, slots=True, eq=False)
class _Everyone:
    """All replicates, made ready for taking those without a unit."""

    finite: Bools
    moments: _Moments
    low: _End
    high: _End

    @classmethod
    def of(cls, replicates: Floats, finite: Bools, tail: float) -> _Everyone:
        """Sort the replicates, and standardize those that are finite."""
        with np.errstate(all="ignore"):
            moments = _Moments.of(replicates[finite])
        low = _Ordered.of(replicates, -np.inf)
        high = _Ordered.of(replicates, np.inf) if np.isnan(replicates).any() else low
        unit = moments.standard_error
        return cls(finite, moments, _End("low", tail, low, unit), _End("high", tail, high, unit))

    def without(self, missing: Bools) -> dict[str, Floats]:
        """Compute everything without some units, which equally many replicates lack."""
        low, high = self.low.everyone, self.high.everyone
        with np.errstate(all="ignore"):
            part = low.part(missing)
            ends = self.low.without(*part)
            ends |= self.high.without(*(part if high is low else high.part(missing)))
            return self.moments.without(missing[self.finite]) | ends


def _root(square: Floats) -> Floats:
    """Take the root of what rounding may have made negative."""
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def _relative(change: Floats, error: Any) -> Floats:
    """Divide by an error; nothing changes where it is 0, as for a unit that is never drawn."""
    return np.asarray(np.where(error == 0, 0.0, change / error))


def _named(
    figure: str, values: Floats, change: Floats, error: Floats, z: Floats
) -> dict[str, Floats]:
    """Name the numbers of one figure as the result does."""
    names = (figure, f"{figure}_change", f"{figure}_change_mcse", f"{figure}_z")
    return dict(zip(names, (values, change, error, z), strict=True))
