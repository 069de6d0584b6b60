"""Fits of statsmodels' models: likelihood by observation, start, names and weights of a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.fitting.fit import Fit, fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Rows
from bootmle.likelihood.row_dependence import describe_data

__all__ = ["fit_statsmodels"]

_UNLIKE = {
    "cov_struct": "solves estimating equations, which have no likelihood",
    "penal": "is penalized",
    "k_constr": "was fitted under constraints",
    "trimmed": "was fitted with a penalty",
}
"""Attributes of what is not an unconstrained maximum of a likelihood, and what it is instead."""

_BY_DIFFERENCES = {
    "GenericLikelihoodModel",
    "NegativeBinomial",
    "MLEModel",
    "MarkovSwitching",
}
"""Classes whose score_obs takes differences, which costs more evaluations than it saves."""

_AWAY = 0.01
"""Standard errors from statsmodels' estimate to the optimum that are worth a note: fewer change no
digit that is reported."""


def fit_statsmodels(results: Any) -> Fit:
    """Take over a model that statsmodels has fitted, for `bootstrap` and `crosscheck`.

    Parameters
    ----------
    results : statsmodels results
        What ``fit()`` of a discrete model (Logit, Probit, MNLogit, Poisson, the negative binomials,
        GeneralizedPoisson, the zero-inflated and truncated ones), of a GLM, an OrderedModel, a
        BetaModel, or of any GenericLikelihoodModel returned. Formulas, arrays and data frames
        alike: names are statsmodels' own, those of MNLogit "category:name".

    Returns
    -------
    Fit
        At the certified optimum, found from ``results.params``. ``freq_weights`` of a GLM
        are its prior weights; a dispersion that statsmodels estimates apart (of a normal or gamma
        GLM, or by ``scale="X2"``) is fixed at ``results.scale``, on which the estimates do not
        depend.

    Raises
    ------
    TypeError
        For anything but the result of a fit, and for a model without a log-likelihood by
        observation (``loglikeobs``), such as OLS.
    ValueError
        For a fit that was constrained or penalized.

    Notes
    -----
    The model holds its data, so resamples act through weights of its rows, those left after
    ``missing="drop"``: labels for `Clustered` or `Stratified` must be of these rows, and
    `Parametric` cannot be used. Rows drawn zero times are evaluated too, which costs less than a
    new model for each resample. Contributions of models in ``statsmodels.tsa`` depend on earlier
    rows: use `Blocks`.

    Examples
    --------
    >>> import numpy as np
    >>> import statsmodels.api as sm
    >>> from bootmle import bootstrap
    >>> from bootmle import fit_statsmodels
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=200)
    >>> y = rng.poisson(np.exp(0.5 + 0.3 * x))
    >>> results = sm.Poisson(y, sm.add_constant(x)).fit(disp=0)
    >>> mle = fit_statsmodels(results)
    >>> mle.names, bool(np.allclose(mle.information.standard_errors, results.bse))
    (('const', 'x1'), True)
    >>> boot = bootstrap(mle, n_resamples=199, rng=0)
    """
    model = _model_of(results)
    observed = _observe(model, results)
    start = np.asarray(results.params, dtype=float).ravel(order="F")
    mle = fit(
        observed.contributions,
        start,
        jac=observed.scores if _has_scores(model) else None,
        names=_names(model, start.size),
        weights=observed.weights,
    )
    return _with_note(_with_rows(mle, model), start)


@dataclass(frozen=True, slots=True, eq=False)
class LogLikeObs:
    """A model with ``loglikeobs``."""

    model: Any
    weights: None = None

    def contributions(self, params: Floats) -> Floats:
        """Return the contributions; MNLogit has one column for each category."""
        values = np.asarray(self.model.loglikeobs(params))
        return -(values.sum(axis=1) if values.ndim == 2 else values)

    def scores(self, params: Floats) -> Floats:
        """Return the gradients of the contributions, (n, p)."""
        return -np.asarray(self.model.score_obs(params))


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedLinear:
    """A GLM with its dispersion fixed."""

    model: Any
    scale: float

    @property
    def weights(self) -> Floats | None:
        """Return freq_weights; var_weights are part of the density."""
        counts = np.asarray(self.model.freq_weights, dtype=float)
        return None if (counts == 1).all() else counts

    def contributions(self, params: Floats) -> Floats:
        """Return the family's contributions at the model's means."""
        model = self.model
        values = model.family.loglike_obs(
            model.endog, model.predict(params), model.var_weights, self.scale
        )
        return -np.asarray(values)

    def scores(self, params: Floats) -> Floats:
        """Return the gradients of the contributions, (n, p), without freq_weights."""
        # McCullagh and Nelder (1989), eq. 2.13.
        model, family = self.model, self.model.family
        means = model.predict(params)
        residual = (model.endog - means) / (family.link.deriv(means) * family.variance(means))
        factor = model.var_weights * model.n_trials / self.scale
        return np.asarray(-(residual * factor)[:, None] * model.exog)


def _model_of(results: Any) -> Any:
    """Return the model of a result; refuse what is not a maximum of a likelihood."""
    model = getattr(results, "model", None)
    if model is None or not hasattr(results, "params"):
        hint = "call its fit() first" if hasattr(results, "fit") else "pass what fit() returned"
        raise TypeError(f"results: {type(results).__name__} is not the result of a fit; {hint}")
    found = [what for name, what in _UNLIKE.items() if hasattr(model, name)]
    found += [what for name, what in _UNLIKE.items() if hasattr(results, name)]
    if not (found or hasattr(results, "cov_params")):
        found = [_UNLIKE["trimmed"]]
    if found:
        raise ValueError(
            f"results: the {type(model).__name__} {found[0]}, and refits by maximum likelihood "
            f"would not repeat that; pass an Estimator that does the whole fit to bootstrap"
        )
    return model


def _observe(model: Any, results: Any) -> LogLikeObs | GeneralizedLinear:
    """Find the model's log-likelihood by observation."""
    if hasattr(model, "loglikeobs"):
        return LogLikeObs(model)
    if hasattr(model, "family") and hasattr(model.family, "loglike_obs"):
        return GeneralizedLinear(model, float(results.scale))
    least_squares = "RegressionModel" in _kinds(model)
    instead = "fit sm.GLM(endog, exog), the normal model, " if least_squares else ""
    raise TypeError(
        f"results: {type(model).__name__} has no log-likelihood by observation (loglikeobs); "
        f"{instead}write the negative log-likelihood and use fit(), or bootstrap an Estimator"
    )


def _kinds(model: Any) -> list[str]:
    """List the names of a model's classes, its own first."""
    return [kind.__name__ for kind in type(model).__mro__]


def _has_scores(model: Any) -> bool:
    """Whether the model's class has gradients by observation in closed form."""
    owners = [kind.__name__ for kind in type(model).__mro__ if "score_obs" in vars(kind)]
    return bool(owners) and owners[0] not in _BY_DIFFERENCES


def _names(model: Any, size: int) -> list[str] | None:
    """Read the parameters' names, in the order of the flattened estimates."""
    labels = getattr(getattr(model, "data", None), "cov_names", None)
    if labels is None or len(labels) != size:
        return None
    return [":".join(map(str, label)) if isinstance(label, tuple) else label for label in labels]


def _with_rows(mle: Fit, model: Any) -> Fit:
    """Say how contributions depend on rows, which fit cannot see where a model holds its data."""
    unseen = describe_data(mle.likelihood)
    notes = tuple(note for note in mle.notes if note not in unseen)
    ordered = "TimeSeriesModel" in _kinds(model)
    rows = Rows.ORDERED if ordered else mle.likelihood.rows
    return replace(mle, notes=notes, likelihood=replace(mle.likelihood, rows=rows))


def _with_note(mle: Fit, start: Floats) -> Fit:
    """Note where statsmodels' estimate is not the optimum."""
    gap = mle.estimate - start
    distance = float(np.sqrt(np.maximum(gap @ mle.information.matrix @ gap, 0.0)))
    if not (mle.converged and distance > _AWAY):
        return mle
    note = f"statsmodels' estimate is {distance:.2g} standard errors from this optimum"
    return replace(mle, notes=(note, *mle.notes))
