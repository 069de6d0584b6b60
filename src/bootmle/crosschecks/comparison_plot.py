"""The plot of a Crosscheck: every standard error as a multiple of the reference's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from textwrap import fill
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bootmle.display.axes import MARKERS, PALETTE, add_legend, label_rows, open_axes, scale_ratios
from bootmle.display.text import rounded
from bootmle.likelihood.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot_crosscheck"]

_LOWEST_BAND = 0.5
"""Ratio down to which the axis shows a band: a wider one would crowd the markers together."""
_NOTE_WIDTH = 24
"""Characters in one line of a note, which stands beside the axes."""
_LABEL_OFFSETS = ((-9, "right"), (9, "left"))
"""Where a ratio below 1, and one above, is written: its shift in points, and its alignment."""


class _Judged(Protocol):
    """What the plot needs of a Verdict."""

    @property
    def agrees(self) -> bool: ...
    @property
    def flag(self) -> Enum | None: ...
    @property
    def reason(self) -> str: ...


class _Checked(Protocol):
    """What the plot needs of a Crosscheck."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def standard_errors(self) -> Mapping[str, Floats]: ...
    @property
    def tolerance(self) -> Mapping[str, Floats]: ...
    @property
    def mcse(self) -> Mapping[str, Floats]: ...
    @property
    def verdicts(self) -> Mapping[str, _Judged]: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """One source's markers, one in each of r rows."""

    # Ratios and tolerances are multiples of the reference; NaN where there is none.

    name: str
    color: str
    marker: str
    heights: Floats
    errors: Floats
    ratios: Floats
    tolerance: Floats

    @property
    def outside(self) -> NDArray[np.intp]:
        """Rows whose marker lies outside its band."""
        with np.errstate(invalid="ignore"):
            return np.flatnonzero(np.abs(self.ratios - 1) > self.tolerance)

    @property
    def missing(self) -> NDArray[np.intp]:
        """Rows without a marker."""
        return np.flatnonzero(~np.isfinite(self.ratios))


def plot_crosscheck(check: _Checked, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a row for each free parameter, and in it a marker for each source."""
    every = check.standard_errors.values()
    rows = [j for j in range(len(check.names)) if any(errors[j] != 0 for errors in every)]
    height = 1.5 + 0.2 * len(every) + len(rows) * (0.14 * len(every) + 0.14)
    figure, (panel,) = open_axes(ax, 1, size=(8.0, height))
    series = _read_series(check, rows, panel.title.get_color())
    _lay_out(panel, [check.names[j] for j in rows], series)
    _draw_bars(panel, series[0], check.mcse[series[0].name][rows])
    handles: list[Any] = [_draw_markers(panel, each) for each in series]
    labels = [f"{each.name}: {_in_few_words(check, each)}" for each in series]
    if len(series) > 1:
        handles.append(_draw_bands(panel, series[1:], 0.4 / len(series)))
        labels.append(f"within 2 standard errors of the {series[0].name}")
    _list_missing(panel, series)
    add_legend(panel, handles, labels)
    return figure, panel


def _read_series(check: _Checked, rows: Sequence[int], color: str) -> list[_Series]:
    """Divide every source by the reference, which comes first and has the text's color."""
    names = list(check.standard_errors)
    unit = _positive(check.standard_errors[names[0]][rows])
    series = []
    for k, name in enumerate(names):
        look = (PALETTE[(k - 1) % len(PALETTE)], MARKERS[k % len(MARKERS)])
        heights = np.arange(float(len(rows))) + 0.8 * ((k + 0.5) / len(names) - 0.5)
        errors, tolerance = check.standard_errors[name][rows], check.tolerance[name][rows]
        ratios = (errors, _positive(errors) / unit, tolerance / unit)
        series.append(_Series(name, color if k == 0 else look[0], look[1], heights, *ratios))
    return series


def _positive(errors: Floats) -> Floats:
    """Keep what a logarithmic axis can show."""
    with np.errstate(invalid="ignore"):
        return np.where((errors > 0) & (errors < np.inf), errors, np.nan)


def _lay_out(panel: Axes, names: Sequence[str], series: Sequence[_Series]) -> None:
    """Set up a row for each parameter, and ratios on a logarithmic scale."""
    scale_ratios(panel, _in_view(series))
    label_rows(panel, names)
    panel.set_xlabel(f"standard error, as a multiple of the {series[0].name}'s")
    panel.tick_params(axis="y", length=0)
    panel.axvline(1, color=series[0].color, linewidth=0.8)
    for row in range(1, len(names)):
        panel.axhline(row - 0.5, color="gray", linewidth=0.5, alpha=0.5)


def _in_view(series: Sequence[_Series]) -> Floats:
    """List the ratios that the axis must show: all markers and most of each band."""
    widths = np.concatenate([each.tolerance for each in series])
    edges = [np.maximum(1 - widths, _LOWEST_BAND), 1 + widths]
    return np.concatenate([*(each.ratios for each in series), *edges])


def _draw_bars(panel: Axes, reference: _Series, mcse: Floats) -> None:
    """Draw the reference's error bars, 2 Monte Carlo standard errors to each side."""
    lengths = 2 * mcse * reference.ratios / reference.errors
    style: dict[str, Any] = {"fmt": "none", "ecolor": reference.color, "capsize": 3}
    panel.errorbar(reference.ratios, reference.heights, xerr=lengths, **style)


def _draw_bands(panel: Axes, others: Sequence[_Series], thickness: float) -> BarContainer:
    """Draw the bands of the other sources, cut off at the edge of the axis."""
    heights = np.concatenate([each.heights for each in others])
    widths = np.concatenate([each.tolerance for each in others])
    left = np.maximum(1 - widths, panel.get_xlim()[0])
    style: dict[str, Any] = {"left": left, "color": "gray", "alpha": 0.3}
    return panel.barh(heights, 1 + widths - left, thickness, **style)


def _draw_markers(panel: Axes, series: _Series) -> Line2D:
    """Draw a source's markers; circle those outside their bands, and write their ratios."""
    look: dict[str, Any] = {"color": series.color, "linestyle": "none"}
    about: dict[str, Any] = {"marker": series.marker, "label": series.name, **look}
    (markers,) = panel.plot(series.ratios, series.heights, **about)
    out = series.outside
    circle: dict[str, Any] = {"marker": "o", "markersize": 10, "fillstyle": "none"}
    panel.plot(series.ratios[out], series.heights[out], **circle, **look)
    for ratio, height in zip(series.ratios[out], series.heights[out], strict=True):
        shown, (shift, align) = (
            rounded(ratio, 2 if ratio < 1 else 3),
            _LABEL_OFFSETS[int(ratio > 1)],
        )
        place: dict[str, Any] = {"textcoords": "offset points", "ha": align, "va": "center"}
        panel.annotate(f"×{shown}", (ratio, height), (shift, 0), fontsize="small", **place)
    return markers


def _list_missing(panel: Axes, series: Sequence[_Series]) -> None:
    """List at the right edge what the axis cannot show, with a hollow marker for each."""
    edge = panel.get_yaxis_transform()
    for row in sorted({int(row) for each in series for row in each.missing}):
        reasons: dict[str, list[str]] = {}
        for each in series:
            if row in each.missing:
                reasons.setdefault(_why_missing(each.errors[row]), []).append(each.name)
                look: dict[str, Any] = {"color": each.color, "fillstyle": "none"}
                place: dict[str, Any] = {"transform": edge, "clip_on": False}
                panel.plot(1, each.heights[row], each.marker, **look, **place)
        lines = [fill(f"{why}: {', '.join(names)}", _NOTE_WIDTH) for why, names in reasons.items()]
        about: dict[str, Any] = {"va": "center", "fontsize": "small", "parse_math": False}
        panel.text(1.02, row, "\n".join(lines), transform=edge, **about)


def _why_missing(error: float) -> str:
    """State why the axis cannot show a standard error."""
    if np.isnan(error):
        return "withheld"
    if np.isinf(error):
        return "infinite"
    return "zero" if error == 0 else "no reference for"


def _in_few_words(check: _Checked, series: _Series) -> str:
    """Summarize a verdict: the reference, or agreement, or its flag."""
    verdict = check.verdicts[series.name]
    flag = "" if verdict.flag is None else verdict.flag.value
    what = _formula(verdict.reason)
    if not verdict.agrees:
        return what or flag
    if series.name == next(iter(check.verdicts)):
        return f"the reference, but {flag}" if flag else "the reference"
    said = "agrees; the circled ones are within chance" if series.outside.size else "agrees"
    return f"{what}; {said}" if what else said


def _formula(reason: str) -> str:
    """Return what a verdict says that the user's numbers equal; empty where it says nothing."""
    _, equals, what = reason.partition(" it equals ")
    if equals:
        return re.split("[:,]", what)[0]
    return "close to the inverse Hessian" if reason.startswith("close to the inverse") else ""
