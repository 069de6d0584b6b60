"""Derived quantities: a function of the parameters, on every replicate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.display.checks import as_name
from bootmle.likelihood.arrays import Floats, read_estimates

__all__ = [
    "check_columns",
    "delta_errors",
    "derive_all",
    "derive_at",
    "derive_in_turn",
    "differentiate",
    "remarks_on",
    "shape_at",
]

_APART, _SAME = 1e-3, 1e-9
"""Relative distance of the vectors on which a vectorized function is checked, and the difference
that rounding may cause."""
_BLOCK = 64
"""Replicates that are differentiated together: a chunk of refits."""
_STEP = 1e-3
"""Step of the gradient in standard errors: short compared with the range of the replicates, and
far above rounding."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A function that takes params (p, B) and returns (..., B)."""

    function: Callable[[Floats], Any]

    def __call__(self, params: Floats) -> Any:
        """Evaluate at one parameter vector, (p,)."""
        return np.asarray(self.function(params[:, None]))[..., 0]


def derive_at(
    function: Callable[[Floats], Any], params: Floats, names: Sequence[str] | None
) -> tuple[Floats, tuple[str, ...]]:
    """Evaluate a function at one parameter vector: its k finite values, and their names."""
    # Names are those given, else those of the mapping or Series returned, else derived1 ...
    # derivedk.
    if not callable(function):
        raise TypeError(f"function: {function!r} is not callable; pass function(params)")
    values, own = _read(function(params.copy()))
    plain = tuple(f"derived{k + 1}" for k in range(values.size))
    labels = own or plain if names is None else tuple(map(str, names))
    if isinstance(names, str) or len(labels) != values.size:
        raise ValueError(
            f"names: {names!r} for {values.size} derived quantities; pass a list of one for each"
        )
    if not np.isfinite(values).all():
        found = dict(zip(labels, values.tolist(), strict=True))
        raise ValueError(
            f"function: {found} is not finite at the estimate; derive quantities that are"
        )
    return values, labels


def derive_all(function: Callable[[Floats], Any], replicates: Floats) -> Floats:
    """Evaluate a function at every replicate, (B, p) to (B, k); NaN where it has no value."""
    if isinstance(function, Columns):
        with np.errstate(all="ignore"):
            columns = np.asarray(function.function(replicates.T.copy()), dtype=float)
        values: Floats = np.moveaxis(columns, -1, 0).reshape(len(replicates), -1).copy()
        values[np.isnan(replicates).all(axis=1)] = np.nan
        return values
    found: list[Floats | None] = []
    with np.errstate(all="ignore"):
        for params in replicates:
            try:
                missing = bool(np.isnan(params).all())
                found.append(None if missing else _read(function(params.copy()))[0])
            except ArithmeticError:  # such as ZeroDivisionError: no value there
                found.append(None)
    sizes = {values.size for values in found if values is not None} or {1}
    if len(sizes) > 1:
        raise ValueError(
            f"function: returned {' and '.join(map(str, sorted(sizes)))} quantities at different "
            f"replicates; return the same number at each"
        )
    nothing = np.full(sizes.pop(), np.nan)
    return np.array([nothing if values is None else values for values in found])


def derive_in_turn(functions: Sequence[Callable[[Floats], Any]], params: Floats) -> Floats:
    """Derive quantities (m, k) from parameters (m, p) by one function after the other."""
    for function in functions:
        params = derive_all(function, params)
    return params


def differentiate(
    functions: Sequence[Callable[[Floats], Any]], estimate: Floats, errors: Floats
) -> Floats:
    """Differentiate a chain of functions of the parameters (p,) by central differences, (k, p)."""
    slopes: Floats = _differentiate_each(functions, estimate[None], errors[None])[0]
    return slopes


def _differentiate_each(
    functions: Sequence[Callable[[Floats], Any]], points: Floats, errors: Floats
) -> Floats:
    """Differentiate at each of some points (b, p) by steps in its standard errors, (b, k, p)."""
    # The gradient is 0 with respect to a parameter without a standard error.
    count, size = points.shape
    varies = errors > 0
    steps = _STEP * np.where(varies, errors, 0.0)[:, :, None] * np.eye(size)
    ends = np.concatenate([points[:, None] + steps, points[:, None] - steps])
    values = derive_in_turn(functions, ends.reshape(-1, size)).reshape(2, count, size, -1)
    lengths = np.where(varies, 2 * _STEP * errors, np.inf)
    with np.errstate(invalid="ignore"):  # infinite to both sides
        slopes = (values[0] - values[1]) / lengths[:, :, None]
    return np.asarray(np.swapaxes(slopes, 1, 2))


def delta_errors(
    functions: Sequence[Callable[[Floats], Any]], points: Floats, covariances: Floats
) -> Floats:
    """Return standard errors √(g C gᵀ) of quantities at points (B, p) with covariances (B, p, p).

    NaN where a point or its covariance is not finite (Oehlert 1992).
    """
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    known = np.flatnonzero(np.isfinite(points).all(axis=1) & np.isfinite(variances).any(axis=1))
    found = np.full((len(points), 1), np.nan)
    for block in np.array_split(known, -(-known.size // _BLOCK)) if known.size else ():
        errors = np.sqrt(np.maximum(np.nan_to_num(variances[block]), 0.0))
        slopes = _differentiate_each(functions, points[block], errors)
        # What a quantity does not depend on may be unknown.
        both = slopes[:, :, :, None] * slopes[:, :, None, :]
        terms = np.where(both == 0, 0.0, both * covariances[block][:, None])
        errors = np.sqrt(np.maximum(terms.sum(axis=(2, 3)), 0.0))
        if errors.shape[1] > found.shape[1]:  # as no point before had any value
            found = np.repeat(found, errors.shape[1], axis=1)
        found[block] = errors
    return found


def shape_at(function: Callable[[Floats], Any], params: Floats) -> tuple[int, ...]:
    """Return the shape of the array that a function returns; () of what is no array."""
    return tuple(int(size) for size in getattr(function(params.copy()), "shape", ()))


def check_columns(function: Any, params: Floats) -> Columns:
    """Check that a function takes params (p, k) and returns (..., k), on two columns."""
    two = np.array([params, params * (1 + _APART)]).T
    try:
        together = np.asarray(function(two.copy()), dtype=float)
        alone = [np.asarray(function(column[:, None].copy()), dtype=float) for column in two.T]
        same = all(
            np.allclose(together[..., k], one[..., 0], rtol=_SAME, atol=0.0, equal_nan=True)
            for k, one in enumerate(alone)
        )
    except Exception as error:
        raise ValueError(
            f"vectorized: function raised {type(error).__name__} ({error}) for params of shape "
            f"{two.shape}; it must take (p, k) and return (..., k), or leave vectorized out"
        ) from error
    if together.shape[-1:] != (2,) or not same:
        raise ValueError(
            f"vectorized: function returned shape {together.shape} for params of shape "
            f"{two.shape}, or other values than for each vector alone; return (..., k)"
        )
    return Columns(function)


def _read(raw: Any) -> tuple[Floats, tuple[str, ...] | None]:
    """Read an array of any shape as a vector, with the names of its entries where it has any."""
    if hasattr(raw, "columns") and hasattr(raw, "to_numpy"):
        names = [f"{as_name(row)}: {as_name(name)}" for row in raw.index for name in raw.columns]
        return np.asarray(raw.to_numpy(), dtype=float).ravel(), tuple(names)
    if isinstance(raw, Mapping) and any(np.ndim(value) > 0 for value in raw.values()):
        parts = {as_name(key): np.asarray(value, dtype=float) for key, value in raw.items()}
        names = [
            f"{key}{_place(at)}" for key, part in parts.items() for at in np.ndindex(part.shape)
        ]
        return np.concatenate([part.ravel() for part in parts.values()]), tuple(names)
    if not isinstance(raw, Mapping) and np.ndim(raw) > 1:
        names = [f"derived{_place(at)}" for at in np.ndindex(np.shape(raw))]
        return read_estimates(np.ravel(raw))[0], tuple(names)
    if type(raw) is np.ndarray and raw.ndim == 1 and raw.size and raw.dtype == float:
        return raw.copy(), None  # as `read_estimates` does, without looking at each entry
    return read_estimates(raw)


def _place(at: tuple[int, ...]) -> str:
    """Write the place of an entry: "[0, 3]"."""
    return f"[{', '.join(map(str, at))}]" if at else ""


def remarks_on(
    names: Sequence[str], estimate: Floats, replicates: Floats, derived: Floats
) -> Iterator[str]:
    """Say which quantities (k,) never vary, and which have no value at some finite replicates."""
    same = (derived == estimate).all(axis=0)
    if same.any():
        listed = ", ".join(name for name, one in zip(names, same, strict=True) if one)
        yield (
            f"{listed}: the same in every replicate, so that the standard error is 0: does the "
            f"function take the parameters that it should?"
        )
    lost = np.isnan(derived[np.isfinite(replicates).all(axis=1)]).sum(axis=0)
    for name, times in zip(names, lost.tolist(), strict=True):
        if times:
            what = "1 replicate" if times == 1 else f"{times:,} replicates"
            it = "it" if times == 1 else "them"
            yield (
                f"{name} has no value at {what}: no standard error, and intervals count {it} as "
                f"infinite"
            )
