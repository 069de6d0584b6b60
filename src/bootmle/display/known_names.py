"""What other libraries call things: unknown names are answered with the one to use here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Never

__all__ = ["KEYWORDS", "refuse_attribute", "refuse_keywords"]

KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "B",
            "R",
            "n_boot",
            "nboot",
            "reps",
            "n_reps",
            "n_bootstraps",
            "num_samples",
            "iterations",
        ),
        "n_resamples",
    ),
    **dict.fromkeys(("workers", "cores", "n_cores", "ncpus", "processes", "njobs"), "n_jobs"),
    **dict.fromkeys(("seed", "random_state", "random_seed"), "rng"),
    **dict.fromkeys(("alpha", "level", "conf", "conf_level", "ci", "coverage"), "confidence_level"),
    **dict.fromkeys(("cluster", "clusters", "groups", "group"), "sampling=Clustered(labels)"),
    **dict.fromkeys(("strata", "stratify"), "sampling=Stratified(strata)"),
    **dict.fromkeys(("block_length", "block_size"), "sampling=Blocks(length)"),
    **dict.fromkeys(("start", "start_params", "p0", "init", "par"), "x0"),
    **dict.fromkeys(("grad", "gradient", "gr", "fprime"), "jac"),
    **dict.fromkeys(("maxiter", "max_iter"), "options={'maxiter': ...}"),
    **dict.fromkeys(("data", "df", "obs"), "args"),
    **dict.fromkeys(("func", "fn", "nll", "objective"), "fun"),
    **dict.fromkeys(("type", "kind", "ci_type"), "method"),
    **dict.fromkeys(("sample_weight", "freq_weights"), "weights"),
    **dict.fromkeys(("param_names", "parameter_names"), "names"),
    **dict.fromkeys(("verbose", "disp", "show_progress"), "progress"),
    "side": "alternative",
}
"""Keywords of SciPy, statsmodels, lmfit, scikit-learn, lifelines, arch and R, and ours."""

_ERRORS = ("se", "bse", "stderr", "std_err", "std_error", "std_errors", "errors", "sd", "stderrs")
_COVARIANCES = ("cov", "cov_params", "covar", "vcov", "covariance_matrix", "variance_matrix_")
_INTERVALS = ("ci", "confint", "interval", "intervals", "conf_interval", "confidence_intervals")
_ESTIMATES = ("coef", "coef_", "params_", "coefficients", "par", "values", "best_values")
_BOTH: Mapping[str, str] = {
    **dict.fromkeys(_ERRORS, "standard_error"),
    **dict.fromkeys(_COVARIANCES, "covariance"),
    **dict.fromkeys(_ESTIMATES, "estimate"),
}
_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Fit": {
        **_BOTH,
        **dict.fromkeys((*_INTERVALS, "conf_int"), "bootstrap(mle).confidence_interval()"),
        **dict.fromkeys(("pvalues", "pvalue", "p_values", "p_value"), "bootstrap(mle).p_value()"),
        **dict.fromkeys(
            ("loglik", "logLik", "loglike", "log_likelihood", "log_likelihood_"), "llf"
        ),
        **dict.fromkeys(("AIC", "AIC_"), "aic"),
        **dict.fromkeys(("BIC", "BIC_"), "bic"),
        **dict.fromkeys(("nit", "hess_inv", "jac", "njev"), "optimize_result"),
        **dict.fromkeys(("nfev", "n_iter_"), "n_evaluations"),
        **dict.fromkeys(("success", "fit_success"), "converged"),
        **dict.fromkeys(("message", "msg", "flag"), "status.message"),
        **dict.fromkeys(("hessian", "hess", "fisher_information"), "information.matrix"),
        **dict.fromkeys(("param_names", "var_names", "parameters"), "names"),
        **dict.fromkeys(("nobs", "n_obs"), "n"),
        **dict.fromkeys(("fit_report", "print_summary", "report", "ci_report"), "summary()"),
        **dict.fromkeys(("tvalues", "zvalues", "z_scores"), "bootstrap(mle).p_value()"),
        "summary_frame": "to_frame()",
        "bootstrap": "bootmle.bootstrap(mle)",
    },
    "Bootstrap": {
        **_BOTH,
        **dict.fromkeys(_INTERVALS, "confidence_interval()"),
        **dict.fromkeys(("pvalues", "pvalue", "p_values"), "p_value()"),
        **dict.fromkeys(
            (
                "t",
                "samples",
                "draws",
                "distribution",
                "bootstrap_distribution",
                "results",
                "thetas",
            ),
            "replicates",
        ),
        **dict.fromkeys(("t0", "params", "x", "theta_hat"), "estimate"),
        **dict.fromkeys(("mcse", "mc_error"), "standard_error_mcse"),
        **dict.fromkeys(("hist", "histogram"), "plot()"),
        **dict.fromkeys(("quantile", "quantiles", "percentile"), "confidence_interval()"),
        **dict.fromkeys(("R", "B", "n_resamples", "reps"), "replicates"),
        **dict.fromkeys(("param_names", "var_names"), "names"),
        **dict.fromkeys(("print_summary", "report"), "summary()"),
        **dict.fromkeys(("apply", "statistic"), "derive(function)"),
        "summary_frame": "to_frame()",
    },
    "Crosscheck": {"summary": "to_frame()", **dict.fromkeys(_ERRORS, "standard_errors")},
    "Coverage": {"summary": "to_frame()", "mean_width": "mean_length", "se": "se_ratio"},
    "Estimator": {**_BOTH, **dict.fromkeys(("params", "x"), "estimate")},
}
"""Attributes of others' results, by the class that is asked for them, and what to use."""


def refuse_attribute(self: Any, name: str) -> Never:
    """Raise AttributeError for an unknown attribute: a class's ``__getattr__``."""
    kind = type(self)
    if name.startswith("_") or hasattr(kind, name):
        # A property that raised, or a slot not filled yet: its own message.
        object.__getattribute__(self, name)
    start = f"{kind.__name__} has no attribute {name!r}"
    known = _ATTRIBUTES.get(kind.__name__, {})
    # lifelines and scikit-learn end names of estimates with an underscore.
    use = known.get(name, known.get(name.rstrip("_")))
    use = use or next(iter(get_close_matches(name, dir(self), 1, 0.7)), None)
    if use is None:
        raise AttributeError(f"{start}; help(bootmle.{kind.__name__}) lists them")
    raise AttributeError(f"{start}; use {use}")


def refuse_keywords(unknown: Mapping[str, Any], verb: str, function: Callable[..., Any]) -> None:
    """Raise TypeError for unknown keywords, with the right one where it can be guessed."""
    if not unknown:
        return
    takes = tuple(inspect.signature(function).parameters)
    name, value = next(iter(unknown.items()))
    start = f"{verb}() has no argument {name!r}"
    use = KEYWORDS.get(name) or next(iter(get_close_matches(name, takes, 1, 0.7)), name)
    plain = use.partition("=")[0]
    if use == "rng" and "rng" in takes:
        raise TypeError(f"{name}: use rng={value!r}, SciPy's name for the seed")
    if use == "confidence_level":
        where = "" if use in takes else " of confidence_interval()"
        use = f"confidence_level=0.95{where}, the coverage, not its complement"
        raise TypeError(f"{start}; use {use}")
    if plain in takes:
        raise TypeError(f"{start}; use {use}")
    if plain in _HOMES:
        raise TypeError(f"{start}; {use} is an argument of {_HOMES[plain]}()")
    raise TypeError(f"{start}; help(bootmle.{verb}) lists them")


_HOMES = {
    **dict.fromkeys(
        ("args", "bounds", "constraints", "fixed", "fun", "jac", "names", "options", "tol"), "fit"
    ),
    **dict.fromkeys(("missing", "transform", "vectorized", "weights", "x0"), "fit"),
    **dict.fromkeys(("n_jobs", "n_resamples", "progress", "rng", "sampling"), "bootstrap"),
    **dict.fromkeys(("checkpoint", "deadline", "precision", "refit", "shard"), "bootstrap"),
    **dict.fromkeys(("alternative", "method"), "confidence_interval"),
    **dict.fromkeys(("covariances", "profile"), "crosscheck"),
}
"""Arguments that are asked for in another place, and the function that takes them."""
