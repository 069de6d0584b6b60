"""Constraints in SciPy's forms: what they limit, and how far a point is inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import LinearConstraint, NonlinearConstraint

from bootmle.display.text import brief
from bootmle.likelihood.arrays import Floats

__all__ = ["check_constraints", "limited", "margin", "read_constraints"]


def read_constraints(constraints: Any) -> tuple[Any, ...]:
    """Read one constraint or a sequence of them."""
    single = not isinstance(constraints, Iterable) or isinstance(
        constraints, Mapping | str | np.ndarray
    )
    found = (constraints,) if single else tuple(constraints)
    return tuple(map(_read_constraint, found))


def _read_constraint(constraint: Any) -> Any:
    """Read one constraint, whose type may be in upper case; refuse anything else."""
    if isinstance(constraint, LinearConstraint | NonlinearConstraint):
        return constraint
    if not isinstance(constraint, Mapping):
        raise TypeError(
            f"constraints: {brief(constraint)}; pass a dict with 'type' and 'fun', a "
            f"LinearConstraint or a NonlinearConstraint, or a list of them"
        )
    kind = str(constraint.get("type")).lower()
    if kind not in {"eq", "ineq"} or not callable(constraint.get("fun")):
        raise ValueError(
            f"constraints: {brief(constraint)}; give it 'type', which is 'eq' or 'ineq', and "
            f"'fun', a function"
        )
    return {**constraint, "type": kind}


def margin(constraint: Any, params: Floats) -> float:
    """Return how far inside a constraint a point lies; at most 0 for an equality."""
    values, lower, upper = limited(constraint, params)
    return float(min((values - lower).min(), (upper - values).min()))


def limited(constraint: Any, params: Floats) -> tuple[Floats, Floats, Floats]:
    """Evaluate what a constraint limits, (k,), and its limits."""
    if isinstance(constraint, Mapping):
        inner: Any = constraint["fun"](params, *constraint.get("args", ()))
        lower, upper = 0.0, 0.0 if constraint["type"] == "eq" else np.inf
    else:
        matrix: Any = constraint.A if isinstance(constraint, LinearConstraint) else None
        inner = constraint.fun(params) if matrix is None else matrix @ params
        lower, upper = constraint.lb, constraint.ub
    values = np.atleast_1d(np.asarray(inner, dtype=float))
    return values, np.broadcast_to(lower, values.shape), np.broadcast_to(upper, values.shape)


def check_constraints(constraints: Sequence[Any], size: int) -> None:
    """Refuse matrices of another number of parameters, and limits that nothing lies between."""
    for each in constraints:
        if isinstance(each, Mapping):
            continue
        matrix: Any = each.A if isinstance(each, LinearConstraint) else None
        if matrix is not None and matrix.shape[-1] != size:
            raise ValueError(
                f"constraints: a LinearConstraint with a matrix of shape {matrix.shape}; give it a "
                f"column for each of the {size} parameters"
            )
        if np.any(np.asarray(each.lb) > np.asarray(each.ub)):
            raise ValueError(
                f"constraints: {type(each).__name__} with lb={each.lb} above ub={each.ub}; pass "
                f"the lower limits first"
            )
