"""Inverses of a Hessian whose eigenvalues were dropped, raised, turned around or shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from bootmle.crosschecks.formulas import Formula, Kind
from bootmle.crosschecks.matching import EXACT, Given
from bootmle.display.text import rounded
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information

__all__ = ["pseudo_inverse_formulas", "raised_formulas"]

_NONE_HERE = "there is no optimum here, and no standard error"
_AS_IT_IS = "the Hessian is positive definite as it is: use its inverse"
_FURTHEST = (1e-12, 1e4)
"""A ridge over the largest eigenvalue: below, rounding; above, nothing is left of the Hessian."""
_HALVINGS = 60
"""Bisections for the size of a ridge, over those powers of ten: to the last digit."""


def pseudo_inverse_formulas(
    base: Formula, information: Information, meat: Floats | None = None
) -> Iterator[Formula]:
    """Drop the Hessian's smallest eigenvalues, or turn its negative ones around."""
    matrix = information.matrix
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    order = np.argsort(np.abs(values))
    singular = information.definiteness == "singular"
    flat = len(information.null_directions.T) if singular else 0
    for dropped in range(1, len(values)):
        kept = order[dropped:]
        if not (values[kept] > 0).all():
            continue
        inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        along = " and ".join(information.describe_direction(vectors[:, k]) for k in order[:dropped])
        why = (
            f"it sets the variance along {along}, which the data do not identify, to zero, where "
            f"it is infinite"
            if dropped <= flat
            else f"it sets the variance along {along} to zero: use the inverse"
        )
        rank = f"rank {len(kept)} of {len(values)}"
        name = f"the pseudo-inverse of the Hessian ({rank})"
        yield replace(
            base, name=name, covariance=inverse, kind=Kind.OTHER, advice=why, complexity=dropped
        )
        if meat is not None:
            yield replace(
                base,
                name=f"the sandwich of the pseudo-inverse of the Hessian ({rank})",
                covariance=inverse @ meat @ inverse,
                kind=Kind.OTHER,
                advice=why,
                complexity=dropped + 1,
            )
    if (values < 0).any() and (values != 0).all():
        turned = (vectors / np.abs(values)) @ vectors.T
        name = "the inverse of the Hessian with its negative eigenvalues made positive"
        yield replace(
            base, name=name, covariance=turned, kind=Kind.OTHER, advice=_NONE_HERE, complexity=1
        )


def raised_formulas(base: Formula, information: Information, given: Given) -> Iterator[Formula]:
    """Force a Hessian positive definite by one number, which is solved for."""
    # Its smallest eigenvalues are raised to a floor, or the same is added to all of them; of the
    # Hessian as it is, or with its diagonal scaled to 1.
    H = (information.matrix + information.matrix.T) / 2
    sizes = np.sqrt(np.abs(np.diag(H)))
    if not np.isfinite(H).all() or not (sizes > 0).all():
        return
    units = {"": np.ones(len(H)), ", scaled to a unit diagonal,": sizes}
    for scaled, unit in units.items():
        values, vectors = np.linalg.eigh(H / np.outer(unit, unit))
        made = list(_clipped(values, vectors / unit[:, None], given))
        made += list(_shifted(values, vectors / unit[:, None], given))
        for what, covariance in made:
            yield replace(
                base,
                name=f"the inverse of the Hessian{scaled} with {what}",
                covariance=covariance,
                kind=Kind.OTHER,
                advice=_AS_IT_IS if values[0] > 0 else _NONE_HERE,
                complexity=1,
            )


def _clipped(values: Floats, vectors: Floats, given: Given) -> Iterator[tuple[str, Floats]]:
    """Raise the k smallest eigenvalues to a floor, above what it lifts and below the rest."""
    for k in range(1, len(values)):
        if not values[k] > 0:
            continue
        kept = (vectors[:, k:] / values[k:]) @ vectors[:, k:].T
        lifted = vectors[:, :k] @ vectors[:, :k].T

        def made(floor: float, kept: Floats = kept, lifted: Floats = lifted) -> Floats:
            return np.asarray(kept + lifted / floor)

        least = max(values[k - 1], values[k] * _FURTHEST[0])
        floor = _solved(made, given, 0.0, (least, values[k]))
        if floor is not None:
            which = "smallest eigenvalue" if k == 1 else f"{k} smallest eigenvalues"
            yield f"its {which} raised to {rounded(floor, 3)}", made(floor)


def _shifted(values: Floats, vectors: Floats, given: Given) -> Iterator[tuple[str, Floats]]:
    """Add one number to all eigenvalues."""

    def made(size: float) -> Floats:
        return np.asarray((vectors / (values + size)) @ vectors.T)

    least = max(-values[0], 0.0)
    low, high = (least + abs(values).max() * each for each in _FURTHEST)
    size = _solved(made, given, least, (low, high))
    if size is not None:
        yield f"{rounded(size, 3)} added to its eigenvalues, a ridge", made(size)


def _solved(
    made: Callable[[float], Floats], given: Given, least: float, between: tuple[float, float]
) -> float | None:
    """Find the number by which variances, falling in it, are as far above as below those given."""
    # Distances are in units of what the rounding allows; None where it is not in between.
    present = given.present
    column, allowed = given.column[present], given.unit[present] + EXACT

    def balance(size: float) -> float:
        away = (np.log(np.diag(made(size))[present]) / 2 - np.log(column)) / allowed
        return float(away.max() + away.min())

    low, high = between
    if not balance(low) > 0 > balance(high):
        return None
    for _ in range(_HALVINGS):
        middle = least + float(np.sqrt((low - least) * (high - least)))
        low, high = (middle, high) if balance(middle) > 0 else (low, middle)
    return high
