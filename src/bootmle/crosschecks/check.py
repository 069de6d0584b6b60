"""The verb `crosscheck`, and the Crosscheck it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bootmle.arrays import Floats
from bootmle.crosschecks.scores import Scores, measure_scores
from bootmle.crosschecks.sources import Source, fitted_sources, read_sources
from bootmle.crosschecks.verdicts import Evidence, Flag, Verdict, fit_flags, judge
from bootmle.derivatives import Information
from bootmle.fitting import Fit
from bootmle.results import Bootstrap
from bootmle.tables import align, rounded_like
from bootmle.threads import single_threaded

__all__ = ["Crosscheck", "crosscheck"]


@dataclass(frozen=True, slots=True, eq=False)
class Crosscheck:
    """Standard errors of all sources, and what to make of each.

    Attributes
    ----------
    names : tuple of str
        The p parameters.
    estimate : (p,) array
    standard_errors : mapping
        Source to (p,) array; the reference comes first.
    verdicts : mapping
        Source to Verdict, for all but the reference.
    notes : tuple of pairs
        Flag and sentence of what holds whatever the source.
    hessian : Information
        The observed information at the estimate.
    tolerance : (p,) array
        How far from the reference a standard error may lie: 2 √(mcse² + s²).
    """

    names: tuple[str, ...]
    estimate: Floats
    standard_errors: Mapping[str, Floats]
    verdicts: Mapping[str, Verdict]
    notes: tuple[tuple[Flag, str], ...]
    hessian: Information = field(repr=False)
    tolerance: Floats = field(repr=False)

    @property
    def flags(self) -> frozenset[Flag]:
        """Everything that was found wrong."""
        found = {verdict.flag for verdict in self.verdicts.values() if verdict.flag is not None}
        return frozenset(found | {flag for flag, _ in self.notes})

    def to_frame(self) -> Any:
        """Return the standard errors as a pandas DataFrame, a row for each parameter."""
        try:
            import pandas as pd
        except ImportError:
            raise ImportError('to_frame needs pandas: pip install "bootmle[pandas]"') from None
        columns = {"estimate": self.estimate, **self.standard_errors}
        return pd.DataFrame(columns, index=list(self.names))

    def __str__(self) -> str:
        """Show the table, then a sentence for each source, then the flags."""
        verdicts = [f"{source}: {verdict}" for source, verdict in self.verdicts.items()]
        notes = [f"! {sentence}" for _, sentence in self.notes]
        return "\n".join([self._table(), "", *verdicts, *notes])

    def _table(self) -> str:
        """Lay out the standard errors, with the ratio to the reference where they disagree."""
        reference = next(iter(self.standard_errors.values()))
        rows = [
            [
                name,
                *(
                    self._cell(errors[j], reference[j], j)
                    for errors in self.standard_errors.values()
                ),
            ]
            for j, name in enumerate(self.names)
        ]
        return align(["SE", *self.standard_errors], rows)

    def _cell(self, error: float, reference: float, parameter: int) -> str:
        """Show one standard error."""
        if not np.isfinite(error):
            return "nan"
        shown = rounded_like(error, reference if reference > 0 else error, 3)
        apart = abs(error - reference) > self.tolerance[parameter]
        return f"{shown} (×{error / reference:.2f})" if apart and reference > 0 else shown


def crosscheck(boot: Bootstrap | Fit, covariances: Mapping[str, Any] | None = None) -> Crosscheck:
    """Set every source of standard errors beside the bootstrap, and say why each disagrees.

    Parameters
    ----------
    boot : Bootstrap or Fit
        The bootstrap of a fit; a Fit alone is checked against its sandwich, or its Hessian.
    covariances : mapping, optional
        Matrices in doubt, name to (p, p) array, LbfgsInvHessProduct or OptimizeResult.

    Returns
    -------
    Crosscheck
        Sources "bootstrap", "hessian", "opg" and "sandwich" (the last two where the objective
        returns contributions), and the user's. Where the Hessian is not positive definite its
        standard errors and the sandwich's are NaN and flagged.

    Raises
    ------
    ValueError, TypeError
        For a Bootstrap without its fit, one of an Estimator, or matrices of another shape.

    Notes
    -----
    A source agrees where it lies within 2 √(mcse² + s²) of the bootstrap, mcse the Monte Carlo
    error of the bootstrap's standard error and s the sampling error that any standard error has.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import bootstrap, crosscheck, fit
    >>> y = np.random.default_rng(0).poisson(3.0, 300)
    >>> mle = fit(lambda params, y: np.exp(params[0]) - y * params[0], {"log_mean": 0.0}, args=y)
    >>> check = crosscheck(bootstrap(mle, n_resamples=999, rng=0))
    >>> check.verdicts["hessian"].agrees
    True
    """
    fit = _read_fit(boot)
    with single_threaded():
        scores = measure_scores(fit)
    known = {source.name: source for source in fitted_sources(fit, scores)}
    given = read_sources(fit, covariances)
    name, reference = _reference(boot, known)
    evidence = _gather(boot, fit, scores, reference)
    others = [source for source in [*known.values(), *given] if source.name != name]
    return Crosscheck(
        names=fit.names,
        estimate=fit.estimate,
        standard_errors={name: reference} | {each.name: each.standard_errors for each in others},
        verdicts={source.name: judge(source, evidence, known) for source in others},
        notes=tuple(fit_flags(evidence)),
        hessian=fit.information,
        tolerance=evidence.tolerance,
    )


def _read_fit(boot: Any) -> Fit:
    """Find the fit."""
    fit = boot.fit if isinstance(boot, Bootstrap) else boot
    if fit is None:
        raise ValueError("boot: was loaded without its fit; pass load(path, fit=mle)")
    if not isinstance(fit, Fit):
        raise TypeError(
            f"boot: {type(fit).__name__} has no likelihood to check; pass a Fit's bootstrap"
        )
    return fit


def _reference(boot: Bootstrap | Fit, known: dict[str, Source]) -> tuple[str, Floats]:
    """Choose what the others are held against."""
    if isinstance(boot, Bootstrap):
        return "bootstrap", boot.standard_error
    name = "sandwich" if "sandwich" in known else "hessian"
    return name, known[name].standard_errors


def _gather(boot: Bootstrap | Fit, fit: Fit, scores: Scores | None, reference: Floats) -> Evidence:
    """Measure what the verdicts are drawn from."""
    relative = np.zeros(len(fit.names))
    if scores is not None:
        relative[fit.likelihood.parameters.free] = scores.sampling_error
    else:
        relative[:] = 1 / np.sqrt(2 * (fit.likelihood.n or np.inf))
    booted = isinstance(boot, Bootstrap)
    mcse = boot.standard_error_mcse if isinstance(boot, Bootstrap) else np.zeros(len(fit.names))
    tolerance = 2 * np.sqrt(np.nan_to_num(mcse) ** 2 + (relative * np.nan_to_num(reference)) ** 2)
    skewness = boot.skewness if isinstance(boot, Bootstrap) else np.zeros(len(fit.names))
    return Evidence(fit, scores, reference, tolerance, skewness, booted)
