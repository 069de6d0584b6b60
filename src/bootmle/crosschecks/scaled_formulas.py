"""Formulas times a constant: small samples, dispersions, other scales, half-widths, variances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import ndtri, stdtrit

from bootmle.crosschecks.formulas import Context, Formula, Kind

__all__ = ["dispersed_formulas", "scaled_formulas", "slipped_formulas", "small_sample_formulas"]

_LEVELS = (68, 90, 95, 99)
"""Levels in percent of intervals whose half-widths are printed."""
_INVERSES = {
    "hessian": "the Hessian",
    "expected": "the expected information",
    "opg": "the scores' outer product",
}
_MEASURED = 5e-4
"""Error of a standard error by a measured chi-squared: half of what two directions, along which
the variance function is measured, may differ by."""
_BOOTSTRAPS = {"bootstrap", "parametric"}
_DOUBLED = (
    "−log L stood where −2 log L, or a sum of squares, was expected (errordef): divide the "
    "standard errors by √2"
)
_HALVED = (
    "its objective is −2 log L, or a sum of squares that is not halved: multiply the standard "
    "errors by √2"
)


def small_sample_formulas(base: Formula, context: Context) -> list[Formula]:
    """Multiply a formula by the factors of small samples."""
    return [
        replace(
            base,
            name=f"{base.name} times {text}",
            covariance=factor * base.covariance,
            complexity=1,
        )
        for factor, text in _small_sample(base.source, context)
    ]


def _small_sample(source: str, context: Context) -> Iterator[tuple[float, str]]:
    """List the factors for small samples."""
    n, p, g = context.n, context.n_free, context.clusters
    if source in _BOOTSTRAPS:
        return
    if n > 1:
        yield n / (n - 1), f"n/(n − 1), {n}/{n - 1}"
    if source == "cluster" and g > 1:
        yield g / (g - 1), f"G/(G − 1), {g}/{g - 1}"
        if n > p:
            both = g / (g - 1) * (n - 1) / (n - p)
            yield both, f"G/(G − 1)·(n − 1)/(n − p), {both:.5g}"
    if n > p > 0:
        yield n / (n - p), f"n/(n − p), {n}/{n - p}{' (HC1)' if source == 'sandwich' else ''}"
    if n > p > 1:
        yield (n - 1) / (n - p), f"(n − 1)/(n − k), {n - 1}/{n - p}"
    if n > p > 2:
        # A scale, or another ancillary parameter, is often not counted.
        yield n / (n - p + 1), f"n/(n − k) with k = p − 1 parameters counted, {n}/{n - p + 1}"


def scaled_formulas(base: Formula, context: Context) -> list[Formula]:
    """Multiply a formula by factors that make it something else, or take its variances."""
    variances = replace(
        base,
        name=f"the variances of {base.name}, squares of its standard errors",
        kind=Kind.OTHER,
        advice="take square roots",
        variances=True,
        complexity=2,
    )
    return [variances] + [
        replace(
            base,
            name=name,
            covariance=factor * base.covariance,
            kind=kind,
            advice=advice,
            complexity=2,
        )
        for factor, name, kind, advice in _scales(base.name, context)
    ]


def slipped_formulas(base: Formula, *, of_matrix: bool) -> Iterator[Formula]:
    """Take a matrix that was not inverted, or, if it is not a column, divided by its diagonal."""
    slip = replace(base, kind=Kind.OTHER, complexity=2)
    unit = np.sqrt(np.outer(np.diag(base.covariance), np.diag(base.covariance)))
    if of_matrix:
        yield replace(
            slip,
            name=f"the correlations of {base.name}",
            covariance=base.covariance / unit,
            advice="pass the covariances",
        )
    if base.source in _INVERSES:
        try:
            inverse = np.asarray(np.linalg.inv(base.covariance), dtype=float)
        except np.linalg.LinAlgError:
            return
        name = f"{_INVERSES[base.source]} itself, not its inverse"
        yield replace(slip, name=name, covariance=inverse, advice="invert it")


def _scales(name: str, context: Context) -> Iterator[tuple[float, str, Kind, str]]:
    """List such factors of the variances, what they make, and what to do."""
    n, freedom = context.n, context.n - context.n_free
    yield 2.0, f"twice {name}", Kind.SCALED, _DOUBLED
    yield 0.5, f"half {name}", Kind.SCALED, _HALVED
    yield 4.0, f"4 times {name}", Kind.SCALED, "its standard errors are doubled: divide by 2"
    yield (
        0.25,
        f"0.25 times {name}",
        Kind.SCALED,
        ("its standard errors are halved, a scaled objective: multiply by 2"),
    )
    if n > 1:
        yield (
            float(n),
            f"n = {n:,} times {name}",
            Kind.SCALED,
            ("its objective is a mean over the rows: divide the standard errors by √n"),
        )
        yield (
            1 / n,
            f"1/n = 1/{n:,} times {name}",
            Kind.SCALED,
            ("divided by √n once too often, as for the standard error of a mean: multiply by √n"),
        )
    for level in _LEVELS:
        z = float(ndtri(0.5 + level / 200))
        half = f"half-widths of {level}% intervals by {name}"
        divide = "times the standard errors: divide by that"
        yield z**2, half, Kind.OTHER, f"they are {z:.3f} {divide}"
        yield 4 * z**2, half.replace("half-", ""), Kind.OTHER, f"they are {2 * z:.3f} {divide}"
        if freedom > 0:
            q = float(stdtrit(freedom, 0.5 + level / 200))
            yield q**2, f"{half} and Student's t", Kind.OTHER, f"they are {q:.3f} {divide}"
    yield 1e4, f"10,000 times {name}, as of percentages", Kind.OTHER, "divide them by 100"


def dispersed_formulas(base: Formula, context: Context) -> list[Formula]:
    """Multiply the variances by a dispersion over n − p, or by what is taken for one."""
    freedom = context.n - len(context.names)
    if freedom <= 0 or base.source not in {"hessian", "expected"}:
        return []
    found = [
        replace(
            base,
            name=f"{base.name} times the dispersion {value / freedom:.4g}, {what} over n − p",
            covariance=value / freedom * base.covariance,
            kind=Kind.DISPERSED,
            complexity=2,
            error=base.error + _MEASURED,
        )
        for what, value in context.dispersions.items()
    ]
    return found + [
        replace(
            base,
            name=f"{base.name} times a reduced chi-squared, {what} = {value:.4g}",
            covariance=value * base.covariance,
            kind=Kind.SCALED,
            advice="the objective was taken for a sum of squares of unknown scale, and it is a "
            "log-likelihood: switch that off (scale_covar=False, absolute_sigma=True)",
            complexity=3,
        )
        for what, value in _reduced(context, freedom).items()
        if value > 0
    ]


def _reduced(context: Context, freedom: int) -> dict[str, float]:
    """List what a fitter of least squares makes of a log-likelihood, or of its contributions."""
    nll, squares = context.nll, context.squares
    return {
        "2 nll/(n − p)": 2 * nll / freedom,
        "nll/(n − p)": nll / freedom,
        "4 nll/(n − p)": 4 * nll / freedom,
        "nll²": nll**2,
        "2 nll²": 2 * nll**2,
        "2 Σ nll_i²/(n − p)": 2 * squares / freedom,
    }
