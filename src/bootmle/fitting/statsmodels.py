"""Fits of statsmodels' models: likelihood by observation, start, names and weights of a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bootmle.fitting.fit import Fit, fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Rows

__all__ = ["fit_statsmodels"]

_UNLIKE = {
    "cov_struct": "solves estimating equations, which have no likelihood",
    "penal": "is penalized",
    "k_constr": "was fitted under constraints",
    "trimmed": "was fitted with a penalty",
}
"""Attributes of what is no unconstrained maximum of a likelihood, and what it is."""

_BY_DIFFERENCES = {
    "GenericLikelihoodModel",
    "NegativeBinomial",
    "MLEModel",
    "MarkovSwitching",
}
"""Classes whose score_obs takes differences, in more evaluations than its result saves."""

_AWAY = 0.01
"""Standard errors between statsmodels' estimate and the optimum that are worth a note."""


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
        At the certified optimum that is found from ``results.params``. ``freq_weights`` of a GLM
        are its prior weights; a dispersion that statsmodels estimates apart (of a normal or gamma
        GLM, or by ``scale="X2"``) is held at ``results.scale``, on which the estimates do not
        depend.

    Raises
    ------
    TypeError
        For what is not the result of a fit, and for a model without a log-likelihood by
        observation (``loglikeobs``), such as OLS.
    ValueError
        For a fit that was constrained or penalized.

    Notes
    -----
    The model holds its data, so that resamples act through weights of its rows, those left after
    ``missing="drop"``: labels for `Clustered` or `Stratified` must be of these, and `Parametric`
    cannot serve. Rows drawn 0 times are evaluated too, which costs less than a new model for each
    resample. Of models in ``statsmodels.tsa`` a contribution depends on earlier rows: `Blocks`.

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
        with np.errstate(all="ignore"):
            values = np.asarray(self.model.loglikeobs(params))
        return -(values.sum(axis=1) if values.ndim == 2 else values)

    def scores(self, params: Floats) -> Floats:
        """Return the gradients of the contributions, (n, p)."""
        with np.errstate(all="ignore"):
            return -np.asarray(self.model.score_obs(params))


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedLinear:
    """A GLM with its dispersion held."""

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
        with np.errstate(all="ignore"):
            values = model.family.loglike_obs(
                model.endog, model.predict(params), model.var_weights, self.scale
            )
        return -np.asarray(values)

    def scores(self, params: Floats) -> Floats:
        """Return the gradients: McCullagh and Nelder (1989), eq. 2.13, without freq_weights."""
        model, family = self.model, self.model.family
        with np.errstate(all="ignore"):
            means = model.predict(params)
            pull = (model.endog - means) / (family.link.deriv(means) * family.variance(means))
        factor = model.var_weights * model.n_trials / self.scale
        return np.asarray(-(pull * factor)[:, None] * model.exog)


def _model_of(results: Any) -> Any:
    """Return the model of a result; refuse what is none, or no maximum of a likelihood."""
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
    """List the names of the classes that a model is of, its own first."""
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
    """Say of a time series that its contributions depend on earlier rows."""
    if "TimeSeriesModel" not in _kinds(model):
        return mle
    return replace(mle, likelihood=replace(mle.likelihood, rows=Rows.ORDERED))


def _with_note(mle: Fit, start: Floats) -> Fit:
    """Say where statsmodels' estimate is not the optimum."""
    gap = mle.estimate - start
    distance = float(np.sqrt(np.maximum(gap @ mle.information.matrix @ gap, 0.0)))
    if not (mle.converged and distance > _AWAY):
        return mle
    note = f"statsmodels' estimate is {distance:.2g} standard errors away from this optimum"
    return replace(mle, notes=(note, *mle.notes))
