"""Hessians by differences beside analytic ones, on random likelihoods.

    python benchmarks/hessians.py [--problems 1000] [--peers 100] [--csv DIR]

A row is a method in a setting: plain, parameters on scales from 1e-6 to 1e6, or the nll + 1e6.
Of the problems, a third each lie at the truth, at the optimum and off it; in a tenth two parameters
enter only as a sum. The other packages, some of them slow, get the first of them only.

- within: share of the problems with every entry inside its error bound
- bound/error: median over the problems of the median over the entries
- SE error: largest relative error where the Hessian is positive definite; inf where not finite
- verdict: share with the right definiteness, by eigenvalues' signs for methods that give none
- calls: most evaluations, as a share of 1 + 4(p² + p)

Packages that are not installed are named and skipped.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.differentiate import hessian as scipy_hessian
from scipy.special import expit, gammaln, polygamma, psi

from bootmle.likelihood.information import measure_information
from tables import OWN, Row, installed, write_table

Floats = NDArray[np.float64]
Functions = Any

NUMPY = SimpleNamespace(exp=np.exp, log=np.log, logaddexp=np.logaddexp, gammaln=gammaln)
SETTINGS = {"plain": (0.0, 0.0), "scales 1e±6": (6.0, 0.0), "nll + 1e6": (0.0, 1e6)}
INDEFINITE, SINGULAR, DEFINITE = "indefinite", "singular", "positive definite"


@dataclass(frozen=True, slots=True)
class Family:
    """An observation's nll in its index η and shape a, and its derivatives η, a, ηη, ηa, aa."""

    draw: Callable[[np.random.Generator, Floats, float], Floats]
    value: Callable[[Functions, Any, Any, Floats], Any]
    derivatives: Callable[[Floats, Any, Floats], tuple[Any, ...]]
    shape: float | None = 0.3


def logit_value(s: Functions, index: Any, a: Any, y: Floats) -> Any:
    return s.logaddexp(0.0, index) - y * index


def logit_derivatives(index: Floats, a: Any, y: Floats) -> tuple[Any, ...]:
    mean = expit(index)
    return mean - y, 0.0, mean * (1 - mean), 0.0, 0.0


def poisson_value(s: Functions, index: Any, a: Any, y: Floats) -> Any:
    return s.exp(index) - y * index + gammaln(y + 1)


def poisson_derivatives(index: Floats, a: Any, y: Floats) -> tuple[Any, ...]:
    return np.exp(index) - y, 0.0, np.exp(index), 0.0, 0.0


def normal_value(s: Functions, index: Any, a: Any, y: Floats) -> Any:
    return ((y - index) / a) ** 2 / 2 + s.log(a)


def normal_derivatives(index: Floats, a: Any, y: Floats) -> tuple[Any, ...]:
    u = (y - index) / a
    return -u / a, (1 - u**2) / a, 1 / a**2, 2 * u / a**2, (3 * u**2 - 1) / a**2


def weibull_value(s: Functions, index: Any, a: Any, y: Floats) -> Any:
    w = (y - index) * s.exp(a)
    return s.exp(w) - w - a


def weibull_derivatives(index: Floats, a: Any, y: Floats) -> tuple[Any, ...]:
    k, w = np.exp(a), (y - index) * np.exp(a)
    e = np.exp(w)
    return -k * (e - 1), w * (e - 1) - 1, k**2 * e, -k * (e - 1 + e * w), w * (e - 1 + e * w)


def gamma_value(s: Functions, index: Any, a: Any, y: Floats) -> Any:
    k = s.exp(a)
    return k * (index - a + y * s.exp(-index)) + s.gammaln(k) - (k - 1) * np.log(y)


def gamma_derivatives(index: Floats, a: Any, y: Floats) -> tuple[Any, ...]:
    k, ratio = np.exp(a), y * np.exp(-index)
    score = k * (index - a - 1 + psi(k) - np.log(y) + ratio)
    cross = k * (1 - ratio)
    return cross, score, k * ratio, cross, score + k * (k * polygamma(1, k) - 1)


def negative_binomial_value(s: Functions, index: Any, a: Any, y: Floats) -> Any:
    k = s.exp(a)
    normalizer = s.gammaln(y + k) - s.gammaln(k) - gammaln(y + 1)
    return (y + k) * s.logaddexp(a, index) - k * a - y * index - normalizer


def negative_binomial_derivatives(index: Floats, a: Any, y: Floats) -> tuple[Any, ...]:
    k, share = np.exp(a), expit(index - a)
    total, spread = y + k, share * (1 - share)
    inner = k * (psi(k) - psi(total) - a + np.logaddexp(a, index))
    curve = k * k * (polygamma(1, k) - polygamma(1, total)) - 2 * k * share
    return (
        total * share - y,
        inner - k + total * (1 - share),
        total * spread,
        k * share - total * spread,
        inner - k + k * (1 - share) + total * spread + curve + k * share,
    )


FAMILIES = {
    "logit": Family(
        lambda r, index, a: (r.random(len(index)) < expit(index)).astype(float),
        logit_value,
        logit_derivatives,
        None,
    ),
    "poisson": Family(
        lambda r, index, a: r.poisson(np.exp(index)).astype(float),
        poisson_value,
        poisson_derivatives,
        None,
    ),
    "normal": Family(
        lambda r, index, a: index + a * r.normal(size=len(index)),
        normal_value,
        normal_derivatives,
    ),
    "weibull": Family(
        lambda r, index, a: index + np.log(r.exponential(size=len(index))) * np.exp(-a),
        weibull_value,
        weibull_derivatives,
    ),
    "gamma": Family(
        lambda r, index, a: r.gamma(np.exp(a), np.exp(index - a)), gamma_value, gamma_derivatives
    ),
    "negative binomial": Family(
        lambda r, index, a: r.poisson(r.gamma(np.exp(a), np.exp(index - a))).astype(float),
        negative_binomial_value,
        negative_binomial_derivatives,
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A regression with a point to differentiate at; θ is ``scale`` times unit parameters."""

    family: Family
    x: Floats
    y: Floats
    point: Floats
    scale: Floats
    shift: float
    flat: bool

    def split(self, theta: Any) -> tuple[Any, Any]:
        unit = theta / self.scale
        if self.family.shape is None:
            return self.x @ unit, None
        return self.x @ unit[:-1], unit[-1]

    def value(self, theta: Any, functions: Functions = NUMPY) -> Any:
        index, a = self.split(theta)
        return self.family.value(functions, index, a, self.y).sum() + self.shift

    def gradient(self, theta: Floats) -> Floats:
        index, a = self.split(theta)
        by_index, by_shape, *_ = self.family.derivatives(index, a, self.y)
        slopes = self.x.T @ by_index
        full = slopes if a is None else np.append(slopes, np.sum(by_shape))
        result: Floats = full / self.scale
        return result

    def hessian(self, theta: Floats) -> Floats:
        index, a = self.split(theta)
        _, _, curve, cross, bend = self.family.derivatives(index, a, self.y)
        matrix = (self.x * curve[:, None] if np.ndim(curve) else self.x * curve).T @ self.x
        if a is not None:
            edge = self.x.T @ cross
            matrix = np.block([[matrix, edge[:, None]], [edge, np.sum(bend)]])
        result: Floats = matrix / np.outer(self.scale, self.scale)
        return result

    def definiteness(self) -> str:
        smallest = np.linalg.eigvalsh(unit_diagonal(self.hessian(self.point))[0])[0]
        if smallest < -1e-10:
            return INDEFINITE
        return SINGULAR if self.flat else DEFINITE


def unit_diagonal(matrix: Floats) -> tuple[Floats, Floats]:
    scales = 1 / np.sqrt(np.abs(np.diag(matrix)))
    return scales[:, None] * matrix * scales, scales


def draw_problem(seed: int, decades: float, shift: float) -> Problem:
    rng = np.random.default_rng(seed)
    family = list(FAMILIES.values())[seed % len(FAMILIES)]
    q, flat = int(rng.integers(2, 6)), seed % 10 == 9
    n = int(np.exp(rng.uniform(np.log(25 * q), np.log(3000))))
    x = np.append(np.ones((n, 1)), rng.normal(size=(n, q - 1)) + rng.normal(size=(n, 1)), axis=1)
    if flat:
        x[:, 0] = x[:, 1]
    unit = np.append(0.3 * rng.normal(size=q), [] if family.shape is None else family.shape)
    y = family.draw(rng, x @ unit[:q], unit[-1])
    problem = Problem(family, x, y, unit, np.ones(len(unit)), 0.0, flat)
    if seed % 3:
        problem = replace(problem, point=find_optimum(problem))
    if seed % 3 == 2:
        problem = replace(problem, point=problem.point + 0.3 * np.abs(rng.normal(size=len(unit))))
    scale = 10.0 ** rng.uniform(-decades, decades, size=len(unit))
    return replace(problem, point=problem.point * scale, scale=scale, shift=shift)


def find_optimum(problem: Problem) -> Floats:
    """Newton's method with halved steps."""
    theta = problem.point
    for _ in range(30):
        values, vectors = np.linalg.eigh(problem.hessian(theta))
        inverse = np.where(values > 1e-8 * values[-1], 1 / np.maximum(np.abs(values), 1e-300), 0)
        step = vectors @ (inverse * (vectors.T @ problem.gradient(theta)))
        while not problem.value(theta - step) <= problem.value(theta) + 1e-9:
            step = step / 2
        theta = theta - step
    return theta


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a method says about one problem; NaN bounds where it gives none."""

    matrix: Floats
    error: Floats
    standard_errors: Floats
    definiteness: str
    calls: int


class Counted:
    """The nll as a plain function that counts its evaluations."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.calls = problem, 0

    def __call__(self, theta: Floats) -> float:
        self.calls += 1
        return float(self.problem.value(np.asarray(theta)))


def ours(problem: Problem, with_gradient: bool = False) -> Estimate:
    names = [f"x{k}" for k in range(len(problem.point))]
    gradient = problem.gradient if with_gradient else None
    found = measure_information(problem.value, problem.point, names=names, gradient=gradient)
    errors = found.standard_errors
    return Estimate(found.matrix, found.error, errors, found.definiteness, found.n_evaluations)


def plain(matrix: Floats, calls: int) -> Estimate:
    """Read a bare matrix the way it usually is."""
    nowhere = np.full(matrix.shape, np.nan)
    unit, scales = unit_diagonal(matrix)
    if not np.isfinite(unit).all():
        return Estimate(matrix, nowhere, nowhere[0], "undecided", calls)
    verdict = DEFINITE if np.linalg.eigvalsh(unit)[0] > 0 else INDEFINITE
    errors = np.sqrt(np.diag(np.linalg.pinv(unit))) * scales
    return Estimate(matrix, nowhere, errors, verdict, calls)


def with_statsmodels(problem: Problem) -> Estimate:
    approximate = importlib.import_module("statsmodels.tools.numdiff").approx_hess
    nll = Counted(problem)
    return plain(approximate(problem.point, nll), nll.calls)


def with_numdifftools(problem: Problem) -> Estimate:
    nll = Counted(problem)
    return plain(importlib.import_module("numdifftools").Hessian(nll)(problem.point), nll.calls)


def with_scipy(problem: Problem) -> Estimate:
    nll = Counted(problem)
    found = scipy_hessian(lambda t: np.apply_along_axis(nll, 0, t), problem.point)
    return plain(found.ddf, nll.calls)


def with_jax(problem: Problem) -> Estimate:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    names = SimpleNamespace(
        exp=jax.numpy.exp,
        log=jax.numpy.log,
        logaddexp=jax.numpy.logaddexp,
        gammaln=jax.scipy.special.gammaln,
    )
    matrix = jax.hessian(lambda t: problem.value(t, names))(jax.numpy.asarray(problem.point))
    return plain(np.asarray(matrix), 1)


METHODS: dict[str, tuple[str, Callable[[Problem], Estimate]]] = {
    "bootmle": ("bootmle", ours),
    "bootmle, gradient": ("bootmle", lambda problem: ours(problem, with_gradient=True)),
    "statsmodels approx_hess": ("statsmodels", with_statsmodels),
    "numdifftools.Hessian": ("numdifftools", with_numdifftools),
    "scipy.differentiate.hessian": ("scipy", with_scipy),
    "jax.hessian (exact)": ("jax", with_jax),
}


def score(problem: Problem, estimate: Estimate) -> tuple[float, float, float, bool, float]:
    """Within bounds, bound/error, SE error, right verdict, calls as a share of the budget."""
    p, exact = len(problem.point), problem.hessian(problem.point)
    error = np.abs(estimate.matrix - exact)
    bounded = np.isfinite(estimate.error).all()
    within = float(np.all(error <= estimate.error)) if bounded else np.nan
    ratio = float(np.median(estimate.error / np.maximum(error, np.finfo(float).tiny)))
    truth, se_error = problem.definiteness(), np.nan
    if truth == DEFINITE:
        unit, scales = unit_diagonal(exact)
        expected = np.sqrt(np.diag(np.linalg.inv(unit))) * scales
        se_error = float(np.max(np.abs(estimate.standard_errors / expected - 1)))
        se_error = se_error if np.isfinite(se_error) else np.inf
    right = estimate.definiteness == truth
    return within, ratio, se_error, right, estimate.calls / (1 + 4 * (p * p + p))


def run(method: Callable[[Problem], Estimate], problems: list[Problem]) -> dict[str, float]:
    """Score one method on all problems."""
    start = time.perf_counter()
    estimates = [method(problem) for problem in problems]
    seconds = time.perf_counter() - start
    pairs = zip(problems, estimates, strict=True)
    within, ratio, se_error, right, calls = np.array([score(*pair) for pair in pairs]).T
    return {
        "problems": len(problems),
        "within": float(np.mean(within)),
        "bound/error": float(np.median(ratio)),
        "SE error": float(np.nanmax(se_error)),
        "median SE error": float(np.nanmedian(se_error)),
        "verdict": float(np.mean(right)),
        "calls": float(np.max(calls)),
        "ms each": 1e3 * seconds / len(problems),
    }


def tabulate(count: int, peers: int) -> list[Row]:
    """Run every installed method in every setting, printing each row as it is done."""
    rows: list[Row] = []
    for setting, (decades, shift) in SETTINGS.items():
        problems = [draw_problem(seed, decades, shift) for seed in range(count)]
        for name, (package, method) in METHODS.items():
            if importlib.util.find_spec(package) is None:
                print(f"{setting:<12} {name:<28} skipped: {package} is not installed")
                continue
            share = problems if package == "bootmle" else problems[:peers]
            rows.append({"setting": setting, "method": name, **run(method, share)})
            print_row(rows)
    return rows


def print_row(rows: list[Row]) -> None:
    """Print the last row, under a heading if it is the first."""
    *_, row = rows
    if len(rows) == 1:
        print(f"{'setting':<12} {'method':<28}", *(f"{key:>15}" for key in list(row)[2:]))
    numbers = [f"{value:>15.3g}" for value in list(row.values())[2:]]
    print(f"{row['setting']:<12} {row['method']:<28}", *numbers, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write hessians.csv here")
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--peers", type=int, default=100, help="problems for other packages")
    options = parser.parse_args()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        rows = tabulate(options.problems, options.peers)
    if options.csv:
        others = {package for package, _ in METHODS.values()} - set(OWN)
        versions = [f"{name} {installed(name)}" for name in sorted(others) if installed(name)]
        write_table("hessians", rows, options.csv, versions)


if __name__ == "__main__":
    main()
