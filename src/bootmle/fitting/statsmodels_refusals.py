"""Results of statsmodels that are no maximum of a likelihood, and what to do with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["kinds_of", "model_of", "params_of", "without_likelihood"]

_UNLIKE = {
    "cov_struct": ("solves estimating equations, which have no likelihood", "", ""),
    "penal": ("is penalized", "", ""),
    "k_constr": ("was fitted under constraints", "_constrained", "'x1 = 0'"),
    "trimmed": ("was fitted with a penalty", "_regularized", "alpha=0.1"),
}
"""Attributes of what is not an unconstrained maximum of a likelihood, what it is instead, and how
its method ``fit`` goes on: its name and its arguments."""

_NORMAL = {
    "OLS": "fit sm.GLM(endog, exog), the normal model",
    "WLS": "fit sm.GLM(endog, exog, var_weights=weights), the normal model",
}
"""Linear models, and their like with a likelihood by observation."""

_OWN_WAY = {
    "MixedLM": (
        "maximizes a likelihood (REML by default) with its coefficients profiled out, over "
        "variances relative to the residual's; bootstrap its whole fit: Estimator(lambda y, X, "
        "groups: sm.MixedLM(y, X, groups).fit().params, (y, X, groups)) with "
        "sampling=Clustered(groups)"
    ),
    "ETSModel": (
        "is fitted within limits that depend on each other, of parameters that its likelihood "
        "takes in another form; fit sm.tsa.statespace.ExponentialSmoothing, or bootstrap its whole "
        "fit: Estimator(lambda y: ETSModel(y).fit(disp=False).params, y)"
    ),
    "RecursiveLS": (
        "estimates its coefficients by least squares, not as parameters of its likelihood; fit "
        "sm.GLM(endog, exog), the normal model"
    ),
    "DynamicFactorMQ": (
        "has factors whose scale its likelihood does not determine, and is fitted by EM from a "
        "start that does; fit sm.tsa.DynamicFactor"
    ),
}
"""Models whose fit is not the maximum of their loglike over results.params, and what to do."""


def model_of(results: Any) -> Any:
    """Return the model of a result; refuse what is not a maximum of a likelihood."""
    model = getattr(results, "model", None)
    if model is None or not hasattr(results, "params"):
        fits = hasattr(results, "fit")
        hint = "call its fit() first" if fits else "pass the results of a model with a likelihood"
        raise TypeError(f"results: {type(results).__name__} is not the result of a fit; {hint}")
    if getattr(model, "endog", None) is None:
        raise ValueError("results: their data were removed; pass results before remove_data()")
    found = [told for name, told in _UNLIKE.items() if hasattr(model, name)]
    found += [told for name, told in _UNLIKE.items() if hasattr(results, name)]
    if not found and "Regularized" in type(results).__name__:
        found = [_UNLIKE["trimmed"]]
    if found:
        what, method, arguments = found[0]
        raise ValueError(
            f"results: the {type(model).__name__} {what}, and refits by maximum likelihood would "
            f"not repeat that; {_by_estimator(model, method, arguments)}"
        )
    for kind in kinds_of(model):
        if kind in _OWN_WAY:
            raise TypeError(f"results: {type(model).__name__} {_OWN_WAY[kind]}")
    return model


def _by_estimator(model: Any, method: str = "", arguments: str = "") -> str:
    """Show how to bootstrap a model's whole fit."""
    data = ["y"] if getattr(model, "exog", None) is None else ["y", "X"]
    data += ["groups"] if hasattr(model, "groups") else []
    names, name = ", ".join(data), type(model).__name__
    fit = f"{name}({names}).fit{method}({arguments}).params"
    args = f"({names})" if len(data) > 1 else names
    return f"bootstrap its whole fit: Estimator(lambda {names}: {fit}, {args})"


def params_of(results: Any, model: Any) -> Floats:
    """Read the estimates; those of a smoothing method are a mapping that holds more."""
    try:
        return np.asarray(results.params, dtype=float).ravel(order="F")
    except (TypeError, ValueError):
        raise TypeError(
            f"results: the params of {type(model).__name__} are no vector of a likelihood's "
            f"parameters; {_by_estimator(model)}"
        ) from None


def without_likelihood(model: Any) -> TypeError:
    """Say what to do with a model that has no log-likelihood by observation."""
    name = type(model).__name__
    instead = f"{_NORMAL[name]}, " if name in _NORMAL else ""
    return TypeError(
        f"results: {name} has no log-likelihood by observation (loglikeobs); {instead}write the "
        f"negative log-likelihood and use fit(), or {_by_estimator(model)}"
    )


def kinds_of(model: Any) -> list[str]:
    """List the names of a model's classes, its own first."""
    return [kind.__name__ for kind in type(model).__mro__]
