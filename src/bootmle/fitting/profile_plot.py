"""The picture of a fit: each parameter's profile likelihood and its quadratic approximation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from bootmle.display.axes import PALETTE, Panels
from bootmle.display.checks import check_names
from bootmle.display.panels import annotate, label_axes, open_panels
from bootmle.display.text import brief, rounded
from bootmle.fitting.optimum import Optimum
from bootmle.fitting.profile_points import bound_distance, root_at, user_value
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.whitening import WhitenedObjective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_profiles"]

_GOOD, _OFF, _WITHHELD = PALETTE[0], PALETTE[1], PALETTE[3]
_REACH, _POINTS = 3.0, 13
"""Standard errors to each side that are shown, and points at which the others are maximized over:
one each half standard error, between which the signed root is nearly linear."""
_QUANTILE = 3.841459
"""χ²₁(0.95): twice the drop of the log-likelihood at the ends of a 95% interval."""
_DIFFERENCE = 0.2
"""Signed root minus distance in standard errors, within 2 of them, from which a profile is called
not quadratic: an end of its 95% interval is then about a tenth of its distance off."""
_WORDS = {
    "good": "profile likelihood, about quadratic",
    "bent": "profile likelihood, not quadratic: Wald intervals are off",
    "none": "profile likelihood, no standard error by the Hessian",
    "agrees": "profile likelihood, the Hessian's standard error agrees",
}
"""What the colors mean, in the order of the legend; where there are flags, theirs follow."""
_FLAGS = PALETTE[1:6]
"""Colors of flags, in the order in which they occur."""
Flagged = dict[str, tuple[str, str]]
_FINE = 201
"""Points of a curve that is drawn."""


def plot_profiles(
    fit: Optimum,
    names: Sequence[str] | None = None,
    ax: Axes | Panels | Sequence[Axes] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> tuple[Figure, Panels]:
    """Draw a panel for each free parameter, in the color of its flag where flags are given."""
    fit.check_optimum()
    chosen, flagged = _read_names(fit, names), _read_flags(fit, flags)
    columns = [int(np.flatnonzero(fit.likelihood.parameters.free == j)[0]) for j in chosen]
    figure, panels = open_panels(ax, [fit.names[j] for j in chosen])
    target = WhitenedObjective(fit.likelihood, fit.whitening, fit.base)
    used: dict[str, str] = {}
    for panel, j, column in zip(panels, chosen, columns, strict=True):
        if fit.names[j] in fit.not_identified:
            about: dict[str, Any] = {"ha": "center", "va": "center"}
            panel.text(0.5, 0.5, "not identified by the data", transform=panel.transAxes, **about)
            panel.set(xticks=[], yticks=[])
            continue
        used |= _draw(panel, fit, *_profile(fit, target, column), j, flagged)
    label_axes(figure, panels, ax is None, "parameter", "twice the drop in log-likelihood")
    _explain(figure, panels, used, ax is None)
    return figure, panels


def _read_names(fit: Optimum, names: Sequence[str] | None) -> list[int]:
    """Return the positions of parameters; by default of all free ones."""
    free = [j for j, one in enumerate(fit.free) if one]
    given = check_names(names)
    if given is None:
        return free
    known = {fit.names[j]: j for j in free}
    if not given or not set(given) <= set(known):
        raise ValueError(f"names: {brief(names)}; pass a list of some of {list(known)}")
    return [known[name] for name in given]


def _read_flags(fit: Optimum, flags: Any) -> Flagged | None:
    """Return the words and the color of each parameter that has a flag."""
    if flags is None:
        return None
    unknown = not isinstance(flags, Mapping) or [each for each in flags if each not in fit.names]
    if unknown:
        raise ValueError(
            f"flags: {brief(flags)}; pass a mapping from some of {list(fit.names)}, as "
            f"crosscheck(boot).hessian_flags"
        )
    words = {name: f"Hessian: {getattr(flag, 'value', flag)}" for name, flag in flags.items()}
    colors = dict(zip(dict.fromkeys(words.values()), cycle(_FLAGS), strict=False))
    return {name: (text, colors[text]) for name, text in words.items()}


def _profile(fit: Optimum, target: WhitenedObjective, column: int) -> tuple[Floats, Floats]:
    """Return values of a parameter on the user's scale, and the signed roots there."""
    ends = [min(_REACH, bound_distance(fit, column, side)) for side in (-1, 1)]
    distances = np.linspace(-_REACH, _REACH, _POINTS)
    distances = np.unique(np.clip(distances, -ends[0], ends[1]))
    values = np.array([user_value(fit, column, each) for each in distances])
    roots = np.array([0.0 if d == 0 else root_at(fit, target, column, d) for d in distances])
    roots *= np.sign(values - user_value(fit, column, 0.0))
    order = np.argsort(values)
    return values[order], roots[order]


def _draw(
    panel: Axes, fit: Optimum, values: Floats, roots: Floats, j: int, flagged: Flagged | None
) -> dict[str, str]:
    """Draw one parameter; return what its color means."""
    estimate, error = float(fit.estimate[j]), float(fit.hessian_errors[j])
    there = np.isfinite(roots)
    fine = np.linspace(values[0], values[-1], _FINE)
    line = np.interp(fine, values[there], roots[there])
    bent, means, color = False, _WORDS["none"], _WITHHELD
    if error > 0:
        distance = (fine - estimate) / error
        within = np.abs(line) <= 2
        apart = float(np.abs(line - distance)[within].max(initial=0.0))
        bent = not apart < _DIFFERENCE
        means, color = (_WORDS["bent"], _OFF) if bent else (_WORDS["good"], _GOOD)
        look: dict[str, Any] = {"color": panel.title.get_color(), "linestyle": "--"}
        panel.plot(fine, distance**2, linewidth=1.0, **look)
    if flagged is not None:
        means, color = flagged.get(fit.names[j], (_WORDS["agrees"], _GOOD))
    panel.plot(fine, line**2, color=color, linewidth=1.8)
    panel.axhline(_QUANTILE, color="gray", linewidth=0.8, linestyle=":")
    panel.set(ylim=(0, _REACH**2), xlim=(values[0], values[-1]))
    panel.locator_params(axis="x", nbins=4)
    if bent:
        inside = fine[np.abs(line) <= np.sqrt(_QUANTILE)]
        annotate(panel, [f"95%: {rounded(inside[0])} to {rounded(inside[-1])}"])
    if not there.all():
        annotate(panel, ["some points did not converge"])
    return {means: color}


def _explain(figure: Figure, panels: Panels, used: dict[str, str], own: bool) -> None:
    """Add a legend of the colors that occur."""
    from matplotlib.lines import Line2D

    text = panels[0].title.get_color()
    known = [*(each for each in _WORDS.values() if each in used)]
    known += [each for each in used if each not in known]
    handles = [Line2D([], [], color=used[each], label=each) for each in known]
    handles.append(Line2D([], [], color=text, linestyle="--", label="quadratic approximation"))
    handles.append(Line2D([], [], color="gray", linestyle=":", label="95%"))
    if own:
        columns = 2 if figure.get_figwidth() > 7 else 1
        figure.legend(handles=handles, loc="outside upper center", ncols=columns, fontsize="small")
    else:
        panels[0].legend(handles=handles, fontsize="small")
