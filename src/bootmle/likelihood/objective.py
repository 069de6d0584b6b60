"""What the user's objective is, read from its first evaluations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import brief
from bootmle.execution.raised import describe_raised
from bootmle.likelihood.additivity import beside, constant_message, is_sum, square_message
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic import Automatic, is_jax_array, read_automatic
from bootmle.likelihood.broadcasting import refuse_broadcasts
from bootmle.likelihood.data import (
    as_args,
    check_call,
    check_callable,
    count_rows,
    fingerprint,
    laid_out,
    take_rows,
)
from bootmle.likelihood.derivatives import split_gradient
from bootmle.likelihood.device_data import refuse_keys
from bootmle.likelihood.frequencies import Frequencies, observed_rows
from bootmle.likelihood.jacobian import with_jac_form
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.missing import check_unmasked, complete_rows, drop_masked
from bootmle.likelihood.parameters import Parameters
from bootmle.likelihood.row_dependence import AGREE, agree
from bootmle.likelihood.row_order import check_row_order

__all__ = ["read_likelihood"]

_FEW_ROWS = 10
"""Up to this many rows, more contributions than rows suggest that args is a list of arguments."""


def read_likelihood(
    fun: Callable[..., Any],
    args: Any,
    jac: Any,
    weights: Any,
    parameters: Parameters,
    missing: str = "raise",
    weights_kind: str = "importance",
) -> Likelihood:
    """Evaluate the objective at the start and determine what it returns; arguments as in `fit`."""
    data, kept, n_rows = _observed(args, weights, weights_kind, missing)
    check_callable(fun)
    check_call("fun", fun, data, ("params",))
    fun, jac = split_gradient(fun, jac)
    if isinstance(fun, Automatic):
        fun, jac, parameters = read_automatic(fun, parameters, data)
    elif jac is not None:
        check_call("jac", jac, data, ("params",))
    complete = complete_rows(fun(parameters.values.copy(), *data)) if missing == "drop" else None
    if complete is not None:
        data, kept = take_rows(data, complete), complete if kept is None else kept[complete]
    values, in_jax = _first_evaluation(fun, data, parameters, count_rows(data))
    per_observation, checksums = values.ndim == 1, fingerprint(data)
    n = values.size if per_observation else count_rows(data)
    likelihood = Likelihood(fun, jac, data, parameters, n, per_observation, in_jax=in_jax)
    _check_finite(values, parameters)
    likelihood.calls.n = 2 if complete is None else 3
    likelihood.calls.start = parameters.values, values
    likelihood = with_jac_form(replace(likelihood, fingerprint=checksums))
    scale = _scale_of_mean(likelihood, float(np.sum(values)))
    refuse_broadcasts(likelihood)
    whole = kept is None or weights is None or np.shape(weights) != (n_rows,)
    likelihood = _weighted(likelihood, weights, weights_kind, None if whole else kept)
    if per_observation and scale != 1:
        prior = np.ones(values.size) if likelihood.weights is None else likelihood.weights
        return replace(likelihood, weights=scale * prior, scale=scale)
    return replace(likelihood, scale=scale)


def _observed(
    args: Any, weights: Any, weights_kind: str, missing: str
) -> tuple[tuple[Any, ...], NDArray[np.intp] | None, int | None]:
    """Return the data that are evaluated, which rows were kept (None: all), and how many came."""
    refuse_keys(as_args(args))
    given = laid_out(as_args(args))
    n_rows = count_rows(given)
    check_row_order(given)
    check_row_order(given, "weights", weights)
    data, kept = drop_masked(given, missing)
    observed = observed_rows(weights, weights_kind, n_rows, kept)
    return (
        (data, kept, n_rows) if observed is None else (take_rows(given, observed), observed, n_rows)
    )


def _first_evaluation(
    fun: Callable[..., Any],
    data: tuple[Any, ...],
    parameters: Parameters,
    n_rows: int | None,
) -> tuple[Floats, bool]:
    """Evaluate twice at the start; refuse an objective that is random or changes its arguments."""
    # Return the values, and whether they came in an array of JAX's.
    params, before = parameters.values.copy(), fingerprint(data)
    raw = fun(params, *data)
    first = _read_values(raw, n_rows).copy()
    if not np.array_equal(params, parameters.values):
        raise ValueError(
            f"fun: the objective changed params in place, from {parameters.values} to {params}; "
            f"work on a copy (params = params.copy())"
        )
    if fingerprint(data) != before:
        raise ValueError("fun: the objective changed its data in place; work on copies of args")
    second = _read_values(fun(parameters.values.copy(), *data), n_rows)
    if agree(first, second):
        return first, is_jax_array(raw)
    if first.ndim and second.ndim and agree(np.sort(first), np.sort(second)):
        raise ValueError(
            f"fun: two calls with the same arguments give the same values in another order "
            f"({_short(first)}, then {_short(second)}); keep one order (as polars' group_by does "
            f"with maintain_order=True)"
        )
    raise ValueError(
        f"fun: two calls with the same arguments differ ({_short(first)}, then {_short(second)}); "
        f"draw random numbers once, outside the objective, and pass them in args"
    )


def _read_values(raw: Any, n_rows: int | None) -> Floats:
    """Read an evaluation as a total (0-d) or as contributions (1-d)."""
    check_unmasked(raw)
    values = _as_array(raw)
    if np.iscomplexobj(values):
        raise TypeError(f"fun: returned complex numbers ({_short(values)}); a likelihood is real")
    refusal = TypeError(f"fun: returned {brief(raw)}; return a number or an array of numbers")
    if raw is None:
        raise refusal
    try:
        values = values.astype(float)
    except (TypeError, ValueError):
        raise refusal from None
    if values.size == 1 and values.ndim <= 2:
        return values.reshape(())
    if values.size == 0 or values.ndim > 2 or (values.ndim == 2 and values.shape[1] != 1):
        raise ValueError(
            f"fun: returned an array of shape {values.shape}; return the total, or one "
            f"contribution for each observation"
        )
    if n_rows is not None and values.size > n_rows:
        hint = " (args as a list is one argument; pass a tuple)" if n_rows < _FEW_ROWS else ""
        raise ValueError(
            f"fun: returned {values.size} contributions for {n_rows} rows of args{hint}; return at "
            f"most one for each row"
        )
    return values.reshape(-1)


def _as_array(raw: Any) -> NDArray[Any]:
    """Read another library's numbers, which may be on a device, or part of a graph."""
    try:
        return np.asarray(raw)
    except Exception as error:  # whatever that library raises
        reason = describe_raised(error)
        raise TypeError(f"fun: returned what NumPy cannot read, {brief(raw)} ({reason})") from None


def _check_finite(values: Floats, parameters: Parameters) -> None:
    """Refuse a start at which the objective is not finite."""
    if np.isfinite(values).all():
        return
    first = "" if values.ndim == 0 else f", first in row {np.flatnonzero(~np.isfinite(values))[0]}"
    start = dict(zip(parameters.names, parameters.values.tolist(), strict=True))
    raise ValueError(
        f"x0: the objective is {float(np.sum(values))} at {start}{first}; start where the "
        f"likelihood is finite, and look for missing data"
    )


def _weighted(
    likelihood: Likelihood, weights: Any, kind: str, kept: NDArray[np.intp] | None
) -> Likelihood:
    """Weight the contributions of the rows kept."""
    prior = _read_weights(weights if kept is None else np.asanyarray(weights)[kept], likelihood)
    if prior is None or kind == "importance":
        return replace(likelihood, weights=prior)
    frequencies = Frequencies.read(prior, weights, kept)
    return replace(
        likelihood, weights=None if frequencies is None else prior, frequencies=frequencies
    )


def _read_weights(weights: Any, likelihood: Likelihood) -> Floats | None:
    """Read prior weights."""
    if weights is None:
        return None
    masked = np.sum(np.ma.getmask(weights))
    if masked:
        raise ValueError(
            f"weights: {masked} are masked, which reads as missing; give every row one"
        )
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            f"weights: {brief(weights)}; pass one number for each contribution"
        ) from None
    if values.ndim != 1:
        shown = f"{weights!r}" if values.ndim == 0 else f"shape {values.shape}"
        raise ValueError(f"weights: {shown}; pass one weight for each contribution, (n,)")
    if not likelihood.per_observation:
        raise ValueError(
            "weights: a total cannot be weighted; return the contributions instead (delete .sum())"
        )
    if values.size != likelihood.n:
        raise ValueError(
            f"weights: {values.size} weights for {likelihood.n} contributions; pass one for each"
        )
    wrong = values[~(np.isfinite(values) & (values >= 0))]
    if wrong.size or values.max() == 0:
        shown = wrong[:3] if wrong.size else "zeros only"
        raise ValueError(f"weights: must be finite, not negative and not all zero; got {shown}")
    return values


def _scale_of_mean(likelihood: Likelihood, value: float) -> float:
    """Return n where the total is a mean: on half of the rows twice it is what it is on the half.

    Raises
    ------
    ValueError
        For an objective that does not look at its data, reads only the first of them, or grows as
        the square of their number.
    """
    n = likelihood.n
    if n is None or n < 2 or n != count_rows(likelihood.args):
        return 1.0
    rows = np.arange(n // 2)
    point = likelihood.parameters.values.copy()
    try:
        half = likelihood.resampled(rows).total(point)
        twice = likelihood.resampled(np.tile(rows, 2)).total(point)
    except Exception:  # an objective that holds part of its data cannot be evaluated on a half
        return 1.0
    same = half == twice == value and not likelihood.per_observation
    if same and _is_constant(likelihood, n):
        raise ValueError(constant_message(f"{value:.6g} on all rows and on half of them"))
    reversed_rows = likelihood.resampled(np.arange(n)[::-1]).total(point) if same else value
    if abs(reversed_rows - value) > AGREE * abs(value):
        raise ValueError(
            f"fun: reads only some of its rows ({value:.6g} on all rows and on the first half of "
            f"them, {reversed_rows:.6g} on all in reverse): a loop or slice of fixed length? Use "
            f"all rows that args holds"
        )
    if abs(half) > 0 and abs(twice - 4 * half) <= AGREE * abs(twice):
        raise ValueError(square_message(half, twice, likelihood.args))
    if not abs(twice - half) <= AGREE * abs(half) < abs(twice - 2 * half):
        return 1.0
    point = beside(likelihood.parameters)  # a huge constant hides a sum, though not its changes
    rises = (
        likelihood.resampled(rows).total(point) - half,
        likelihood.resampled(np.tile(rows, 2)).total(point) - twice,
    )
    return 1.0 if is_sum(*rises) else float(n)


def _is_constant(likelihood: Likelihood, n: int) -> bool:
    """Whether the value is one on all rows and on any of them, beside the start too."""
    # The mean of balanced data is the same on many a part of them, though not on all of these.
    point = beside(likelihood.parameters)
    whole, order = likelihood.total(point), np.random.default_rng(n).permutation(n)
    parts = (order[: n // 2], order[: n // 3 + 1], order[:1], order[1:2], order[-1:])
    return all(likelihood.resampled(rows).total(point) == whole for rows in parts)


def _short(values: NDArray[Any]) -> str:
    """Show a value, or the first few of many."""
    return str(values) if values.size <= 3 else f"{values.reshape(-1)[:3]} ..."
