"""The jackknife after bootstrap: standard errors and intervals without each unit, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.inference.order_statistics import SAME_RANK, order_quantile, order_quantile_mcse
from bootmle.inference.standard_errors import standard_error
from bootmle.likelihood.arrays import Floats

__all__ = ["Bools", "count_without", "summarize_without_each"]

Bools = NDArray[np.bool_]

_AT_A_TIME = 4_000_000
"""Replicates times parameters times units that are held at a time: 4 MB of truth values."""


def summarize_without_each(
    estimates: Floats,
    absent: NDArray[np.uint8],
    counts: NDArray[np.intp],
    kept: Bools,
    tail: float,
) -> dict[str, Floats]:
    """Compute the (G, p) arrays of `Influence`, by name, with `tail` beyond either endpoint."""
    # ``absent`` (⌈B/8⌉, G) says which replicate lacks which unit, packed, ``kept`` (B,) which count
    # at all, and ``counts`` (G,), at least 1, how many of these lack each unit.
    everyone = _Everyone.of(estimates[kept], tail)
    groups = list(_of_equal_count(counts, 1 + _AT_A_TIME // estimates.size))
    parts = [everyone.without(_unpack(absent[:, units], kept)) for units in groups]
    places = np.argsort(np.concatenate(groups))
    return {key: np.concatenate([part[key] for part in parts])[places] for key in parts[0]}


def count_without(absent: NDArray[np.uint8], kept: Bools) -> NDArray[np.intp]:
    """Count the replicates without each unit, (G,)."""
    bits = absent & np.packbits(kept)[:, None]
    return np.asarray(np.bitwise_count(bits).sum(axis=0, dtype=np.intp))


def _unpack(bits: NDArray[np.uint8], kept: Bools) -> Bools:
    """Unpack which of the kept replicates lack some units, (B, w)."""
    return np.unpackbits(bits, axis=0, count=kept.size)[kept].astype(bool)


def _of_equal_count(counts: NDArray[np.intp], width: int) -> Iterator[NDArray[np.intp]]:
    """Group units that equally many replicates lack: their replicates form an array."""
    for count in np.unique(counts):
        units = np.flatnonzero(counts == count)
        yield from (units[start : start + width] for start in range(0, units.size, width))


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """Sorted replicates, (p, B), and the rows they came from."""

    places: NDArray[np.intp]
    values: Floats

    @classmethod
    def of(cls, replicates: Floats, undetermined: float) -> _Ordered:
        """Sort, with undetermined replicates at one end."""
        values = np.where(np.isnan(replicates), undetermined, replicates).T
        places = np.argsort(values, axis=1, kind="stable")
        return cls(places, np.take_along_axis(values, places, axis=1))

    def part(self, missing: Bools) -> tuple[Bools, Floats]:
        """Find which replicates lack each unit, (w, p, B) in order, and take these, (B_g, w p)."""
        lacking = missing.T[:, self.places]
        values = np.broadcast_to(self.values, lacking.shape)[lacking]
        return lacking, values.reshape(lacking.shape[0] * lacking.shape[1], -1).T


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Standard errors (k,) of parameters that are finite in the same replicates."""

    # With the powers of the standardized deviations in these replicates, (4, B, k).

    columns: NDArray[np.intp]
    rows: Bools
    standard_error: Floats
    powers: Floats

    @classmethod
    def of(cls, replicates: Floats) -> Iterator[_Moments]:
        """Standardize the finite replicates, (B, p), parameter by parameter."""
        patterns, group = np.unique(np.isfinite(replicates), axis=1, return_inverse=True)
        for place, rows in enumerate(patterns.T):
            columns = np.flatnonzero(group == place)
            yield cls._standardized(columns, rows, replicates[rows][:, columns])

    @classmethod
    def _standardized(cls, columns: NDArray[np.intp], rows: Bools, replicates: Floats) -> _Moments:
        """Standardize; a parameter that does not vary has no standard error to compare with."""
        varies = replicates.min(axis=0, initial=np.inf) < replicates.max(axis=0, initial=-np.inf)
        error = np.where(varies, standard_error(replicates), np.nan)
        mean = replicates.sum(axis=0) / max(len(replicates), 1)
        powers = ((replicates - mean) / error) ** np.arange(1, 5)[:, None, None]
        return cls(columns, rows, error, powers)

    def without(self, missing: Bools) -> dict[str, Floats]:
        """Compute the standard errors without each of w units, which (B, w) replicates lack."""
        missing = missing[self.rows]
        if not len(missing):
            shape = (missing.shape[1], self.columns.size)
            return _named("standard_error", *np.full((4, *shape), np.nan))
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
        """Compute the fourth moment over the squared second, (k,)."""
        return np.asarray(self.powers[3].mean(axis=0) / self.powers[1].mean(axis=0) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    """One endpoint of the intervals over all replicates, in units of their standard errors."""

    side: str
    tail: float
    everyone: _Ordered
    unit: Floats

    def without(self, lacking: Bools, ordered: Floats) -> dict[str, Floats]:
        """Compute the endpoint over the replicates (B_g, w p) that lack each unit, (w, p, B)."""
        shape, total, count = lacking.shape[:2], lacking.shape[2], len(ordered)
        if (count + 1) * self.tail < 1 - SAME_RANK:
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
        """Compute the endpoint, and its Monte Carlo error."""
        level = self.tail if self.side == "low" else 1 - self.tail
        return order_quantile(ordered, level), order_quantile_mcse(ordered, level)

    def _beyond(self, lacking: Bools, share: float) -> tuple[Floats, Floats]:
        """Estimate, without each unit, the probability beyond the endpoint of all, and its z."""
        total = lacking.shape[2]
        size = max(1, int((total + 1) * self.tail + SAME_RANK))
        low = self.side == "low"
        count = lacking[..., slice(size) if low else slice(-size, None)].sum(axis=-1)
        spread = np.sqrt(size * share * (1 - share) * (total - size) / (total - 1))
        z = _relative((count - size * share) * (-1 if low else 1), spread)
        return np.minimum(self.tail * count / (size * share), 1.0), z


@dataclass(frozen=True, slots=True, eq=False)
class _Everyone:
    """All replicates, prepared for leaving units out."""

    moments: tuple[_Moments, ...]
    low: _End
    high: _End

    @classmethod
    def of(cls, replicates: Floats, tail: float) -> _Everyone:
        """Sort the replicates, and standardize the finite ones."""
        with np.errstate(all="ignore"):
            moments = tuple(_Moments.of(replicates))
        low = _Ordered.of(replicates, -np.inf)
        high = _Ordered.of(replicates, np.inf) if np.isnan(replicates).any() else low
        unit = np.empty(replicates.shape[1])
        for each in moments:
            unit[each.columns] = each.standard_error
        return cls(moments, _End("low", tail, low, unit), _End("high", tail, high, unit))

    def without(self, missing: Bools) -> dict[str, Floats]:
        """Compute everything without each of some units, which equally many replicates lack."""
        low, high = self.low.everyone, self.high.everyone
        with np.errstate(all="ignore"):
            part = low.part(missing)
            ends = self.low.without(*part)
            ends |= self.high.without(*(part if high is low else high.part(missing)))
            return self._errors_without(missing) | ends

    def _errors_without(self, missing: Bools) -> dict[str, Floats]:
        """Compute the standard errors without each of some units, (w, p)."""
        shape = (missing.shape[1], self.low.unit.size)
        found = _named("standard_error", *np.empty((4, *shape)))
        for each in self.moments:
            for figure, values in each.without(missing).items():
                found[figure][:, each.columns] = values
        return found


def _root(square: Floats) -> Floats:
    """Take the square root of what rounding may have made negative."""
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def _relative(change: Floats, error: Any) -> Floats:
    """Divide by an error; 0 where the error is 0, as for a unit that is never drawn."""
    return np.asarray(np.where(error == 0, 0.0, change / error))


def _named(
    figure: str, values: Floats, change: Floats, error: Floats, z: Floats
) -> dict[str, Floats]:
    """Name the numbers of one figure as `Influence` does."""
    names = (figure, f"{figure}_change", f"{figure}_change_mcse", f"{figure}_z")
    return dict(zip(names, (values, change, error, z), strict=True))
