"""What other libraries call things: unknown names are answered with the one to use here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Never

__all__ = [
    "INTERVALS",
    "KEYWORDS",
    "PLANS",
    "refuse_attribute",
    "refuse_keywords",
    "refuse_member",
]

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
    "parallel": "n_jobs",
    "cov": "covariances",
    "wild": "sampling=Wild(labels)",
    **dict.fromkeys(("sim", "ran_gen", "generator"), "sampling=Parametric(simulate)"),
    **dict.fromkeys(("n_sims", "nsim", "n_sim", "n_simulations"), "n_datasets"),
    **dict.fromkeys(("exog", "endog"), "args"),
    **dict.fromkeys(("lower", "upper", "lb", "ub", "limits"), "bounds"),
}
"""Keywords of SciPy, statsmodels, lmfit, scikit-learn, lifelines, arch and R, and ours."""

_WRAPPED = "the statistic of SciPy's bootstrap is here bootstrap(Estimator(statistic, args=y))"
_MEASURED = "the Hessian is measured: see mle.information, and information(fun, x)"
_SANDWICH = "robust standard errors are bootstrap(mle)'s, and the sandwich of crosscheck(mle)"
_ANSWERS: Mapping[str, str] = {
    **dict.fromkeys(("statistic", "axis", "paired", "batch"), _WRAPPED),
    **dict.fromkeys(("hess", "hessian", "hessp"), _MEASURED),
    **dict.fromkeys(("cov_type", "robust", "cov_kwds", "vce"), _SANDWICH),
    "callback": "progress=True shows how far it is",
    "stype": "an Estimator's function that takes weights= is given them",
    "sep": "pandas' own options are to_frame().to_csv(...)",
}
"""What to do instead of a keyword, where that is none of ours."""

PLANS: Mapping[str, str] = {
    **dict.fromkeys(("cases", "iid", "ordinary", "nonparametric", "pairs", "rows"), "Cases()"),
    **dict.fromkeys(("cluster", "clustered", "clusters", "groups"), "Clustered(labels)"),
    **dict.fromkeys(("block", "blocks", "stationary"), "Blocks()"),
    **dict.fromkeys(("moving", "circular"), "Blocks(length, kind=...)"),
    **dict.fromkeys(("strata", "stratified"), "Stratified(strata)"),
    **dict.fromkeys(("residual", "residuals"), "Residual(predict)"),
    **dict.fromkeys(("wild", "score", "multiplier"), "Wild(labels)"),
    "parametric": "Parametric(simulate)",
    "bayesian": "Bayesian()",
    "poisson": "Cases(size='poisson')",
    "subsample": "Subsample(size)",
    "jackknife": "Jackknife()",
}
"""What others call sampling plans."""

INTERVALS: Mapping[str, str] = {
    **dict.fromkeys(("perc", "quantile", "quantiles", "pct", "efron"), "percentile"),
    **dict.fromkeys(("norm", "wald", "gaussian", "asymptotic"), "normal"),
    **dict.fromkeys(("stud", "student", "t", "bootstrap-t", "percentile-t"), "studentized"),
    **dict.fromkeys(("reverse", "pivotal", "empirical", "hybrid"), "basic"),
    **dict.fromkeys(("bc", "bias-corrected", "accelerated"), "bca"),
}
"""What others call kinds of intervals."""

_MEMBERS: Mapping[str, str] = {
    **dict.fromkeys(("IIDBootstrap", "IndependentSamplesBootstrap", "Bootstrapper"), "Cases"),
    **dict.fromkeys(("StationaryBootstrap", "CircularBlockBootstrap"), "Blocks"),
    **dict.fromkeys(("MovingBlockBootstrap", "Block", "Stationary"), "Blocks"),
    **dict.fromkeys(("ClusterBootstrap", "Cluster", "Clusters"), "Clustered"),
    **dict.fromkeys(("minimize", "MLE", "mle", "Minimizer", "GenericLikelihoodModel"), "fit"),
    **dict.fromkeys(("boot", "resample", "bootstrap_ci"), "bootstrap"),
    **dict.fromkeys(("hessian", "hess", "approx_hess"), "information"),
    **dict.fromkeys(("simulate", "simulation", "validate"), "coverage"),
    **dict.fromkeys(("check", "compare"), "crosscheck"),
    **dict.fromkeys(("Poisson", "PoissonBootstrap"), "Cases(size='poisson')"),
}
"""What others call what bootmle exports."""

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
        **dict.fromkeys(
            ("predict", "fittedvalues", "eval_uncertainty", "get_prediction"),
            "bootstrap(mle).derive(function)",
        ),
        **dict.fromkeys(("resid", "residual", "residuals"), "your own model at mle.estimate"),
        **dict.fromkeys(("t_test", "wald_test", "f_test"), "bootstrap(mle).p_value()"),
        **dict.fromkeys(("deviance", "chisqr", "redchi", "value"), "nll"),
        **dict.fromkeys(("df_resid", "df_model", "nvarys", "nfree"), "n, and free.sum()"),
        **dict.fromkeys(("mle_retvals", "init_values", "score"), "optimize_result"),
        **dict.fromkeys(("correl", "corr"), "covariance"),
        "save": "bootstrap(mle).save(path)",
        "profile": "plot(), or crosscheck(mle, profile=True)",
        "crosscheck": "bootmle.crosscheck(mle)",
        "coverage": "bootmle.coverage(mle, simulate)",
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
        **dict.fromkeys(("apply", "statistic", "transform", "eval"), "derive(function)"),
        **dict.fromkeys(("var", "variance"), "covariance"),
        **dict.fromkeys(("std", "stdev"), "standard_error"),
        **dict.fromkeys(("mean", "median"), "replicates, and bias"),
        **dict.fromkeys(("n", "nobs"), "fit.n"),
        **dict.fromkeys(("merge", "combine", "load"), "bootmle.load(*paths)"),
        **dict.fromkeys(("test", "hypothesis_test"), "p_value()"),
        **dict.fromkeys(("get_state", "random_state"), "seed"),
        "crosscheck": "bootmle.crosscheck(boot)",
        "summary_frame": "to_frame()",
    },
    "Crosscheck": {
        **dict.fromkeys(("summary", "table", "results"), "to_frame()"),
        **dict.fromkeys(_ERRORS, "standard_errors"),
        **dict.fromkeys(("agrees", "ok", "reasons"), "verdicts"),
    },
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
    public = [each for each in dir(self) if not each.startswith("_")]
    use = use or next(iter(get_close_matches(name, public, 1, 0.7)), None)
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
    if name in _ANSWERS:
        raise TypeError(f"{start}; {_ANSWERS[name]}")
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


def refuse_member(name: str, members: Sequence[str]) -> Never:
    """Raise AttributeError for what bootmle does not export: its ``__getattr__``."""
    start = f"module 'bootmle' has no attribute {name!r}"
    use = None if name.startswith("_") else _MEMBERS.get(name)
    use = use or next(iter(get_close_matches(name, members, 1, 0.7)), None)
    raise AttributeError(f"{start}; use {use}" if use else start)
