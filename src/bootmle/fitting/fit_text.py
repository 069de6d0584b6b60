"""How a fit is printed, and shown in a notebook."""

from __future__ import annotations

import numpy as np

from bootmle.display import html
from bootmle.display.text import align, rounded, rounded_like
from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.response import Additivity
from bootmle.optimization.status import Status

__all__ = ["fit_html", "fit_text"]

_PLANS = {
    Additivity.EXTENDED: ", sampling=Cases(size='poisson')",
    Additivity.GROUPED: ", sampling=Clustered(labels)",
}
"""Plans for objectives whose rows are not drawn one by one in a fixed number."""


def fit_text(fit: Optimum) -> str:
    """Show the estimates, how good the optimum is, and what happened."""
    return "\n".join([_title(fit), "", align(*_table(fit)), "", *_closing(fit)])


def fit_html(fit: Optimum) -> str:
    """Show the same in a notebook."""
    marked = ["Hessian:"] if fit.converged else ["Hessian:", fit.status.message]
    return html.lines([_title(fit)]) + html.table(*_table(fit)) + html.lines(_closing(fit), marked)


def _title(fit: Optimum) -> str:
    """Say what was fitted."""
    n = fit.likelihood.n_observations
    observations = "" if n is None else f", {n:,} observations"
    parameters = "1 parameter" if len(fit.names) == 1 else f"{len(fit.names)} parameters"
    return f"Maximum-likelihood fit: {parameters}{observations}"


def _table(fit: Optimum) -> tuple[list[str], list[list[str]]]:
    """List the estimates with the cross-check's standard errors, below their titles."""
    rows = []
    for name, value, error, free in zip(
        fit.names, fit.estimate, fit.hessian_errors, fit.free, strict=True
    ):
        shown = rounded(error) if free else "fixed"
        if np.isnan(error):
            reason = fit.status.withheld or f"the Hessian: {fit.information.definiteness}"
            shown = html.Flagged(shown, reason)
        rows.append([name, rounded_like(value, error, 3), shown])
    return ["", "estimate", "Hessian SE"], rows


def _closing(fit: Optimum) -> list[str]:
    """List likelihood, status and notes."""
    measured = np.isfinite(fit.decrement) and not fit.status.failed
    distance = f" ({fit.decrement:.1e} standard errors away)" if measured else ""
    lines = [
        f"nll {fit.nll:.10g}, AIC {fit.aic:.10g}, {fit.n_evaluations:,} evaluations",
        f"{fit.status.message}{distance}",
    ]
    definite = fit.information.definiteness == "positive definite"
    if not (definite or fit.status is Status.NO_FINITE_OPTIMUM):
        lines.append(f"Hessian: {fit.information.definiteness}")
    lines += [*_weights(fit), *fit.notes]
    if fit.status.has_optimum and (call := _call(fit)):
        lines.append(f"Hessian SEs are a cross-check: {call} has the ones to report")
    return lines


def _call(fit: Optimum) -> str:
    """Write the bootstrap that suits how the objective responds to its rows; empty without one."""
    if fit.likelihood.n is None:
        return ""
    return f"bootstrap(mle{_PLANS.get(fit.likelihood.response.kind, '')})"


def _weights(fit: Optimum) -> list[str]:
    """Say what the weights are, if there are any."""
    likelihood = fit.likelihood
    if likelihood.frequencies is not None:
        return [f"frequency weights: {fit.n:,} observations in {likelihood.n:,} rows"]
    # A mean over rows has a weight, too: the same for all.
    if likelihood.weights is None or np.ptp(likelihood.weights) == 0:
        return []
    return [f"importance weights: each of {likelihood.n:,} rows is one observation"]
