"""Pairs of parameters: the joint shape of the replicates beside the Hessian's ellipse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bootmle.bootstrapping.histograms import count_bars, left_out, range_of
from bootmle.bootstrapping.panels import Pictured, has_spread, read_names
from bootmle.display.axes import PALETTE, Panels, open_axes, wrapped
from bootmle.display.panels import annotate, share_legend
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_pairs"]

_VERMILION, _SKY = PALETTE[1], PALETTE[5]
_MOST = 8
"""Parameters shown by default: 28 pairs, each an inch wide, on a page."""
_POINTS = 2000
"""Replicates drawn at most: more are one blot."""
_SHARES = (0.95, 0.5)
"""Shares of the replicates that the lines of equal density enclose."""
_CELLS, _SMOOTHING = 48, 2.0
"""Cells along each axis of the density, and the standard deviation in cells of what smooths it:
1/24 of the range, near the normal reference rule for some hundred replicates (Scott 1992)."""
_MARGIN = 0.08
"""Share of the range that is left free at both ends."""
_RADIUS = np.sqrt(-2 * np.log(1 - _SHARES[0]))
"""Of the ellipse that holds 95% of a bivariate normal distribution, √χ²₂(0.95)."""


class _Paired(Pictured, Protocol):
    """What pairs need of a Bootstrap besides."""

    @property
    def skewness(self) -> Floats: ...
    def kept(self) -> Floats: ...


def plot_pairs(
    boot: _Paired,
    ax: Axes | Panels | Sequence[Axes] | None = None,
    *,
    names: Sequence[str] | None = None,
    hessian: Floats | None = None,
) -> tuple[Figure, Panels]:
    """Draw histograms on the diagonal, and each pair of parameters below it."""
    chosen = _choose(boot, names)
    k = len(chosen)
    side = float(np.clip(9.0 / k, 1.25, 3.0))
    figure, flat = open_axes(ax, k * k, k, (side, side))
    panels: Any = flat.reshape(k, k)
    replicates = boot.kept()
    varies = [
        has_spread(panels[i, i], replicates[:, j], boot.flat()[j]) for i, j in enumerate(chosen)
    ]
    for i, j in enumerate(chosen):
        if varies[i]:
            reach = 0.0 if hessian is None else float(_RADIUS * np.sqrt(hessian[j, j]))
            _draw_bars(panels[i, i], replicates[:, j], float(boot.estimate[j]), reach)
            annotate(panels[i, i], left_out(panels[i, i], replicates[:, j], boot.data))
    for i, m in np.ndindex(k, k):
        if m > i or not (varies[i] and varies[m]):
            panels[i, m].set_axis_off() if m != i else None
        elif m < i:
            both = [chosen[m], chosen[i]]
            panels[i, m].set(xlim=panels[m, m].get_xlim(), ylim=panels[i, i].get_xlim())
            _draw_pair(panels[i, m], replicates[:, both])
            ellipse = None if hessian is None else hessian[np.ix_(both, both)]
            _mark(panels[i, m], boot.estimate[both], ellipse)
    _label(panels, [boot.names[j] for j in chosen])
    share_legend(figure, flat, ax is None)
    return figure, panels


def _choose(boot: _Paired, names: Sequence[str] | None) -> list[int]:
    """Return the positions of the parameters; by default of the most skewed, in their order."""
    chosen = read_names(boot, names)
    if names is not None or len(chosen) <= _MOST:
        return chosen
    skewness = np.nan_to_num(np.abs(boot.skewness[chosen]))
    return sorted(chosen[place] for place in np.argsort(-skewness, kind="stable")[:_MOST])


def _draw_bars(panel: Axes, values: Floats, estimate: float, reach: float) -> None:
    """Draw one parameter's histogram, with room for an ellipse up to twice as wide."""
    finite = values[np.isfinite(values)]
    left, right = range_of(finite, [estimate])
    if np.isfinite(reach):
        half = (right - left) / 2
        left, right = (
            min(left, max(estimate - reach, left - half)),
            max(right, min(estimate + reach, right + half)),
        )
    margin = _MARGIN * (right - left)
    left, right = left - margin, right + margin
    heights, edges = np.histogram(
        finite, np.linspace(left, right, 1 + count_bars(finite, right - left))
    )
    panel.stairs(heights, edges, fill=True, color=_SKY)
    panel.axvline(estimate, color=panel.title.get_color(), linewidth=1.0)
    panel.set(xlim=(left, right), ylim=(0, 1.1 * heights.max()), yticks=[])


def _draw_pair(panel: Axes, pairs: Floats) -> None:
    """Draw the replicates of two parameters (B, 2), and lines around shares of them."""
    from scipy.ndimage import gaussian_filter

    finite = pairs[np.isfinite(pairs).all(axis=1)]
    about: dict[str, Any] = {"s": 5, "alpha": 0.5, "linewidths": 0, "color": _SKY}
    panel.scatter(*finite[:_POINTS].T, label="replicates", rasterized=True, **about)
    color, limits = panel.title.get_color(), (panel.get_xlim(), panel.get_ylim())
    counts, x, y = np.histogram2d(finite[:, 0], finite[:, 1], bins=_CELLS, range=limits)
    density = gaussian_filter(counts, _SMOOTHING)
    ordered = np.sort(density, axis=None)[::-1]
    enclosed = np.cumsum(ordered) / ordered.sum()
    levels = [float(ordered[np.searchsorted(enclosed, share)]) for share in _SHARES]
    if 0 < levels[0] < levels[1]:
        middles = [(edges[1:] + edges[:-1]) / 2 for edges in (x, y)]
        panel.contour(*middles, density.T, levels, colors=color, linewidths=1.0)
        panel.plot([], [], color=color, linewidth=1.0, label="around 50% and 95% of them")


def _mark(panel: Axes, center: Floats, covariance: Floats | None) -> None:
    """Mark the estimate, and draw the ellipse where there is a covariance (2, 2)."""
    limits = (panel.get_xlim(), panel.get_ylim())
    about: dict[str, Any] = {"color": panel.title.get_color(), "linestyle": "none"}
    if covariance is not None and np.isfinite(covariance).all() and (np.diag(covariance) > 0).all():
        angle = np.linspace(0, 2 * np.pi, 181)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        line = center[:, None] + _RADIUS * root @ np.array([np.cos(angle), np.sin(angle)])
        panel.plot(*line, color=_VERMILION, linewidth=1.4, label="the Hessian's 95% ellipse")
    panel.plot(*center, marker="+", markersize=9, markeredgewidth=1.6, label="estimate", **about)
    panel.set(xlim=limits[0], ylim=limits[1])


def _label(panels: Panels, names: Sequence[str]) -> None:
    """Write names and ticks on the outer axes alone."""
    last = len(names) - 1
    size = "medium" if last < 4 else "small"
    for i, row in enumerate(names):
        for m, column in enumerate(names[: i + 1]):
            panel = panels[i, m]
            panel.locator_params(nbins=3 if last < 4 else 2)
            panel.tick_params(labelsize="small", labelbottom=i == last, labelleft=m == 0 and i > 0)
            if i == last:
                panel.set_xlabel(wrapped(column), fontsize=size, parse_math=False)
            if m == 0 and i > 0:
                panel.set_ylabel(wrapped(row), fontsize=size, parse_math=False)
        if i < last:
            panels[i, i].set_title(wrapped(row), fontsize=size, parse_math=False)
