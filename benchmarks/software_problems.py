"""The models that packages are run on: data of a correct model, degenerate data, other units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.special import gammaln, log_ndtr, ndtr

from software_tastes import draw_tastes, never_dear, tastes_nll

Array = NDArray[Any]
Data = dict[str, Array]
Rng = np.random.Generator

__all__ = ["PROBLEMS", "Data", "Problem"]

N = 500
UNIT = 1e6
"""By how much a covariate grows in other units: dollars in place of millions."""
SIGMA = 0.3
"""The standard deviation of a curve's points, which is known."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A model, and how its data are drawn.

    Attributes
    ----------
    names : tuple of str
    nll : callable
        ``nll(params, *args)``: the contributions to minus the log-likelihood.
    draw : callable
        ``draw(rng)``: data of a correct model.
    degenerate : callable
        Makes data without a regular optimum of those.
    fault : str
        What is degenerate about them.
    units : callable
        Puts those data into other units.
    scales : mapping
        By how much a parameter's standard error is divided in those units.
    args : callable
        The data as ``nll`` takes them.
    simulate : callable or None
    start : mapping
        Where a search starts, for parameters that a package does not report.
    """

    names: tuple[str, ...]
    nll: Callable[..., Array]
    draw: Callable[[Rng], Data]
    degenerate: Callable[[Data, Rng], Data]
    fault: str
    units: Callable[[Data], Data]
    scales: dict[str, float]
    args: Callable[[Data], tuple[Array, ...]]
    simulate: Callable[..., Any] | None = None
    start: dict[str, float] = field(default_factory=dict)


def _regressors(rng: Rng) -> Array:
    x1 = rng.normal(size=N)
    return np.column_stack([np.ones(N), x1, 0.5 * x1 + rng.normal(size=N)])


def _x_and_y(data: Data) -> tuple[Array, ...]:
    return data["X"], data["y"]


def _larger_x(data: Data) -> Data:
    return {**data, "X": data["X"] * np.array([1.0, UNIT, 1.0])[: data["X"].shape[1]]}


def _twice(data: Data, rng: Rng) -> Data:
    X = data["X"].copy()
    X[:, 2] = 2 * X[:, 1]
    return {**data, "X": X}


def _separated(data: Data, rng: Rng) -> Data:
    return {**data, "y": (data["X"][:, 1] > 0).astype(float)}


def _logit_nll(b: Array, X: Array, y: Array) -> Array:
    return np.asarray(np.logaddexp(0, -(2 * y - 1) * (X @ b)))


def _draw_logit(rng: Rng) -> Data:
    X = _regressors(rng)
    return {"X": X, "y": (rng.logistic(size=N) < X @ [-0.4, 0.8, -0.5]).astype(float)}


def _probit_nll(b: Array, X: Array, y: Array) -> Array:
    return np.asarray(-log_ndtr((2 * y - 1) * (X @ b)))


def _draw_probit(rng: Rng) -> Data:
    X = _regressors(rng)
    return {"X": X, "y": (rng.normal(size=N) < X @ [-0.3, 1.2, -0.6]).astype(float)}


def _poisson_nll(b: Array, X: Array, y: Array) -> Array:
    return np.asarray(np.exp(X @ b) - y * (X @ b))


def _draw_poisson(rng: Rng) -> Data:
    X = _regressors(rng)
    return {"X": X, "y": rng.poisson(np.exp(X @ [0.5, 0.3, -0.2])).astype(float)}


def _nb2_nll(params: Array, X: Array, y: Array) -> Array:
    size, mean = 1 / params[-1], np.exp(X @ params[:-1])
    log_share = np.log(mean) - np.log(size + mean)
    return np.asarray(
        gammaln(size)
        + gammaln(y + 1)
        - gammaln(y + size)
        - size * np.log(size / (size + mean))
        - y * log_share
    )


def _draw_nb2(rng: Rng) -> Data:
    X = _regressors(rng)
    mean = np.exp(X @ [0.8, 0.4, -0.3])
    return {"X": X, "y": rng.poisson(mean * rng.gamma(1 / 0.6, 0.6, N)).astype(float)}


def _too_even(data: Data, rng: Rng) -> Data:
    mean = np.exp(data["X"] @ [0.8, 0.4, -0.3])
    return {**data, "y": np.round(mean + 0.3 * rng.normal(size=N)).clip(0)}


def _zip_nll(params: Array, X: Array, y: Array) -> Array:
    zero, log_mean = X @ params[:2], X @ params[2:]
    mean, log_other = np.exp(log_mean), -np.logaddexp(0, zero)
    some = log_other - mean + y * log_mean - gammaln(y + 1)
    return np.asarray(-np.where(y == 0, np.logaddexp(zero + log_other, log_other - mean), some))


def _draw_zip(rng: Rng) -> Data:
    X = _regressors(rng)[:, :2]
    some = rng.logistic(size=N) > X @ [-0.3, 0.5]
    return {"X": X, "y": np.where(some, rng.poisson(np.exp(X @ [0.4, 0.4])), 0).astype(float)}


def _no_zeros(data: Data, rng: Rng) -> Data:
    return {**data, "y": 1.0 + rng.poisson(np.exp(data["X"] @ [0.4, 0.4]))}


def _ordered_nll(params: Array, X: Array, y: Array) -> Array:
    cuts = params[2] + np.concatenate([[0.0], np.cumsum(np.exp(params[3:]))])
    at = X @ params[:2]
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    level = y.astype(int)
    low, high = edges[level] - at, edges[level + 1] - at
    turned = low > 0  # the upper tail keeps its digits on the other side
    low, high = np.where(turned, -high, low), np.where(turned, -low, high)
    return np.asarray(-np.log(ndtr(high) - ndtr(low)))


def _draw_ordered(rng: Rng) -> Data:
    X = _regressors(rng)[:, 1:]
    latent = X @ [0.7, -0.4] + rng.normal(size=N)
    return {"X": X, "y": np.digitize(latent, [-0.8, 0.1, 0.9]).astype(float)}


def _sorted_levels(data: Data, rng: Rng) -> Data:
    return {**data, "y": np.digitize(data["X"][:, 0], [-0.8, 0.1, 0.9]).astype(float)}


def _first_larger(data: Data) -> Data:
    return {**data, "X": data["X"] * [UNIT, 1.0]}


def _choice_nll(params: Array, cost: Array, time: Array, choice: Array) -> Array:
    utility = params[0] * cost + params[1] * time
    chosen = np.take_along_axis(utility, choice.astype(int)[:, None], axis=1)
    return np.asarray(-np.log(1 / np.exp(utility - chosen).sum(axis=1)))


def _draw_choice(rng: Rng) -> Data:
    cost, time = rng.gamma(4, 0.5, (N, 3)), rng.gamma(3, 0.4, (N, 3))
    utility = -0.8 * cost - 1.1 * time + rng.gumbel(size=(N, 3))
    return {"cost": cost, "time": time, "choice": utility.argmax(axis=1)}


def _cheapest(data: Data, rng: Rng) -> Data:
    return {**data, "choice": data["cost"].argmin(axis=1)}


def _aft_nll(params: Array, x: Array, time: Array, seen: Array) -> Array:
    z = np.exp(params[2]) * (np.log(time) - params[0] - params[1] * x)
    return np.asarray(np.exp(z) - seen * (params[2] + z - np.log(time)))


def _draw_aft(rng: Rng) -> Data:
    x = rng.normal(size=N)
    time = np.exp(1 + 0.5 * x) * rng.weibull(1.4, N)
    end = rng.exponential(6.0, N)
    return {"x": x, "time": np.minimum(time, end), "seen": (time <= end).astype(float)}


def _never_seen(data: Data, rng: Rng) -> Data:
    x = (data["x"] > 0).astype(float)
    return {**data, "x": x, "seen": np.where(x > 0, 0.0, data["seen"])}


def _x_larger(data: Data) -> Data:
    return {**data, "x": data["x"] * UNIT}


def _weibull_nll(params: Array, time: Array, seen: Array) -> Array:
    ratio = np.log(time / params[0])
    density = np.log(params[1] / params[0]) + (params[1] - 1) * ratio
    return np.asarray(np.exp(params[1] * ratio) - seen * density)


def _draw_weibull(rng: Rng) -> Data:
    time, end = 10 * rng.weibull(2.0, N), rng.exponential(30.0, N)
    return {"time": np.minimum(time, end), "seen": (time <= end).astype(float)}


def _one_time(data: Data, rng: Rng) -> Data:
    return {"time": np.full(N, 10.0), "seen": np.ones(N)}


def _later(data: Data) -> Data:
    return {**data, "time": data["time"] * UNIT}


def _location_nll(params: Array, time: Array) -> Array:
    return _weibull_nll(params[:2], time - params[2], np.ones(len(time)))


def _draw_location(rng: Rng) -> Data:
    return {"time": 5 + 10 * rng.weibull(3.0, N)}


def _steep(data: Data, rng: Rng) -> Data:
    return {"time": 5 + 10 * rng.weibull(0.7, N)}


def _curve_nll(params: Array, t: Array, y: Array) -> Array:
    a, b, c = params
    return np.asarray(0.5 * ((y - a * np.exp(-b * t) - c) / SIGMA) ** 2)


def _draw_curve(rng: Rng) -> Data:
    t = np.linspace(0.1, 5.0, N)
    return {"t": t, "y": 2.5 * np.exp(-1.3 * t) + 0.5 + SIGMA * rng.normal(size=N)}


def _two_times(data: Data, rng: Rng) -> Data:
    t = np.where(np.arange(N) % 2, 0.5, 1.5)
    return {"t": t, "y": 2.5 * np.exp(-1.3 * t) + 0.5 + SIGMA * rng.normal(size=N)}


def _t_larger(data: Data) -> Data:
    return {**data, "t": data["t"] * UNIT}


def _regression_nll(params: Array, X: Array, y: Array) -> Array:
    return np.asarray(params[-1] + 0.5 * ((y - X @ params[:-1]) / np.exp(params[-1])) ** 2)


def _draw_regression(rng: Rng) -> Data:
    X = _regressors(rng)[:60]
    return {"X": X, "y": X @ [1.0, 0.5, -0.4] + 0.8 * rng.normal(size=60)}


def _mixed_nll(params: Array, x: Array, y: Array) -> Array:
    m = y.shape[1]
    r = y - params[0] - params[1] * x
    between = params[3] + m * params[2]
    mean = r.mean(axis=1)
    within = (r**2).sum(axis=1) - m * mean**2
    logs = (m - 1) * np.log(params[3]) + np.log(between)
    return np.asarray(0.5 * (logs + within / params[3] + m * mean**2 / between))


def _draw_mixed(rng: Rng) -> Data:
    x = rng.normal(size=(N // 5, 5))
    y = 1 + 0.5 * x + rng.normal(size=(N // 5, 1)) + 2 * rng.normal(size=(N // 5, 5))
    return {"x": x, "y": y}


def _alike(data: Data, rng: Rng) -> Data:
    y = data["y"] - data["y"].mean(axis=1, keepdims=True)
    return {**data, "y": y + 0.2 * rng.normal(size=(len(y), 1))}


def _ar_nll(params: Array, x: Array, y: Array) -> Array:
    beta, phi, variance = params
    r = y - beta * x
    step = np.concatenate([r[:1], r[1:] - phi * r[:-1]])
    spread = np.concatenate([[variance / (1 - phi**2)], np.full(len(y) - 1, variance)])
    return np.asarray(0.5 * (np.log(spread) + step**2 / spread))


def _draw_ar(rng: Rng) -> Data:
    x, r = rng.normal(size=N), np.empty(N)
    shocks = 1.5 * rng.normal(size=N)
    r[0] = shocks[0] / np.sqrt(1 - 0.6**2)
    for t in range(1, N):
        r[t] = 0.6 * r[t - 1] + shocks[t]
    return {"x": x, "y": 0.7 * x + r}


def _no_x(data: Data, rng: Rng) -> Data:
    return {**data, "x": np.zeros(N)}


def _arch_nll(params: Array, y: Array, before: Array) -> Array:
    mu, omega, alpha = params
    r = y - mu
    # What precedes the first shock is given.
    variance = omega + alpha * np.concatenate([before[:1], r[:-1] ** 2])
    return np.asarray(0.5 * (np.log(variance) + r**2 / variance))


def _draw_arch(rng: Rng) -> Data:
    r = np.empty(N)
    for t in range(N):
        r[t] = rng.normal() * np.sqrt(1.0 + 0.4 * (r[t - 1] ** 2 if t else 1.6))
    return {"y": 0.3 + r, "backcast": np.array(1.6)}


def _even(data: Data, rng: Rng) -> Data:
    shocks = np.where(np.arange(N) % 2, 2.0, 0.5) * rng.choice([-1.0, 1.0], N)
    return {"y": 0.3 + shocks, "backcast": np.array(1.6)}


def _smaller_returns(data: Data) -> Data:
    return {"y": data["y"] / 1e4, "backcast": data["backcast"] / 1e8}


_ROOTS = np.cos(2 * np.pi * np.arange(N) / N)
"""Eigenvalues of the ring's weights, half to each neighbor."""


def _lag_nll(params: Array, x: Array, y: Array) -> Array:
    base, slope, rho, variance = params
    lagged = (np.roll(y, 1) + np.roll(y, -1)) / 2
    r = y - rho * lagged - base - slope * x
    # The determinant belongs to all rows together.
    whole = np.log1p(-rho * _ROOTS).sum()
    return np.asarray(0.5 * np.sum(np.log(variance) + r**2 / variance) - whole)


def _simulate_lag(params: Array, rng: Rng, x: Array, y: Array) -> tuple[Array, Array]:
    base, slope, rho, variance = params
    row = np.zeros(N)
    row[[0, 1, -1]] = 1.0, -rho / 2, -rho / 2
    made = base + slope * x + np.sqrt(variance) * rng.normal(size=N)
    return x, np.asarray(solve_toeplitz(row, made))


def _draw_lag(rng: Rng) -> Data:
    x, y = _simulate_lag(np.array([1.0, 0.6, 0.5, 2.0]), rng, rng.normal(size=N), np.empty(N))
    return {"x": x, "y": y}


def _constant_x(data: Data, rng: Rng) -> Data:
    return {**data, "x": np.ones(N)}


def _factor_nll(params: Array, y: Array) -> Array:
    load = np.concatenate([[1.0], params[:3]])
    matrix = params[3] * np.outer(load, load) + np.diag(params[4:])
    values = np.linalg.slogdet(matrix)[1]
    return np.asarray(0.5 * (values + np.einsum("ni,ij,nj->n", y, np.linalg.inv(matrix), y)))


def _draw_factor(rng: Rng) -> Data:
    f = 1.2 * rng.normal(size=(N, 1))
    y = f * [1.0, 0.8, 1.3, 0.5] + rng.normal(size=(N, 4)) * [1.0, 0.7, 0.9, 1.2]
    return {"y": y - y.mean(axis=0)}


def _simulate_factor(params: Array, rng: Rng, y: Array) -> tuple[Array]:
    f = np.sqrt(params[3]) * rng.normal(size=(len(y), 1))
    load = np.concatenate([[1.0], params[:3]])
    return (f * load + rng.normal(size=y.shape) * np.sqrt(params[4:]),)


def _no_factor(data: Data, rng: Rng) -> Data:
    y = rng.normal(size=(N, 4))
    return {"y": y - y.mean(axis=0)}


def _first_item_larger(data: Data) -> Data:
    return {"y": data["y"] * [1.0, 1.0, 1.0, 1e3]}


def _row(*keys: str) -> Callable[[Data], tuple[Array, ...]]:
    return lambda data: tuple(data[key] for key in keys)


_XS = ("base", "x1", "x2")
PROBLEMS: dict[str, Problem] = {
    "logit": Problem(
        _XS, _logit_nll, _draw_logit, _separated, "separated", _larger_x, {"x1": UNIT}, _x_and_y
    ),
    "probit": Problem(
        _XS, _probit_nll, _draw_probit, _separated, "separated", _larger_x, {"x1": UNIT}, _x_and_y
    ),
    "poisson": Problem(
        _XS, _poisson_nll, _draw_poisson, _twice, "x2 = 2 x1", _larger_x, {"x1": UNIT}, _x_and_y
    ),
    "nb2": Problem(
        (*_XS, "alpha"),
        _nb2_nll,
        _draw_nb2,
        _too_even,
        "alpha at 0",
        _larger_x,
        {"x1": UNIT},
        _x_and_y,
        start={"alpha": 0.6},
    ),
    "zip": Problem(
        ("zero", "zero_x1", "count", "count_x1"),
        _zip_nll,
        _draw_zip,
        _no_zeros,
        "no zeros",
        _larger_x,
        {"zero_x1": UNIT, "count_x1": UNIT},
        _x_and_y,
    ),
    "ordered": Problem(
        ("x1", "x2", "cut1", "log_gap2", "log_gap3"),
        _ordered_nll,
        _draw_ordered,
        _sorted_levels,
        "separated",
        _first_larger,
        {"x1": UNIT},
        _x_and_y,
    ),
    "choice": Problem(
        ("cost", "time"),
        _choice_nll,
        _draw_choice,
        _cheapest,
        "separated",
        lambda data: {**data, "cost": data["cost"] * UNIT},
        {"cost": UNIT},
        _row("cost", "time", "choice"),
    ),
    "tastes": Problem(
        ("cost", "time", "sd_time"),
        tastes_nll,
        draw_tastes,
        never_dear,
        "separated",
        lambda data: {**data, "cost": data["cost"] * UNIT},
        {"cost": UNIT},
        _row("cost", "time", "choice", "draws"),
    ),
    "aft": Problem(
        ("base", "x1", "log_shape"),
        _aft_nll,
        _draw_aft,
        _never_seen,
        "x1 = 1 never fails",
        _x_larger,
        {"x1": UNIT},
        _row("x", "time", "seen"),
    ),
    "weibull": Problem(
        ("alpha", "beta"),
        _weibull_nll,
        _draw_weibull,
        _one_time,
        "all times equal",
        _later,
        {"alpha": 1 / UNIT},
        _row("time", "seen"),
    ),
    "location": Problem(
        ("alpha", "beta", "gamma"),
        _location_nll,
        _draw_location,
        _steep,
        "beta < 1: gamma at the least time",
        _later,
        {"alpha": 1 / UNIT, "gamma": 1 / UNIT},
        _row("time"),
    ),
    "curve": Problem(
        ("a", "b", "c"),
        _curve_nll,
        _draw_curve,
        _two_times,
        "two distinct t",
        _t_larger,
        {"b": UNIT},
        _row("t", "y"),
        start={"a": 2.0, "b": 1 / 2.55, "c": 0.3},
    ),
    "regression": Problem(
        (*_XS, "log_sigma"),
        _regression_nll,
        _draw_regression,
        _twice,
        "x2 = 2 x1",
        _larger_x,
        {"x1": UNIT},
        _x_and_y,
        start={"log_sigma": -0.2},
    ),
    "mixed": Problem(
        ("base", "x1", "var_u", "var_e"),
        _mixed_nll,
        _draw_mixed,
        _alike,
        "var_u at 0",
        _x_larger,
        {"x1": UNIT},
        _row("x", "y"),
        start={"var_u": 1.0, "var_e": 4.0},
    ),
    "ar": Problem(
        ("x1", "phi", "sigma2"),
        _ar_nll,
        _draw_ar,
        _no_x,
        "x1 = 0",
        _x_larger,
        {"x1": UNIT},
        _row("x", "y"),
    ),
    "arch": Problem(
        ("mu", "omega", "alpha"),
        _arch_nll,
        _draw_arch,
        _even,
        "alpha at 0",
        _smaller_returns,
        {"mu": 1e4, "omega": 1e8},
        lambda data: (data["y"], np.full(len(data["y"]), data["backcast"])),
    ),
    "lag": Problem(
        ("base", "x1", "rho", "sigma2"),
        _lag_nll,
        _draw_lag,
        _constant_x,
        "x1 = 1",
        _x_larger,
        {"x1": UNIT},
        _row("x", "y"),
        _simulate_lag,
    ),
    "factor": Problem(
        ("load_y2", "load_y3", "load_y4", "var_f", "var_y1", "var_y2", "var_y3", "var_y4"),
        _factor_nll,
        _draw_factor,
        _no_factor,
        "no common factor",
        _first_item_larger,
        {"load_y4": 1e-3, "var_y4": 1e-6},
        _row("y"),
        _simulate_factor,
    ),
}
