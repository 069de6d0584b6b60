"""Formulas that take parameters as known, or blocks of parameters as unrelated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from bootmle.crosschecks.formulas import Formula, Kind, listed
from bootmle.likelihood.arrays import Floats

__all__ = ["held_formulas"]

_MOST = 2048
"""Subsets of the parameters that are tried: all of up to 11; of more, those of a few."""
_HELD = "{} estimated too: use the inverse of the whole Hessian"


def held_formulas(
    base: Formula, names: tuple[str, ...], missing: NDArray[np.bool_]
) -> Iterator[Formula]:
    """Hold subsets of the parameters, and set blocks off the diagonal to zero."""
    try:
        precision = np.asarray(np.linalg.inv(base.covariance), dtype=float)
    except np.linalg.LinAlgError:
        return
    q, left = len(names), _MOST
    for size in range(1, q):
        subsets = list(islice(combinations(range(q), size), left))
        chosen = np.zeros((len(subsets), q), dtype=bool)
        np.put_along_axis(chosen, np.array(subsets), True, axis=1)
        yield from _of_subsets(base, precision, names, chosen, missing)
        left -= len(subsets)
        if not left:
            return
    if q > 1:
        yield _each_alone(base, precision)


def _of_subsets(
    base: Formula,
    precision: Floats,
    names: tuple[str, ...],
    chosen: NDArray[np.bool_],
    missing: NDArray[np.bool_],
) -> Iterator[Formula]:
    """Hold each subset of one size, (k, q), whose matrices are made together."""
    inside, outside = _pairs(chosen), _pairs(~chosen)
    held = np.full(inside.shape, np.nan)
    held[outside] = _inverses(precision, ~chosen)
    apart = np.where(outside, held, np.where(inside, base.covariance, 0.0))
    blocks = apart.copy()
    blocks[inside] = _inverses(precision, chosen)
    zeroed = np.where(inside | outside, base.covariance, 0.0)
    for subset, *matrices in zip(chosen, held, apart, blocks, zeroed, strict=True):
        if not missing[~subset].all():
            yield from _of_subset(base, names, subset, missing, matrices)


def _pairs(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the entries of the blocks of subsets, (k, q, q)."""
    return np.asarray(chosen[:, :, None] & chosen[:, None, :])


def _inverses(matrix: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Invert the blocks of subsets of one size; return all of their entries in a row."""
    places = np.nonzero(chosen)[1].reshape(len(chosen), -1)
    blocks = matrix[places[:, :, None], places[:, None, :]]
    return np.asarray(np.linalg.inv(blocks), dtype=float).ravel()


def _of_subset(
    base: Formula,
    names: tuple[str, ...],
    chosen: NDArray[np.bool_],
    missing: NDArray[np.bool_],
    matrices: list[Floats],
) -> Iterator[Formula]:
    """Hold one subset, whose own numbers are missing, or of the whole matrix, or of its block."""
    covariance, apart, blocks, zeroed = matrices
    size, free = int(chosen.sum()), ~chosen
    shown = listed(names, chosen)
    held = _HELD.format(f"{shown} {'is' if size == 1 else 'are'}")
    if missing[chosen].all():
        name = f"{base.name} with {shown} held fixed"
        yield Formula(name, covariance, base.source, Kind.OTHER, held, complexity=size)
        return
    others = listed(names, free)
    name = f"{base.name} with {shown} held fixed for {others}, and not vice versa"
    yield Formula(name, apart, base.source, Kind.OTHER, held, complexity=size + 1)
    if 2 * size < len(names) or (2 * size == len(names) and chosen[0]):
        name = (
            f"{base.name} of a block-diagonal information, zero between {shown} and {others}, "
            f"each block with the other held fixed"
        )
        why = "the blocks do correlate: use the inverse of the whole Hessian"
        yield Formula(name, blocks, base.source, Kind.OTHER, why, complexity=size)
        name = f"{base.name} with its off-diagonal block between {shown} and {others} set to zero"
        why = "standard errors are right, those of functions of both blocks are not"
        yield Formula(name, zeroed, base.source, Kind.OTHER, why, complexity=size)


def _each_alone(base: Formula, precision: Floats) -> Formula:
    """Hold for each parameter all others."""
    name = f"{base.name} of the Hessian's diagonal alone, each parameter with all others held fixed"
    why = "the parameters do correlate: use the inverse of the whole Hessian"
    diagonal = np.diag(1 / np.diag(precision))
    return Formula(name, diagonal, base.source, Kind.OTHER, why, complexity=1)
