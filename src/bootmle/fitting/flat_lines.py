"""Flat lines along which, further on, the nll falls."""

# Where two rates have merged the nll is flat along an exchange of their amplitudes, say: where both
# amplitudes are positive, it falls as the rates part.

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bootmle.fitting.position import Position
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import orient, unit_diagonal
from bootmle.likelihood.information import Information
from bootmle.optimization.bounds import crossed_columns
from bootmle.optimization.convergence import FLAT, furthest_fall, observed_information
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["comes_back", "leaves_flat_line"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Where along a flat line the curvature is measured, in sizes of what moves."""

    probes: tuple[float, ...] = (1.0,)
    """Where a line that the nll does not depend on at all shows: the Hessian is the same there."""
    same: float = 1e-3
    """Difference of Hessians, on a unit diagonal, that is none."""
    level: float = 1e-6
    """Rise that is none: what an error of 1e-3 standard errors across makes."""
    visible: float = 1e-4
    """Fall that is more than rounding of large numbers leaves: of 0.014 standard errors."""
    first: float = 1e-2
    """Nearest point."""
    ratio: float = 1.1
    """Of the distances: by doubling, the window of NIST's Lanczos2, 12.2 to 14.3, is missed."""
    stayed: float = 1e-3
    """Way from the start, in sizes of 1 at least, that is none."""
    points: int = 77
    """Up to 14 sizes."""
    stride: int = 4
    """Most of them from one look across the line to the next, where curvatures stay."""
    falls: float = 1e-2
    """Most that a curvature is taken to have fallen from look to look: less may be noise."""


_RULES = _Rules()


def leaves_flat_line(search: Position) -> bool:
    """Whether a point was found that is lower than a flat line through here: stand there then."""
    # The information is that of the leg before, at most 1e-4 standard errors away.
    for direction in _flat_directions(search.information).T:
        lower = _lower_along(search, direction)
        if lower is not None:
            name = search.information.describe_direction(direction)
            search.notes.append(
                f"the objective is flat along {name} and falls from further on; the fit left it "
                f"there"
            )
            search.working, search.whitening = lower, Whitening(lower, np.eye(lower.size))
            return True
    return False


def comes_back(search: Position) -> bool:
    """Whether all flat lines through here are as low where they are nearest to the start."""
    # Then the optimum is not at infinity, if the nll rises to one side of a line further back. A
    # search that hardly moved may have begun far out.
    directions = _flat_directions(search.information)
    sizes = np.maximum(1.0, np.abs(search.start()))
    stayed = np.max(np.abs(search.working - search.start()) / sizes) < _RULES.stayed
    if stayed and search.status is not Status.NOT_IDENTIFIED:
        return False
    for direction in directions.T:
        along = direction / sizes
        way = float(along @ ((search.start() - search.working) / sizes)) / float(along @ along)
        if not _rise(search, search.working + way * direction) < _RULES.level:
            return False
    return bool(directions.shape[1] > 0)


def _flat_directions(information: Information) -> Floats:
    """Return the flat directions (q, k), or the flattest where it is undecided whether it is."""
    if information.definiteness != "undecided":
        return information.null_directions
    scales = unit_diagonal(information.matrix)
    vectors = np.linalg.eigh(scales[:, None] * information.matrix * scales)[1]
    return orient(scales[:, None] * vectors[:, :1])


def _lower_along(search: Position, direction: Floats) -> Floats | None:
    """Follow a flat direction (q,) both ways; return a lower point (q,) that is left from it."""
    sizes = np.where(search.working == 0, 1.0, np.abs(search.working))
    unit = direction / np.max(np.abs(direction) / sizes)
    sides = [side * unit for side in (1.0, -1.0)]
    if all(_is_same(search, share * side) for side in sides for share in _RULES.probes):
        return None
    across = _across(search, direction, sizes)
    return next(
        (lower for side in sides if (lower := _lower_on(search, side, across)) is not None), None
    )


def _lower_on(search: Position, side: Floats, across: Floats) -> Floats | None:
    """Follow one side (q,) of a flat line, and look across it where that may show a fall."""
    looked, due = 0, 0
    for k in range(_RULES.points):
        there = search.working + _RULES.first * _RULES.ratio**k * side
        rise = _rise(search, there)
        if rise < -_RULES.visible:
            return there
        if not rise < FLAT:
            break
        if k < due:
            continue
        lower, hessian = _lower_across(search, there, rise, across)
        if lower is not None:
            return lower
        stride = 1
        if hessian is not None:
            # The steps of the next look follow the curvature, which is one by them here.
            values, vectors = np.linalg.eigh(hessian)
            fall = (1 - values[0]) / max(k - looked, 1)  # from point to point
            halved = values[0] / fall / 2 if fall > 0 else np.inf
            stride = int(np.clip(halved, 1, _RULES.stride)) if k else 1
            across = across @ vectors / np.sqrt(np.maximum(values, _RULES.falls))
        looked, due = k, k + stride
    return None


def _across(search: Position, direction: Floats, sizes: Floats) -> Floats:
    """Return directions (q, r) across a flat line, in standard errors, and along other ones."""
    information = search.information
    flat = _flat_directions(information)
    whitening = Whitening.from_curvature(search.working, information.matrix, flat.shape[1])
    others = [each for each in flat.T if not np.array_equal(each, direction)]
    steps = [_RULES.first * each / np.max(np.abs(each) / sizes) for each in others]
    step = search.step_sizes.hessian_step
    return np.column_stack([whitening.factor, *(each / step for each in steps)])


def _lower_across(
    search: Position, there: Floats, rise: float, across: Floats
) -> tuple[Floats | None, Floats | None]:
    """Look across a line (q, r) for a lower point (q,); return a definite Hessian there, too."""
    size, step = across.shape[1], search.step_sizes.hessian_step
    target, pairs = search.target(), list(combinations(range(size), 2))
    axes = np.eye(size)
    moves = step * np.vstack([axes, *(axes[[i]] + axes[[j]] for i, j in pairs)]) @ across.T
    points = [there + move for move in (*moves, *-moves)]
    up, down = np.array([target.value_at(each) for each in points]).reshape(2, -1) - rise
    if not np.isfinite([up, down]).all() or not size:
        return None, None
    slope, seconds = (up - down)[:size] / (2 * step), (up + down) / step**2
    hessian = np.diag(seconds[:size])
    for (i, j), second in zip(pairs, seconds[size:], strict=True):
        hessian[i, j] = hessian[j, i] = (second - seconds[i] - seconds[j]) / 2
    if not np.linalg.eigvalsh(hessian)[0] > 0:
        information = _measure(search, there)
        indefinite = information.definiteness == "indefinite"
        return _beside(search, information) if indefinite else None, None
    newton = -np.linalg.solve(hessian, slope)
    lower = there + across @ newton
    falls = rise + slope @ newton / 2 < -_RULES.visible
    return lower if falls and _rise(search, lower) < -_RULES.visible else None, hessian


def _rise(search: Position, working: Floats) -> float:
    """Return how much higher the nll is; infinite beyond the bounds or the domain."""
    parameters = search.likelihood.parameters
    if crossed_columns(parameters, parameters.to_user(working)).size:
        return np.inf
    target = search.target()
    return target.value_at(working)


def _measure(search: Position, working: Floats) -> Information:
    """Measure the information at another point."""
    return observed_information(search.likelihood, working)


def _is_same(search: Position, step: Floats) -> bool:
    """Whether the Hessian is the same a step on, or cannot be measured there."""
    if not np.isfinite(_rise(search, search.working + step)):
        return True
    scales = unit_diagonal(search.information.matrix)
    change = _measure(search, search.working + step).matrix - search.information.matrix
    largest = np.max(np.abs(scales[:, None] * change * scales))
    return not largest > _RULES.same


def _beside(search: Position, information: Information) -> Floats | None:
    """Leave a point along its direction of negative curvature; None where nothing is lower."""
    whitening = Whitening.from_curvature(information.point, information.matrix)
    down = whitening.to_whitened(information.point + information.directions[:, 0])
    params = search.likelihood.parameters.to_user(information.point)
    target = WhitenedObjective(search.likelihood, whitening, search.likelihood.at(params))
    sides = [furthest_fall(target, side * down / np.linalg.norm(down)) for side in (1.0, -1.0)]
    z, value = min(sides, key=lambda side: side[1])
    lower = whitening.to_working(z)
    return lower if value < 0 and _rise(search, lower) < -_RULES.visible else None
