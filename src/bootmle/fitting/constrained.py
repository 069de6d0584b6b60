"""The optimum on constraints: sharpened by SLSQP, certified along their tangent space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bootmle.fitting.descent import CERTIFIED, Descent
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.definiteness import orient
from bootmle.optimization.active_set import optimize_on_constraint
from bootmle.optimization.outcome import Outcome
from bootmle.optimization.status import Status
from bootmle.optimization.step_sizes import PROMISED
from bootmle.optimization.tangent_space import TangentCurvature, converge_along_tangent
from bootmle.optimization.whitening import Whitening

__all__ = ["end_on_constraint"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How an optimum on constraints is certified."""

    back: tuple[float, ...] = (0.1, 0.3, 0.9)
    """Shares of the way back to the start, from where a minimizer failed."""
    pressure: float = 1e-4
    """Fall of the nll inward, over a unit, by which a constraint is none at the optimum."""


_RULES = _Rules()

_UNCERTAIN = "on the constraints no optimum is certified: along them the Hessian is {}"
_CONTRADICT = "no point that satisfies all constraints was found: do they contradict each other?"
_FALLS = "the nll falls from one of the constraints inward: start elsewhere"
_FAR = (
    "on the constraints no optimum is certified: {:.3g} standard errors are left; start elsewhere, "
    "or give the parameters comparable scales"
)


def end_on_constraint(search: Descent, params: Floats, *, converged: bool) -> None:
    """Go from SciPy's point (p,) to the optimum on the constraints; measure the curvature there."""
    # Errors are those along the tangent space (the delta method: Aitchison and Silvey 1958).
    found = _polish(search, params, converged=converged)
    if found.status.failed:
        for point in _toward_start(search, params):
            again = _polish(search, point, converged=False)
            if not again.status.failed:
                found = again
                break
    search.status, search.decrement = found.status, np.inf
    parameters = search.likelihood.parameters
    search.working = parameters.to_working(params if found.status.failed else found.params)
    search.information = search.measure()
    matrix = np.nan_to_num(search.information.matrix)
    search.whitening = Whitening.from_curvature(search.working, matrix)
    if found.status.failed:
        search.notes.append(found.message)
        if not search.optimizer.feasible(search.user()):
            search.notes.append(_CONTRADICT)
    else:
        _certify(search)


def _polish(search: Descent, params: Floats, *, converged: bool) -> Outcome:
    """Sharpen the optimum from a point (p,), in sizes of the parameters."""
    search.working = search.likelihood.parameters.to_working(params)
    search.whitening = Whitening(search.working, np.diag(_sizes(search)))
    return optimize_on_constraint(search.target(), params, search.optimizer, converged=converged)


def _sizes(search: Descent) -> Floats:
    """Return the size of each parameter here or at the start, (q,)."""
    sizes = np.maximum(np.abs(search.working), np.abs(search.start()))
    return np.where(sizes > 0, sizes, 1.0)


def _toward_start(search: Descent, params: Floats) -> Iterator[Floats]:
    """List points (p,) on the way back to the start: a minimizer stops where the domain ends."""
    likelihood, start = search.likelihood, search.likelihood.parameters.values
    for share in _RULES.back:
        point = params + share * (start - params)
        if search.optimizer.feasible(point) and np.isfinite(likelihood.total(point)):
            yield point


def _certify(search: Descent) -> None:
    """Converge along the tangent space by Newton steps, and say what is certified there."""
    target = search.target()
    curvatures = np.diag(search.information.matrix)
    seen = np.isfinite(curvatures) & (curvatures > 0)
    unit = np.where(seen, 1 / np.sqrt(np.where(seen, curvatures, 1.0)), _sizes(search))
    found = converge_along_tangent(target, search.optimizer, search.working, unit)
    if found is None:
        if not np.isfinite(target.value_at(search.working)):
            search.status = Status.NOT_FINITE
            return
        search.decrement = 0.0
        search.notes.append("as many constraints meet at the optimum as there are parameters")
        return
    search.working, search.decrement = found.space.point, found.decrement
    search.information = replace(
        search.measure(),
        definiteness=found.along.definiteness,
        null_directions=orient(found.space.basis @ found.along.null_directions),
        tangent=found.tangent,
    )
    search.status = _verdict(search, found)
    if not np.any(found.space.inward):
        search.whitening = Whitening(search.working, found.tangent)


def _verdict(search: Descent, found: TangentCurvature) -> Status:
    """Say what the decrement certifies, and whether the nll falls away from a constraint."""
    kind, space = found.along.definiteness, found.space
    if kind != "positive definite":
        search.notes.append(_UNCERTAIN.format(kind))
        return Status.NOT_CERTIFIED
    if not search.optimizer.feasible(search.user()):
        search.notes.append(_CONTRADICT)
        return Status.NOT_CERTIFIED
    gradient = search.information.gradient
    if np.isfinite(gradient).all() and np.any(space.presses(gradient) < -_RULES.pressure):
        search.notes.append(_FALLS)
        return Status.NOT_CERTIFIED
    if found.decrement > max(search.step_sizes.floor(found.step.size), PROMISED):
        search.notes.append(_FAR.format(found.decrement))
        return Status.NOT_CERTIFIED
    if np.any(space.inward):
        held = np.flatnonzero(space.at_bounds)
        named = f"at a bound: {space.parameters.listed(held)}"
        search.notes.append(named if held.size else "the optimum lies on a constraint")
        return Status.AT_BOUND
    return Status.CERTIFIED if found.decrement <= CERTIFIED else Status.NOISE_LIMITED
