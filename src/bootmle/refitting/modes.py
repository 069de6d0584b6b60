"""The modes of a parameter's replicates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.replicates import Replicates

__all__ = ["count_modes", "mode_alarms"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When a density estimate has several modes."""

    # Measured on 1,000 samples each: of a normal distribution none is said to have two, of an
    # exponential 2% at n = 100 and none at 600, of a t with 3 degrees of freedom 4% and none; of an
    # equal mixture of two normals four standard deviations apart 62% at n = 600 and all at 2,000.

    fewest: int = 100
    """Replicates below which chance makes modes."""
    tail: float = 0.005
    """Share left out at either end, where single replicates make modes."""
    width: float = 1.6
    """Bandwidth in units of σ n^(−1/5): 1.06 is best for a normal density, and rougher."""
    points: int = 128
    """Points of the grid: several to a bandwidth up to 10⁵ replicates."""
    fineness: int = 8
    """Bins to a bandwidth: rounding to them widens it by 1/(24 · 8²), which is 0.07%."""
    reach: float = 5.0
    """Bandwidths beyond which a value adds nothing: exp(−5²/2) is 4e-6."""
    height: float = 0.05
    """Least height of a mode, as a share of the highest."""
    valley: float = 0.75
    """Greatest depth of a valley between two modes, as a share of the lower."""


_THRESHOLDS = _Thresholds()


def mode_alarms(names: tuple[str, ...], replicates: Replicates) -> tuple[Alarm, ...]:
    """Name the parameters whose replicates have more than one mode."""
    kept = replicates.estimates[~replicates.failed]
    several = tuple(
        name
        for name, column in zip(names, kept.T, strict=True)
        if count_modes(column[np.isfinite(column)]) > 1
    )
    if not several:
        return ()
    message = (
        f"the replicates of {', '.join(several)} have more than one mode (several optima, label "
        f"switching, or one influential observation): look at their histogram; a standard error "
        f"does not describe them"
    )
    return (Alarm(AlarmKind.SEVERAL_MODES, message, several),)


def count_modes(values: Floats) -> int:
    """Count the modes of a smooth density estimate that are separated by a valley."""
    if values.size < _THRESHOLDS.fewest or np.ptp(values) == 0:
        return 1
    low, high = np.quantile(values, [_THRESHOLDS.tail, 1 - _THRESHOLDS.tail])
    # A normal's quartiles are 1.349 standard deviations apart.
    spread = min(values.std(), np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.349)
    if not spread > 0 or not high > low:
        return 1
    grid = np.linspace(low, high, _THRESHOLDS.points)
    width = _THRESHOLDS.width * spread * values.size**-0.2
    counts, centers = _binned(values, low, high, width)
    kernels = np.exp(-0.5 * ((grid[:, None] - centers) / width) ** 2)
    return _count_peaks(kernels @ counts)


def _binned(values: Floats, low: float, high: float, width: float) -> tuple[Floats, Floats]:
    """Count values in fine bins where the density is asked for: return counts and centers."""
    margin = _THRESHOLDS.reach * width
    bins = math.ceil((high - low + 2 * margin) * _THRESHOLDS.fineness / width)
    if bins >= values.size:
        return np.ones(values.size), values
    counts, edges = np.histogram(values, bins, (low - margin, high + margin))
    return counts.astype(float), (edges[1:] + edges[:-1]) / 2


def _count_peaks(density: Floats) -> int:
    """Count the peaks that are high enough and separated by valleys."""
    inner, least = density[1:-1], _THRESHOLDS.height * density.max()
    peaks = 1 + np.flatnonzero((inner > density[:-2]) & (inner >= density[2:]) & (inner > least))
    count = min(1, peaks.size)
    for one, other in pairwise(peaks):
        valley = density[one:other].min()
        count += bool(valley < _THRESHOLDS.valley * min(density[one], density[other]))
    return max(count, 1)
