"""What kinds of intervals need of a run, and why a fit and a plan do not supply it."""

from __future__ import annotations

from bootmle.bootstrapping.calibrating import why_not_calibrated
from bootmle.bootstrapping.fit_intervals import why_no_family
from bootmle.bootstrapping.spread import Spread
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import Need
from bootmle.likelihood.taken_apart import why_whole
from bootmle.refitting.cluster_robust import why_not_cluster_robust
from bootmle.sampling import Plan

__all__ = ["why_lacking", "why_no_derived_errors", "why_no_quantiles"]

_NO_COUNTS = (
    "has weights that do not vary as numbers of draws do, by a variance of about their mean (on "
    "another scale: multiply all by one number, so that their mean is 1)"
)


def why_lacking(
    need: Need, fit: Fit | Estimator, plan: Plan, shown: str, refit: str = "verified"
) -> str:
    """Say why a fit and a plan that was prepared for it lack something; empty where they do not."""
    # ``shown`` is the plan as the user wrote it.
    if need is Need.QUANTILES:
        return "" if plan.supports_quantiles else why_no_quantiles(shown)
    own = {Need.LEVELS: why_not_calibrated, Need.CLUSTERS: why_not_cluster_robust}
    if need in own:
        return own[need](fit, plan, shown)
    if need in {Need.ROOTS, Need.SCORES}:
        return _why_no_roots(fit, plan, shown, refit)
    if need is Need.EXPANSION:
        if fit.likelihood is None:
            return "an Estimator has no likelihood to expand"
        return why_no_family(fit, plan, shown)
    if need is Need.JACKKNIFE and plan.linear:
        return f"the replicates of {shown} are linear, without the bias that it corrects for"
    if plan.linear:
        return ""
    if need is Need.JACKKNIFE:
        drawn = plan.units(fit.n)
        return f"{shown} draws no units that a jackknife can leave out" if drawn is None else ""
    return _why_no_errors(fit, plan, shown, refit)


def _why_no_errors(fit: Fit | Estimator, plan: Plan, shown: str, refit: str) -> str:
    """Say why replicates have no standard errors of their own; empty where they have."""
    if fit.likelihood is None:
        return _why_no_errors_of_estimator(fit, plan, shown)
    clustered = plan.units_apart is not None
    apart = refit == "corrected" and not why_whole(fit.likelihood, clustered=clustered)
    if not (fit.takes_weights or apart):
        return (
            "the standard error of each replicate needs the observations' contributions, each "
            "from its own row (return them: delete .sum(); or bootstrap with refit='corrected', "
            "which takes a sum over rows apart)"
        )
    if refit == "expansion":
        return (
            f"refit={refit!r} computes no standard error of each replicate (bootstrap with "
            f"refit='verified')"
        )
    if not plan.counts_draws:
        return f"{shown} {_NO_COUNTS}"
    if not plan.studentizes or plan.units(fit.n) is None:
        return f"{shown} does not draw units whole, as the standard error of each replicate needs"
    return ""


def why_no_quantiles(shown: str) -> str:
    """Say that replicates are no random draws."""
    return f"the replicates of {shown} are not random draws, and their quantiles make no interval"


def _why_no_errors_of_estimator(fit: Estimator, plan: Plan, shown: str) -> str:
    """Say why the user's estimator has no standard error of each replicate."""
    if fit.errors is None:
        return (
            "the Estimator has no standard_error= (pass the function that returns the standard "
            "errors of a sample)"
        )
    if plan.rescaling(fit.n) != (1.0, 1.0):
        return f"{shown} draws samples of another size than the data"
    return ""


def _why_no_roots(fit: Fit | Estimator, plan: Plan, shown: str, refit: str) -> str:
    """Say why replicates have no likelihood ratio at their optima; empty where they have."""
    if fit.likelihood is None:
        return "an Estimator has no likelihood"
    if plan.linear:
        return f"the replicates of {shown} are steps along scores, not optima"
    if refit != "verified":
        return f"refit={refit!r} does not go to the optima (bootstrap with refit='verified')"
    if type(plan).rescaling is not Plan.rescaling:  # whose factor is 1 for halves of the data
        return f"{shown} draws samples of another size than the data"
    if not plan.counts_draws:
        return f"{shown} {_NO_COUNTS}"
    assert isinstance(fit, Fit)
    if fit.optimizer.constraints or fit.at_bound:
        return "profiles do not follow constraints, or bounds that hold"
    return ""


def why_no_derived_errors(boot: Spread) -> str:
    """Say why derived quantities have no standard error of each replicate; empty where they do."""
    origin = boot.origin
    if boot.own_errors.known is not None:
        return ""
    if origin is None:
        return (
            "the file does not hold standard errors of derived quantities (load the parameters' "
            "with load(path, fit=mle) and derive them again, or ask for studentized intervals "
            "before save())"
        )
    if reason := str(origin.lacks(Need.STANDARD_ERRORS)):
        return reason
    if isinstance(origin.fit, Estimator):
        return (
            "standard_error= returns no covariances, which the delta method takes (make the "
            "quantity itself an Estimator, with a standard_error= of its own)"
        )
    if origin.without_samples():
        return (
            "the delta method takes each replicate's own covariance, of its sample (use "
            "load(path, fit=mle), of one run)"
        )
    return ""
