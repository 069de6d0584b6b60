"""The picture of a band: estimate, limits, and a few replicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.bootstrapping.bands import Band
from bootmle.bootstrapping.panels import Pictured
from bootmle.display.axes import PALETTE, Panels, open_axes
from bootmle.display.panels import share_legend
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_band"]

_SKY = PALETTE[5]
_FEW = 20
"""Replicates that are drawn: so many lines can still be told apart."""


def plot_band(
    boot: Pictured, band: Band, ax: Axes | Panels | Sequence[Axes] | None = None
) -> tuple[Figure, Panels]:
    """Draw a panel for each curve."""
    size, level = band.grid.size, f"{100 * band.confidence_level:.6g}%"
    count = band.estimate.size // size
    columns = min(count, 3)
    figure, panels = open_axes(ax, count, columns, (max(3.2, 6.0 / columns), 4.0 - 0.4 * columns))
    drawn = boot.data.estimates[np.isfinite(boot.data.estimates).all(axis=1)][:_FEW]
    curves = drawn.reshape(len(drawn), count, size)
    order = np.argsort(band.grid, kind="stable")
    rows = {
        name: getattr(band, name).reshape(count, size)[:, order]
        for name in ("estimate", "low", "high", "simultaneous_low", "simultaneous_high")
    }
    for k, panel in enumerate(panels):
        limits = {name: each[k] for name, each in rows.items()}
        _draw(panel, band.grid[order], limits, curves[:, k][:, order], level)
        if count > 1:
            panel.set_title(f"curve {k + 1}", fontsize="medium")
    share_legend(figure, panels, ax is None)
    return figure, panels


def _draw(panel: Axes, grid: Floats, limits: dict[str, Floats], few: Floats, level: str) -> None:
    """Draw one curve."""
    color = panel.title.get_color()
    shade: dict[str, Any] = {"linewidth": 0, "color": _SKY}
    low, high = limits["simultaneous_low"], limits["simultaneous_high"]
    if np.isfinite(low).any():
        panel.fill_between(grid, low, high, alpha=0.3, label=f"{level} everywhere", **shade)
    low, high = limits["low"], limits["high"]
    panel.fill_between(grid, low, high, alpha=0.5, label=f"{level} at each point", **shade)
    for k, line in enumerate(few):
        label = f"{len(few)} replicates" if k == 0 else None
        panel.plot(grid, line, color=color, linewidth=0.6, alpha=0.4, label=label)
    panel.plot(grid, limits["estimate"], color=color, linewidth=1.8, label="estimate")
    panel.margins(x=0)
