"""What JAX compiles of an objective: its values and derivatives, on data moved to JAX's device."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib import import_module
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import map_leaves
from bootmle.likelihood.device_data import as_numbers

__all__ = ["Kernels", "Path", "device", "double_precision", "numpy_of_jax", "require_jax"]

_TOGETHER = 64
"""Replicates of one call. The buffers always have this length, and a loop goes as far as they are
filled: what is computed for a replicate depends neither on its place nor on the others."""


class Path(NamedTuple):
    """How coordinates z move the parameters: by the Taylor polynomials of their scales."""

    params: Floats
    """The full parameter vector (p,) at z = 0."""
    free: NDArray[np.intp]
    """Positions (q,) of the free parameters."""
    factor: Floats
    """Derivatives (q, r) of the working parameters by z."""
    slopes: Floats
    """First to third derivatives (3, q) of the free parameters by the working ones."""


class Kernels:
    """Compiled functions of one objective, and its data on JAX's device."""

    def __init__(self, function: Callable[..., Any], by_rows: bool) -> None:
        """Compile nothing yet."""
        self.function, self.by_rows = function, by_rows
        self.moved: dict[str, tuple[Any, Any]] = {}  # what was moved last, and where it is
        self.loops: dict[Any, Any] = {}

    def call(self, kernel: str, params: Floats, args: Any, *more: Any) -> Floats:
        """Call a compiled function in double precision; return a NumPy array."""
        with double_precision():
            return np.asarray(getattr(self, kernel)(params, self.on_device(args), *more))

    def trace_hessian(self, params: Floats, args: Any) -> None:
        """Trace the Hessian of the sum without compiling it."""
        with double_precision():
            require_jax().eval_shape(self.hessian, params, self.on_device(args), None)

    def bytes_of_gradient(self, params: Floats, args: Any) -> int:
        """Return the device memory that one gradient takes besides the data, as compiled."""
        with double_precision():
            lowered = self.gradient.lower(params, self.on_device(args), None)
            return int(lowered.compile().memory_analysis().temp_size_in_bytes)

    def each(
        self, what: str, points: Floats, weights: Sequence[Floats | None], args: Any
    ) -> Floats:
        """Evaluate something of one weighted sum at each point."""
        found = []
        for start in range(0, len(points), _TOGETHER):
            part = points[start : start + _TOGETHER]
            count = len(part)
            filled = np.zeros((_TOGETHER, part.shape[1]))
            filled[:count] = part
            rows = None
            if weights[0] is not None:
                rows = np.zeros((_TOGETHER, len(weights[0])))
                rows[:count] = weights[start : start + count]
            looped = self.looped(what)
            with double_precision():
                values = looped(filled, rows, count, self.on_device(args))
                found.append(np.asarray(values)[:count])
        return np.concatenate(found)

    def terms(self, path: Path, order: int, args: tuple[Any, ...]) -> Floats:
        """Evaluate derivatives of each order along all multisets of unit vectors."""
        size, found = path.factor.shape[1], []
        for each in range(1, order + 1):
            chosen = list(combinations_with_replacement(range(size), each))
            along = np.eye(size)[np.array(chosen, dtype=np.intp)]
            found.append(self.mixed_along(path, along, args))
        return np.concatenate(found).T

    def mixed_along(self, path: Path, along: Floats, args: tuple[Any, ...]) -> Floats:
        """Evaluate a derivative (m, n) for each set of directions (m, k, r) of z."""
        with double_precision():
            return np.asarray(self.mixed(path, self.on_device(args), along)).reshape(len(along), -1)

    def on_device(self, args: Any) -> Any:
        """Move the data to JAX's device, once for those of a fit."""
        return self.held("args", args, _moved)

    def held(self, name: str, values: Any, move: Callable[[Any], Any]) -> Any:
        """Move arrays, unless those moved last under this name are the same."""
        before, moved = self.moved.get(name, ((), ()))
        same = len(before) == len(values) and all(map(operator.is_, before, values))
        if not same:
            moved = move(values)
            self.moved[name] = values, moved
        return moved

    def at(self, params: Any, args: Any) -> Any:
        """Evaluate the user's objective."""
        return numpy_of_jax().asarray(self.function(params, *args))

    def summed(self, params: Any, args: Any, weights: Any) -> Any:
        """Sum the weighted contributions, or take the total."""
        values = self.at(params, args).reshape(-1)
        return values.sum() if weights is None else weights @ values

    def displaced(self, z: Any, path: Path, args: Any) -> Any:
        """Evaluate where z leads."""
        delta = path.factor @ z
        first, second, third = path.slopes
        moves = first * delta + second * delta**2 / 2 + third * delta**3 / 6
        return self.at(numpy_of_jax().asarray(path.params).at[path.free].add(moves), args)

    def gradient_of(self, params: Any, args: Any, weights: Any) -> Any:
        """Differentiate the weighted sum."""
        return require_jax().grad(self.summed)(params, args, weights)

    def scores_of(self, params: Any, args: Any) -> Any:
        """Differentiate all contributions (n, p), or the total (p,)."""
        if self.by_rows:
            return require_jax().vmap(partial(self.of_a_row, params))(args)
        return self.forward_scores_of(params, args)

    def forward_scores_of(self, params: Any, args: Any) -> Any:
        """Differentiate them by forward mode, in which a branch not taken by `where` is no NaN."""
        values, along = require_jax().linearize(lambda q: self.at(q, args), params)
        found = require_jax().vmap(along)(numpy_of_jax().eye(params.size))
        return found.reshape(params.size, -1).T if values.size > 1 else found.reshape(-1)

    def of_a_row(self, params: Any, row: Any) -> Any:
        """Differentiate the contribution of a row that is evaluated alone."""
        alone = require_jax().tree_util.tree_map(lambda leaf: leaf[None], row)
        return require_jax().grad(lambda q: self.at(q, alone).reshape(-1)[0])(params)

    def meat_of(self, params: Any, args: Any, weights: Any) -> Any:
        """Sum weighted squares of the scores."""
        scores = self.scores_of(params, args)
        if weights is None:
            return scores.T @ scores
        # What is not drawn may lie outside its domain.
        drawn = numpy_of_jax().where(weights[:, None] == 0, 0.0, scores)
        return drawn.T @ (weights[:, None] * drawn)

    @cached_property
    def values(self) -> Any:
        """Evaluate."""
        return require_jax().jit(self.at)

    @cached_property
    def scores(self) -> Any:
        """Differentiate all contributions at once."""
        return require_jax().jit(self.scores_of)

    @cached_property
    def forward_scores(self) -> Any:
        """Differentiate all contributions by forward mode."""
        return require_jax().jit(self.forward_scores_of)

    @cached_property
    def gradient(self) -> Any:
        """Differentiate the weighted sum."""
        return require_jax().jit(self.gradient_of)

    @cached_property
    def hessian(self) -> Any:
        """Differentiate it twice."""
        return require_jax().jit(require_jax().hessian(self.summed))

    def looped(self, what: str) -> Any:
        """Evaluate one thing of several weighted sums, as many as the buffers hold."""
        if what not in self.loops:
            evaluate = {
                "values": lambda params, args, _: self.at(params, args).reshape(-1),
                "gradient": self.gradient_of,
                "meat": self.meat_of,
            }[what]
            self.loops[what] = require_jax().jit(partial(_fill, evaluate))
        return self.loops[what]

    @cached_property
    def mixed(self) -> Any:
        """Differentiate the contributions along sets of directions (m, k, r) of z, k times each."""

        def mixed(path: Path, args: Any, along: Any) -> Any:
            start = numpy_of_jax().zeros(along.shape[2])

            def one(directions: Any) -> Any:
                function: Callable[[Any], Any] = partial(self.displaced, path=path, args=args)
                for direction in directions:
                    function = _along(function, direction)
                return function(start)

            return require_jax().lax.map(one, along)

        return require_jax().jit(mixed)


def _fill(evaluate: Callable[..., Any], points: Any, weights: Any, count: Any, args: Any) -> Any:
    """Evaluate at as many points as there are, in a loop: each by the same operations."""

    def of(k: Any) -> Any:
        return evaluate(points[k], args, None if weights is None else weights[k])

    shape = require_jax().eval_shape(of, 0)
    empty = numpy_of_jax().zeros((_TOGETHER, *shape.shape))
    return require_jax().lax.fori_loop(0, count, lambda k, found: found.at[k].set(of(k)), empty)


def _along(function: Callable[[Any], Any], direction: Any) -> Callable[[Any], Any]:
    """Differentiate a function along a direction."""
    return lambda z: require_jax().jvp(function, (z,), (direction,))[1]


def _moved(args: Any) -> Any:
    """Move data to JAX's device."""
    return map_leaves(lambda label, leaf: numpy_of_jax().array(as_numbers(label, leaf)), args)


class Device(NamedTuple):
    """Where JAX computes."""

    kind: str
    memory: int | None
    """Bytes of an accelerator's memory that JAX may take; None for a CPU, or if unknown."""


def device() -> Device:
    """Return JAX's default device."""
    jax = require_jax()
    chosen = jax.config.jax_default_device or jax.devices()[0]
    chosen = jax.devices(chosen)[0] if isinstance(chosen, str) else chosen
    if chosen.platform == "cpu":  # whose products depend on the number of threads
        return Device(f"CPU with {cpu_count()} threads", None)
    return Device(chosen.device_kind, (chosen.memory_stats() or {}).get("bytes_limit"))


def double_precision() -> Any:
    """Switch double precision on for what is inside, and for this thread only."""
    return require_jax().enable_x64(True)


def require_jax() -> Any:
    """Import JAX, which belongs to an extra."""
    try:
        return import_module("jax")
    except ImportError as error:
        raise ImportError("jac: 'jax' needs JAX; install bootmle[jax]") from error


def numpy_of_jax() -> Any:
    """Import JAX's NumPy."""
    return import_module("jax.numpy")
