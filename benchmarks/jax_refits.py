"""What refits of models written in JAX cost, against this package's own ways to derivatives.

Run ``python benchmarks/jax_refits.py [--quick] [--csv DIR]``. One row for each model:

ms_jax, ms_gradient, ms_differences
    Median milliseconds of wall time for each of B verified refits on one worker, what they share
    included: with ``jac="jax"``, with a gradient written by hand in NumPy, and without any.
vs_gradient, vs_differences
    Medians of the ratios of theirs to ours, paired in turns; `runs` says how many.
compiling
    Seconds that the first fit and its first bootstrap take longer with JAX than the second ones:
    tracing and compiling, once in each process.
apart
    Largest distance between the replicates with JAX and with the gradient (with differences where
    there is none), in standard errors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from bootmle import Bootstrap, Fit, bootstrap, fit
from models import logit, nb2, weibull
from tables import Row, installed, report

Contributions = Callable[..., Any]


@dataclass(frozen=True)
class Written:
    """A model written twice: in JAX, and in NumPy with or without its gradient."""

    name: str
    in_jax: Contributions
    in_numpy: Contributions
    scores: Contributions | None
    start: np.ndarray[Any, np.dtype[np.float64]]
    args: tuple[Any, ...]
    n_resamples: int


def jax_logit(params: Any, X: Any, y: Any) -> Any:
    return jnp.logaddexp(0.0, (1.0 - 2.0 * y) * (X @ params))


def jax_nb2(params: Any, X: Any, y: Any) -> Any:
    eta, log_alpha = X @ params[:-1], params[-1]
    size = jnp.exp(-log_alpha)
    log_share = -jnp.logaddexp(0.0, eta + log_alpha)
    rest = gammaln(size) + gammaln(y + 1.0) - gammaln(y + size)
    return rest - size * log_share - y * (eta + log_alpha + log_share)


def jax_weibull(params: Any, X: Any, time: Any, event: Any) -> Any:
    log_time, log_scale = jnp.log(time), params[-1]
    z = (log_time - X @ params[:-1]) / jnp.exp(log_scale)
    return jnp.exp(z) - event * (z - log_scale - log_time)


def jax_mixed(params: Any, X: Any, y: Any, draws: Any) -> Any:
    return _mixed(jnp, jax.scipy.special.logsumexp, params, X, y, draws)


def numpy_mixed(params: Any, X: Any, y: Any, draws: Any) -> Any:
    from scipy.special import logsumexp

    return _mixed(np, logsumexp, params, X, y, draws)


def _mixed(numpy: Any, logsumexp: Any, params: Any, X: Any, y: Any, draws: Any) -> Any:
    """Simulate the panel's choices: four coefficients with normal scatter, (n, t, 4) by draw."""
    beta = params[:4] + numpy.exp(params[4:]) * draws
    utility = numpy.einsum("ntk,nrk->ntr", X, beta)
    log_share = -numpy.logaddexp(0.0, (1.0 - 2.0 * y)[:, :, None] * utility).sum(axis=1)
    return numpy.log(draws.shape[1]) - logsumexp(log_share, axis=1)


def models(quick: bool) -> Iterator[Written]:
    count = 199 if quick else 1999
    for model, in_jax in ((logit(), jax_logit), (nb2(), jax_nb2), (weibull(), jax_weibull)):
        args = model.data(1500, rng=1)
        given = (model.nll, model.scores, model.truth, args, count)
        yield Written(model.name, in_jax, *given)
    wide = logit(49)
    yield Written(
        f"{wide.name}, p = 50", jax_logit, wide.nll, None, wide.truth, wide.data(1500, rng=2),
        19 if quick else 999,
    )  # fmt: skip
    rng = np.random.default_rng(3)
    X, draws = rng.normal(size=(300, 6, 4)), rng.normal(size=(300, 50, 4))
    truth = np.array([0.5, -0.5, 0.8, 0.3, -0.5, -0.5, -0.5, -0.5])
    beta = truth[:4] + np.exp(truth[4:]) * rng.normal(size=(300, 4))
    chance = 1 / (1 + np.exp(-np.einsum("ntk,nk->nt", X, beta)))
    y = (rng.random((300, 6)) < chance).astype(float)
    data = (X, y, draws)
    yield Written("mixed logit", jax_mixed, numpy_mixed, None, truth, data, 19 if quick else 99)


def measure(model: Written, runs: int) -> Row:
    """Time the ways in turns; the first turn compiles, and is not counted."""
    ways: dict[str, tuple[Contributions, Any]] = {"jax": (model.in_jax, "jax")}
    if model.scores is not None:
        ways["gradient"] = (model.in_numpy, model.scores)
    ways["differences"] = (model.in_numpy, None)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    first, fits, last = dict[str, float](), dict[str, Fit](), dict[str, Bootstrap]()
    for way, (fun, jac) in ways.items():
        started = time.perf_counter()
        fits[way] = fit(fun, model.start, model.args, jac=jac)
        last[way] = bootstrap(fits[way], n_resamples=model.n_resamples, rng=0, progress=False)
        first[way] = time.perf_counter() - started
    for run in range(runs):
        for way, mle in fits.items():
            started = time.perf_counter()
            bootstrap(mle, n_resamples=model.n_resamples, rng=run, progress=False)
            seconds[way].append(time.perf_counter() - started)
    per_refit = {way: np.array(each) / model.n_resamples for way, each in seconds.items()}
    other = last.get("gradient", last["differences"])
    apart = np.abs(last["jax"].replicates - other.replicates) / other.standard_error
    row: Row = {"model": model.name, "p": model.start.size, "B": model.n_resamples, "runs": runs}
    row |= {f"ms_{way}": 1e3 * float(np.median(each)) for way, each in per_refit.items()}
    row |= {
        f"vs_{way}": float(np.median(each / per_refit["jax"]))
        for way, each in per_refit.items()
        if way != "jax"
    }
    row["compiling"] = first["jax"] - float(np.median(seconds["jax"]))
    row["apart"] = float(np.nanmax(apart))
    return row


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the replicates")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write the table to DIR")
    given = parser.parse_args(arguments)
    print(f"on {jax.devices()[0].device_kind}")
    rows = (measure(model, 1 if given.quick else 3) for model in models(given.quick))
    report("jax_refits", rows, given.csv, [f"jax {installed('jax')}"])


if __name__ == "__main__":
    main()
