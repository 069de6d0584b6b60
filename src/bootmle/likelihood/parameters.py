"""Parameters: names, start, fixed values, bounds, and the scale on which each is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import as_name, check_names
from bootmle.display.text import brief
from bootmle.likelihood.arrays import Floats, by_name, unmasked
from bootmle.likelihood.bounds import read_bounds
from bootmle.likelihood.scales import Identity, Log, Logit, Scale, apply_scale, read_scale

__all__ = ["Parameters", "read_parameters", "settle_names"]

_SLOPE_STEP = 1e-5
"""About ε^(1/3), 6e-6, which balances rounding and truncation of central differences."""
_SAME_START = 1e-6, 1e-9
"""Relative and absolute difference that a user's forward and inverse may leave: single precision
rounds by 6e-8."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """All p parameters of the objective, and the q free ones on the scale they are fitted on.

    Attributes
    ----------
    names : tuple of str
        The p names.
    values : (p,) array
        Start values, or the value at which a parameter is fixed.
    free : (q,) int array
        Positions of the fitted parameters.
    scales : tuple of Scale
        One for each free parameter.
    bounds : (q, 2) array
        Lower and upper bounds on the user's scale, infinite where there are none.
    curved : tuple of pairs
        Column and scale of the free parameters whose scale is not the identity.
    """

    names: tuple[str, ...]
    values: Floats
    free: NDArray[np.intp]
    scales: tuple[Scale, ...]
    bounds: Floats
    curved: tuple[tuple[int, Scale], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """List the columns whose scale is not the identity."""
        curved = [
            (j, scale) for j, scale in enumerate(self.scales) if not isinstance(scale, Identity)
        ]
        object.__setattr__(self, "curved", tuple(curved))

    @property
    def free_names(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return tuple(self.names[position] for position in self.free)

    def to_user(self, working: Floats) -> Floats:
        """Map points (..., q) of the working scale to full parameter vectors (..., p)."""
        if not self.curved and self.free.size == self.values.size:
            return np.array(working, dtype=float)
        user = np.empty((*working.shape[:-1], self.values.size))
        user[...] = self.values
        user[..., self.free] = working
        for column, scale in self.curved:
            user[..., self.free[column]] = apply_scale(scale, scale.inverse, working[..., column])
        return user

    def listed(self, columns: NDArray[np.intp]) -> str:
        """List the names of some free parameters."""
        return ", ".join(self.free_names[column] for column in columns)

    def to_working(self, user: Floats) -> Floats:
        """Map full parameter vectors (..., p) to points (..., q) of the working scale."""
        working = user[..., self.free].astype(float)
        for column, scale in self.curved:
            working[..., column] = apply_scale(scale, scale.forward, working[..., column])
        return working

    def slopes(self, working: Floats) -> Floats:
        """Differentiate the user's free parameters by the working ones, (..., q)."""
        slopes = np.ones_like(working)
        for column, scale in self.curved:
            at = working[..., column]
            step = _SLOPE_STEP * np.maximum(1.0, np.abs(at))
            up, down = (apply_scale(scale, scale.inverse, at + side) for side in (step, -step))
            slopes[..., column] = (up - down) / (2 * step)
        return slopes

    def derivatives(self, working: Floats) -> Floats | None:
        """Differentiate the free parameters by the working ones up to three times, (3, q)."""
        # Exactly; None where a scale is the user's own.
        found = np.zeros((3, working.size))
        found[0] = 1.0
        for column, scale in self.curved:
            if not hasattr(scale, "inverse_derivatives"):
                return None
            found[:, column] = scale.inverse_derivatives(working[column])
        return found

    def of_all(self, values: Floats) -> Floats:
        """Select the free parameters' values (..., q) from those of all (..., p)."""
        return values if self.free.size == self.values.size else values[..., self.free]

    def in_all(self, values: Floats) -> Floats:
        """Place values of the free parameters (..., q) among all, (..., p); 0 for fixed ones."""
        full = np.zeros((*values.shape[:-1], self.values.size))
        full[..., self.free] = values
        return full

    def with_scales(self, scales: Sequence[Scale]) -> Parameters:
        """Fit the same parameters on other scales."""
        return replace(self, scales=tuple(scales))

    def holding(self, columns: NDArray[np.intp], values: Floats) -> Parameters:
        """Fix some of the free parameters at the given values of the user's scale."""
        fixed = np.asarray(columns, dtype=np.intp)
        keep = np.setdiff1d(np.arange(self.free.size), fixed)
        start = self.values.copy()
        start[self.free[fixed]] = values
        scales = tuple(self.scales[column] for column in keep)
        return replace(
            self, values=start, free=self.free[keep], scales=scales, bounds=self.bounds[keep]
        )


def read_parameters(
    x0: Any,
    names: Sequence[str] | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: Any = None,
    transform: Any = None,
) -> Parameters:
    """Read the arguments of `fit` that describe the parameters."""
    values, own_names = _read_start(x0)
    labels = settle_names(names, own_names, values.size)
    fixed = {} if fixed is None else fixed
    values = _with_fixed(values, labels, fixed)
    free = np.array([j for j, name in enumerate(labels) if name not in fixed], dtype=np.intp)
    if free.size == 0:
        raise ValueError(f"fixed: all of {list(labels)} are fixed; leave at least one free")
    limits = read_bounds(bounds, labels)[free]
    scales = _read_scales(transform, labels)
    parameters = Parameters(labels, values, free, tuple(scales[j] for j in free), limits)
    _check_start(parameters)
    return parameters


def _read_start(x0: Any) -> tuple[Floats, tuple[str, ...] | None]:
    """Read start values, and their names if they have any."""
    if hasattr(x0, "x") and hasattr(x0, "keys") and "x" in x0:
        x0 = x0["x"]
    labels: tuple[str, ...] | None = None
    if isinstance(x0, Mapping):
        _check_single(x0)
        labels, x0 = tuple(map(as_name, x0)), list(x0.values())
    elif hasattr(x0, "iloc"):
        index = list(x0.index)
        labels = tuple(map(as_name, index)) if not all(isinstance(i, int) for i in index) else None
        x0 = x0.to_numpy()
    return _as_start(x0), labels


def _check_single(x0: Mapping[Any, Any]) -> None:
    """Refuse several start values for one name."""
    for name, value in x0.items():
        if isinstance(value, np.ndarray | list | tuple) and np.size(value) != 1:
            raise ValueError(
                f"x0: {name!r} is {brief(value)}; pass one number for each name, or a bare array"
            )


def _as_start(x0: Any) -> Floats:
    """Read start values as a finite float vector."""
    refusal = TypeError(
        f"x0: {brief(x0)} is not a vector of numbers; pass the start values, an array or a mapping "
        f"such as {{'mu': 0, 'sigma': 1}}"
    )
    if x0 is None:
        raise refusal
    try:
        raw = np.asarray(unmasked(x0))
        values = np.atleast_1d(raw.real.astype(float))
    except (TypeError, ValueError):
        raise refusal from None
    if np.iscomplexobj(raw):
        raise TypeError(f"x0: {brief(x0)} is complex; parameters are real numbers")
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"x0: shape {values.shape}; pass a vector, one number for each parameter")
    if not np.isfinite(values).all():
        raise ValueError(f"x0: {values} is not finite; start from finite values")
    return values


def settle_names(
    names: Sequence[str] | None,
    own: tuple[str, ...] | None,
    size: int,
    what: str = "parameters in x0",
) -> tuple[str, ...]:
    """Settle the names: given ones, then the object's own, then x1 ... xp."""
    given = check_names(names)
    if given is not None and list(given) != list(own or given) and set(given) == set(own or ()):
        raise ValueError(
            f"names: {list(given)} are those of {list(own or ())} in another order; leave names out"
        )
    labels = tuple(given) if given is not None else own
    labels = labels if labels is not None else tuple(f"x{j + 1}" for j in range(size))
    if len(labels) != size:
        raise ValueError(
            f"names: {len(labels)} names {list(labels)} for {size} {what}; pass one for each"
        )
    if broken := [name for name in labels if not "".join(name.split(" ")).isprintable()]:
        raise ValueError(f"names: {broken[0]!r} cannot be printed; give names of one line")
    repeated = sorted({name for name in labels if labels.count(name) > 1})
    if repeated:
        raise ValueError(f"names: {repeated} appear more than once; give each its own name")
    return labels


def _with_fixed(values: Floats, names: tuple[str, ...], fixed: Mapping[str, float]) -> Floats:
    """Replace start values by the values at which parameters are fixed."""
    fixed = by_name(fixed)
    if not isinstance(fixed, Mapping):
        raise TypeError(
            f"fixed: {fixed!r}; pass a mapping from name to value, such as {{{names[0]!r}: 0}}"
        )
    replaced = values.copy()
    for name, value in fixed.items():
        if name not in names:
            raise ValueError(f"fixed: there is no parameter {name!r}; the names are {list(names)}")
        if not (isinstance(value, Real) and np.isfinite(float(value))):
            raise ValueError(f"fixed: {name!r} is {value!r}; fix it at a finite number")
        replaced[names.index(name)] = value
    return replaced


def _read_scales(transform: Any, names: tuple[str, ...]) -> list[Scale]:
    """Read the scale of each parameter."""
    transform = by_name(transform)
    if transform is None or isinstance(transform, str):
        return [read_scale(transform or "identity") for _ in names]
    if isinstance(transform, Mapping):
        unknown = [name for name in transform if name not in names]
        if unknown:
            raise ValueError(f"transform: no parameters {unknown}; the names are {list(names)}")
        return [read_scale(transform.get(name, "identity")) for name in names]
    if not isinstance(transform, Sequence):
        raise TypeError(
            f"transform: {brief(transform)}; pass a mapping from name to scale, such as "
            f"{{'sigma': 'log'}}"
        )
    if len(transform) != len(names):
        raise ValueError(
            f"transform: {len(transform)} entries for {len(names)} parameters in x0; pass one for "
            f"each, or a mapping from name to scale"
        )
    return [read_scale(entry) for entry in transform]


def _check_start(parameters: Parameters) -> None:
    """Refuse a start outside its bounds or outside the domain of its scale."""
    start = parameters.values[parameters.free]
    outside = (start < parameters.bounds[:, 0]) | (start > parameters.bounds[:, 1])
    working = parameters.to_working(parameters.values)
    back = parameters.to_user(working)[parameters.free]
    for j, name in enumerate(parameters.free_names):
        if outside[j]:
            raise ValueError(
                f"x0: {name} = {start[j]:g} is outside its bounds {parameters.bounds[j].tolist()}; "
                f"start inside them"
            )
        if isinstance(parameters.scales[j], Log | Logit) and not np.isfinite(working[j]):
            raise ValueError(
                f"transform: {parameters.scales[j]} cannot take {name} = {start[j]:g} of x0; start "
                f"inside its domain"
            )
        if not (np.isfinite(working[j]) and np.isclose(back[j], start[j], *_SAME_START)):
            raise ValueError(
                f"transform: {parameters.scales[j]} of {name} maps x0 = {start[j]:g} to "
                f"{working[j]:g} and back to {back[j]:g}; inverse must undo forward, and x0 must "
                f"lie inside the domain"
            )
