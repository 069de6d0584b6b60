"""SciPy's continuous distributions, each fitted to 200 values drawn from it.

Where the support ends, loc is held at 0, and where its end lies elsewhere than at 0 or at both
sides, the scale at 1: an end that is fitted is no regular problem. Left out are distributions of
which nothing but an end would be fitted, and those whose densities take minutes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from bootmle import fit_distribution
from optima_runs import Floats, Reference, Run

N = 200

SHAPES: dict[str, tuple[float, ...]] = {
    "alpha": (3.5,),
    "argus": (1.0,),
    "beta": (2.3, 0.8),
    "betaprime": (5, 6),
    "bradford": (0.3,),
    "burr": (10.5, 4.3),
    "burr12": (10, 4),
    "cauchy": (),
    "chi": (8,),
    "chi2": (5,),
    "cosine": (),
    "crystalball": (2.0, 3.0),
    "dgamma": (1.6,),
    "dpareto_lognorm": (3, 1.2, 1.5, 2),
    "dweibull": (2.1,),
    "erlang": (10,),
    "expon": (),
    "exponnorm": (1.5,),
    "exponpow": (2.7,),
    "exponweib": (2.9, 1.95),
    "f": (29, 18),
    "fatiguelife": (1.5,),
    "fisk": (3.1,),
    "foldcauchy": (4.7,),
    "foldnorm": (1.95,),
    "gamma": (2.0,),
    "genextreme": (-0.1,),
    "gengamma": (4.4, 3.1),
    "genhyperbolic": (0.5, 1.5, -0.5),
    "geninvgauss": (2.3, 1.5),
    "genlogistic": (0.41,),
    "gennorm": (1.3,),
    "genpareto": (0.1,),
    "gibrat": (),
    "gompertz": (0.95,),
    "gumbel_l": (),
    "gumbel_r": (),
    "halfcauchy": (),
    "halfgennorm": (0.7,),
    "halflogistic": (),
    "halfnorm": (),
    "hypsecant": (),
    "invgamma": (4.1,),
    "invgauss": (0.5,),
    "invweibull": (10.6,),
    "irwinhall": (10,),
    "jf_skew_t": (8, 4),
    "johnsonsb": (4.3, 3.2),
    "johnsonsu": (2.55, 2.25),
    "kappa3": (1.0,),
    "kstwobign": (),
    "landau": (),
    "laplace": (),
    "laplace_asymmetric": (2,),
    "levy": (),
    "levy_l": (),
    "loggamma": (0.41,),
    "logistic": (),
    "loglaplace": (3.25,),
    "lognorm": (0.95,),
    "lomax": (1.9,),
    "maxwell": (),
    "mielke": (10.4, 4.6),
    "moyal": (),
    "nakagami": (5.0,),
    "ncf": (27, 27, 0.4),
    "nct": (14, 0.24),
    "ncx2": (21, 1.06),
    "norm": (),
    "norminvgauss": (1.25, 0.5),
    "pareto": (2.6,),
    "pearson3": (0.5,),
    "powerlaw": (1.66,),
    "powerlognorm": (2.1, 0.45),
    "powernorm": (4.4,),
    "rayleigh": (),
    "rdist": (1.6,),
    "recipinvgauss": (0.63,),
    "rel_breitwigner": (36.5,),
    "rice": (0.77,),
    "skewcauchy": (0.5,),
    "skewnorm": (4.0,),
    "t": (2.7,),
    "trapezoid": (0.2, 0.8),
    "triang": (0.16,),
    "truncpareto": (1.8, 5.3),
    "truncweibull_min": (2.5, 0.25, 1.75),
    "tukeylambda": (-0.2,),
    "vonmises": (4.0,),
    "vonmises_line": (4.0,),
    "wald": (),
    "weibull_max": (2.9,),
    "weibull_min": (1.8,),
    "wrapcauchy": (0.3,),
}
"""Shapes to draw with: SciPy's own for its tests, less extreme where those are hardly known."""

HELD: dict[str, dict[str, float]] = {
    "cosine": {},
    "erlang": {"fa": 10, "floc": 0},
    "genextreme": {},
    "irwinhall": {"fn": 10, "floc": 0},
    "truncpareto": {"fc": 5.3, "floc": 0, "fscale": 1},
    "truncweibull_min": {"fa": 0.25, "fb": 1.75, "floc": 0, "fscale": 1},
    "vonmises": {"fscale": 1},
}
"""What is held other than by the rule: ends where the density vanishes are regular ones (Smith,
1985), whole numbers cannot be fitted, and shapes that are ends are not fitted either; SciPy's own
fit holds the scale of the von Mises."""


def held(name: str) -> dict[str, float]:
    """Say what is held of a distribution."""
    if name in HELD:
        return HELD[name]
    low, high = getattr(stats, name).support(*SHAPES[name])
    if not (np.isfinite(low) or np.isfinite(high)):
        return {}
    at_zero = {low, high} & {0.0} and not (np.isfinite(low) and np.isfinite(high))
    return {"floc": 0} if at_zero else {"floc": 0, "fscale": 1}


def runs() -> Iterator[Run]:
    """List all distributions."""
    for name, shapes in SHAPES.items():
        distribution: Any = getattr(stats, name)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        data = distribution.rvs(*shapes, size=N, random_state=rng)
        truth = np.array([*shapes, 0.0, 1.0])
        fixed = held(name)
        nll = partial(_nll, distribution, data)
        yield Run(
            ("distributions", name, "SciPy's start", "contributions"),
            nll,
            truth,
            nll(truth),
            partial(fit_distribution, distribution, data, **fixed),
            partial(_scipys_fit, distribution, data, fixed),
            exact=False,
            comparable=False,
            bounds=_bounds(distribution, fixed),
        )


def _nll(distribution: Any, data: Floats, params: Any) -> float:
    """Return the negative log-likelihood; infinite where it is not a number."""
    with np.errstate(all="ignore"):
        total = -float(np.sum(distribution.logpdf(data, *params)))
    return np.inf if np.isnan(total) else total


def _scipys_fit(distribution: Any, data: Floats, fixed: dict[str, float]) -> Reference:
    """Return what SciPy's own fit finds; NaN where it finds nothing."""
    try:
        with np.errstate(all="ignore"):
            x = np.array(distribution.fit(data, **fixed), dtype=float)
    except (ValueError, RuntimeError, ArithmeticError):
        return Reference(np.full(distribution.numargs + 2, np.nan), np.nan, 0)
    return Reference(x, _nll(distribution, data, x), 0)


def _bounds(distribution: Any, fixed: dict[str, float]) -> Floats:
    """List the domain of each parameter; a held one has its value at both ends."""
    names = [*(distribution.shapes or "").replace(",", " ").split(), "loc", "scale"]
    infos = {info.name: info.domain for info in distribution._shape_info()}
    domains = {"loc": (-np.inf, np.inf), "scale": (0.0, np.inf)} | infos
    ends = {name: (fixed[f"f{name}"],) * 2 for name in names if f"f{name}" in fixed}
    return np.array([ends.get(name, domains[name]) for name in names], dtype=float)
