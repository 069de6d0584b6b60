"""How the objective depends on the rows of its data, measured by a few evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.execution.raised import describe_raised
from bootmle.likelihood.additivity import constant_message, measure_response
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import count_rows
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.missing import without_nan
from bootmle.likelihood.repeated_rows import describe_repeats
from bootmle.likelihood.response import Additivity, Rows

__all__ = [
    "agree",
    "describe_data",
    "describe_missing",
    "describe_precision",
    "examine_response",
    "examine_rows",
]

_NO_ARGS = (
    "the objective holds its data (args is empty): that each contribution depends on its own row "
    "alone cannot be checked"
)
_NO_ARGS_TOTAL = (
    "the objective holds its data (args is empty) and returns one number: a mean cannot be told "
    "from a sum, so that standard errors may be off by a factor, and nothing can be resampled: "
    "pass the data in args, or return the contributions"
)
_SKIPS = (
    "{lacking:,} of {n:,} rows have a missing value (NaN) and add nothing to the objective, which "
    "skips them; n counts them{more}: pass complete rows (dropna)"
)
_TOO_MUCH = " and multiplies its mean, so that standard errors from the Hessian are too small"
_SINGLE = (
    "fun computes in single precision, whose rounding is noise of {noise:.1g} in the nll: compute "
    "in float64, from data to values"
)
_IN_JAX = "fun returns JAX arrays: with jac='jax' its derivatives are exact, and refits faster"
_NOTED = {Additivity.CONSTANT_TERM, Additivity.PENALTY, Additivity.EXTENDED, Additivity.GROUPED}
"""Responses to the data that a user should know of before any replicate is drawn."""

AGREE = 1e-7
"""Relative difference below which two evaluations agree: single precision rounds by 6e-8."""
_VISIBLE = 5e-7
"""Noise ε that hides an optimum within √(2ε), 0.001 standard errors, which certificates promise."""
_SEED = 20_210_929
"""Which rows the subsets hold: any fixed choice, so that a fit is reproducible."""


def examine_rows(
    likelihood: Likelihood, params: Floats, base: Floats | float, slack: float = 0.0
) -> Likelihood:
    """Set `Likelihood.rows`, by evaluations at ``params`` (p,) on a few subsets of the rows.

    On all of them its value there is ``base``; ``slack`` is what noise makes of a total.

    Raises
    ------
    ValueError
        For frequency weights where the value on the data written out is not a weighted sum.
    """
    found = _with_rows(likelihood, params, base, slack)
    if found.frequencies is not None and found.rows not in {Rows.SEPARATE, Rows.NO_ARGS}:
        raise ValueError(
            f"weights: with weights_kind='frequency' each contribution must depend on its own row "
            f"alone, but {found.rows.value}; write the data out, a row for each observation"
        )
    return found


def _with_rows(
    likelihood: Likelihood, params: Floats, base: Floats | float, slack: float
) -> Likelihood:
    n_rows = count_rows(likelihood.args)
    if n_rows is None:
        return replace(likelihood, rows=Rows.NO_ARGS)
    if likelihood.per_observation and likelihood.n != n_rows:
        return replace(likelihood, rows=Rows.CLUSTERED)
    try:
        rows = _compare_subsets(likelihood, params, base, n_rows, slack)
        return replace(likelihood, rows=rows)
    except Exception as error:  # whatever it raises, a part of the rows is not enough for it
        return _indivisible(likelihood, error)


def examine_response(
    likelihood: Likelihood, points: Sequence[Floats], base: Floats | float, slack: float = 0.0
) -> Likelihood:
    """Measure how the objective responds to its rows, where it is not a contribution of each alone.

    ``points`` are the estimate, where its value is ``base``, and one to either side of it;
    ``slack`` is what noise makes of a value.

    Raises
    ------
    ValueError
        For an objective that does not look at its data.
    """
    n = count_rows(likelihood.args)
    known = likelihood.response.kind is not Additivity.UNTESTED
    if known or likelihood.rows is not Rows.EXCHANGEABLE or n is None or n < 2:
        return likelihood
    whole = [likelihood.summed_values(base), likelihood.total(points[1])]
    try:
        response = measure_response(likelihood.resampled, n, n, points, whole, slack)
    except Exception as error:  # whatever it raises, a part of the rows is not enough for it
        return _indivisible(likelihood, error)
    if response.kind is Additivity.CONSTANT:
        raise ValueError(constant_message(response.evidence))
    return replace(likelihood, response=response)


def _indivisible(likelihood: Likelihood, error: Exception) -> Likelihood:
    """Note that the objective needs all rows, as its exception on a part of them tells."""
    reason = describe_raised(error)
    return replace(likelihood, rows=Rows.INDIVISIBLE, rows_error=reason)


def describe_data(likelihood: Likelihood, params: Floats) -> list[str]:
    """Say what the objective makes of its data, where it may not be what its author means."""
    notes = []
    if likelihood.scale != 1.0:
        notes.append(f"the objective is a mean over rows; multiplied by n = {likelihood.n:,}")
    if likelihood.rows is Rows.NO_ARGS:
        notes.append(_NO_ARGS if likelihood.per_observation else _NO_ARGS_TOTAL)
    if likelihood.could_use_jax:
        notes.append(_IN_JAX)
    if likelihood.automatic:
        notes += likelihood.automatic.casts(likelihood.args)
        notes += likelihood.automatic.notes
        notes += likelihood.automatic.pitfalls(params, likelihood.args)
    if likelihood.response.kind in _NOTED:
        notes.append(likelihood.response.kind.value)
    if likelihood.weights is None and likelihood.rows in {Rows.SEPARATE, Rows.EXCHANGEABLE}:
        notes += describe_repeats(likelihood.args)
    return notes


def describe_precision(likelihood: Likelihood, base: Floats | float, noise: float) -> list[str]:
    """Say that values are single-precision numbers, where their noise is visible in the nll."""
    values = np.asarray(base) / (1.0 if likelihood.per_observation else likelihood.scale)
    with np.errstate(over="ignore"):
        single = np.array_equal(values.astype(np.float32), values)
    return [_SINGLE.format(noise=noise)] if single and noise > _VISIBLE else []


def describe_missing(likelihood: Likelihood, params: Floats, base: Floats | float) -> list[str]:
    """Say how many rows are skipped for a NaN in them, as sums of pandas and xarray do."""
    rows, n = without_nan(likelihood.args), count_rows(likelihood.args)
    if rows is None or n is None or np.size(base) not in {1, n}:
        return []
    try:
        if likelihood.per_observation:  # a row that is skipped adds 0
            skipped = not np.delete(np.asarray(base), rows).any()
        else:
            skipped = agree(likelihood.resampled(rows).total(params), base)
    except Exception:  # whatever it raises, a part of the rows is not enough for it
        skipped = False
    more = _TOO_MUCH if likelihood.scale != 1.0 else ""
    return [_SKIPS.format(lacking=n - rows.size, n=n, more=more)] if skipped else []


def _compare_subsets(
    likelihood: Likelihood, params: Floats, base: Floats | float, n_rows: int, slack: float
) -> Rows:
    """Compare evaluations on subsets and permutations of the rows with those on all rows."""
    rng = np.random.default_rng(_SEED)
    order = rng.permutation(n_rows)
    if not likelihood.per_observation:
        other = likelihood.resampled(order).total(params)
        if agree(other, base) or abs(other - float(base)) <= slack:
            return Rows.EXCHANGEABLE
        likelihood.resampled(order[: max(1, n_rows // 2)]).total(params)
        return Rows.ORDERED
    whole = np.asarray(base)
    subsets = [order[: max(1, n_rows // 2)], order[n_rows // 3 :], rng.integers(0, n_rows, n_rows)]
    if all(agree(_part(likelihood, rows, params), whole[rows]) for rows in subsets):
        return Rows.SEPARATE
    moved = _part(likelihood, order, params)
    return Rows.EXCHANGEABLE if agree(moved, whole[order]) else Rows.ORDERED


def _part(likelihood: Likelihood, rows: NDArray[np.intp], params: Floats) -> Floats:
    """Evaluate the contributions of some rows alone."""
    return likelihood.resampled(rows).contributions(params)


def agree(one: Any, other: Any) -> bool:
    """Whether two evaluations agree, NaN with NaN."""
    one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    if one.shape != other.shape:
        return False
    finite = np.abs(one[np.isfinite(one)])
    size = float(finite.max()) if finite.size else 0.0
    return np.allclose(one, other, rtol=AGREE, atol=AGREE * size, equal_nan=True)
