"""Why a source disagrees with the reference: a table of reasons, tried in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bootmle.crosschecks.evidence import Evidence
from bootmle.crosschecks.flags import Flag
from bootmle.crosschecks.sources import Source
from bootmle.display.text import rounded
from bootmle.refitting.information_equality import Equality
from bootmle.sampling import Structure
from bootmle.sampling.few_clusters import FEW_CLUSTERS

__all__ = ["equality_flag", "explain"]

Reason = tuple[Flag, str]

_OF_ROWS = {"hessian", "opg", "sandwich", "hc2", "hc3"}
"""Sources that take rows to be drawn independently."""
_FEW_ROWS = (
    "there are too few observations per parameter for resamples of your data, so that nothing "
    "follows on the model"
)
_OF_THE_MODEL = {"hessian", "opg"}
"""Sources that take the model to be correct."""


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When a measured quantity counts as a reason."""

    correlated: float = 3.0
    """Standard errors at which a score's lag-1 autocorrelation is blamed for what blocks of rows
    show: among p scores of independent rows the largest reaches that in 0.3 p % of data sets."""


_THRESHOLDS = _Thresholds()


def explain(source: Source, evidence: Evidence) -> Reason:
    """Return the first reason in the table that applies; the last one always does."""
    return next(reason for each in _REASONS if (reason := each(source, evidence)) is not None)


def equality_flag(equality: Equality) -> Flag:
    """Return the flag of an information equality that fails."""
    scaled = equality.twofold or equality.of_squares
    return Flag.OBJECTIVE_SCALE if scaled else Flag.MISSPECIFIED


def _simulated(source: Source, evidence: Evidence) -> Reason | None:
    """Blame the model for a parametric bootstrap that differs."""
    if source.name != "parametric":
        return None
    if not evidence.has_enough_rows:
        return Flag.SMALL_SAMPLE, _FEW_ROWS
    return Flag.MISSPECIFIED, (
        "the estimates vary differently in data simulated from the model than in resamples of your "
        "data, so the model is misspecified"
    )


def _clusters(source: Source, evidence: Evidence) -> Reason | None:
    """Blame clusters that the source ignores, or the model does."""
    if source.name == "clustered opg":
        return Flag.CLUSTERED, (
            "it is the inverse of the variance of the clusters' scores, which grows where the rows "
            "of a cluster depend on each other and the model takes them for independent"
        )
    if source.name not in _OF_ROWS or evidence.structure is not Structure.CLUSTERS:
        return None
    rowwise = evidence.known.get("sandwich")
    if (
        source.name in _OF_THE_MODEL
        and rowwise is not None
        and not np.any(evidence.differs(rowwise))
    ):
        return None  # rows treated as independent give the bootstrap's errors, without the model
    robust = evidence.known.get("cluster")
    more = ""
    if robust is not None and not np.any(evidence.differs(robust)):
        more = "; the cluster-robust sandwich, which does not, agrees with the bootstrap"
    return Flag.CLUSTERED, f"it treats rows within a cluster as independent{more}"


def _blocks(source: Source, evidence: Evidence) -> Reason | None:
    """Blame dependence where the scores show it, and otherwise too few blocks."""
    if source.name not in _OF_ROWS or evidence.structure is not Structure.SERIES:
        return None
    scores = evidence.scores
    if scores is None or abs(scores.autocorrelation) > _THRESHOLDS.correlated:
        return Flag.DEPENDENT_ROWS, (
            "it treats rows as independent, whereas the block bootstrap does not"
        )
    return Flag.SMALL_SAMPLE, (
        f"it treats the scores as independent, and those of neighboring rows are not correlated "
        f"({rounded(abs(scores.autocorrelation), 2)} standard errors from 0): the series has too "
        f"few blocks, unless rows further apart are dependent"
    )


def _strata(source: Source, evidence: Evidence) -> Reason | None:
    """Blame strata that the source ignores."""
    if source.name not in _OF_ROWS or evidence.structure is not Structure.STRATA:
        return None
    return Flag.STRATIFIED, "it ignores the strata within which the bootstrap draws"


def _data_against_model(source: Source, evidence: Evidence) -> Reason | None:
    """Blame the model where a parametric bootstrap differs from the data's scores."""
    if source.name not in {"opg", "sandwich"} or evidence.structure is not Structure.MODEL:
        return None
    if evidence.failed_equality is None:
        return Flag.SMALL_SAMPLE, (
            "it estimates the variance of the scores from your data, the bootstrap from the model, "
            "and the scores do not show that they differ by more than chance"
        )
    return Flag.MISSPECIFIED, (
        "it estimates the variance of the scores from your data, the bootstrap from the model: "
        "the model is misspecified, or the sample is small"
    )


def _simulation(source: Source, evidence: Evidence) -> Reason | None:
    """Blame what data simulated from the model point to, where they were requested."""
    parametric = evidence.known.get("parametric")
    if source.name not in _OF_THE_MODEL or parametric is None:
        return None
    biased = evidence.differs(source, parametric)
    misfit = evidence.differs(parametric)
    if np.any(biased & evidence.differs(source)) and not np.any(misfit):
        away = float(np.nanmax(evidence.distance(source, parametric)))
        return Flag.SMALL_SAMPLE, (
            f"it also differs from the parametric bootstrap, by {rounded(away, 2)} standard "
            f"errors: even if the model is correct, the sample is too small for a local "
            f"approximation"
        )
    if np.any(misfit) and not evidence.has_enough_rows:
        return Flag.SMALL_SAMPLE, _FEW_ROWS
    if np.any(misfit) and not np.any(biased):
        return Flag.MISSPECIFIED, (
            "it agrees with data simulated from the model, and the bootstrap of your data does "
            "not: the model is misspecified"
        )
    return None


def _information_equality(source: Source, evidence: Evidence) -> Reason | None:
    """Blame an information equality that fails."""
    equality = evidence.failed_equality
    if source.name not in {*_OF_THE_MODEL, "profile"} or equality is None:
        return None
    return equality_flag(equality), str(equality)


def _prior_weights(source: Source, evidence: Evidence) -> Reason | None:
    """Blame prior weights: they enter the curvature once, the scores' variance squared."""
    weights = evidence.fit.likelihood.prior
    if source.name not in {*_OF_THE_MODEL, "profile"} or weights is None or np.all(weights == 1):
        return None
    return Flag.OBJECTIVE_SCALE, (
        "it treats the prior weights as numbers of rows, whereas the bootstrap draws each weighted "
        "row as one observation; if they are frequencies, pass weights_kind='frequency'"
    )


def _imprecise_opg(source: Source, evidence: Evidence) -> Reason | None:
    """Blame the outer product itself where the Hessian agrees."""
    if source.name != "opg" or np.any(evidence.differs(evidence.known["hessian"])):
        return None
    return Flag.SMALL_SAMPLE, (
        "the outer product of the scores is the least precise of these estimators; the Hessian "
        "agrees"
    )


def _sandwich(source: Source, evidence: Evidence) -> Reason | None:
    """Blame the model's variance, or chance, where the sandwich agrees."""
    robust, equality = evidence.known.get("sandwich"), evidence.equality
    if source.name not in {*_OF_THE_MODEL, "profile"} or robust is None:
        return None
    if np.any(evidence.differs(robust) & evidence.differs(source)):
        return None
    # The rule for agreement alone suspects one correct model in ten or more.
    clear = equality is not None and bool(equality.failing.any())
    flag = Flag.MISSPECIFIED if clear else Flag.SMALL_SAMPLE
    if robust is evidence.reference:
        return flag, (
            "the model misstates the variance there, or the sample is too small for both; "
            "bootstrap(mle) would tell which"
        )
    agrees = (
        "the sandwich, which estimates the variance of the scores from the data, agrees with the "
        "bootstrap"
    )
    if clear:
        return flag, f"{agrees}: the model may misstate the variance there"
    return flag, f"{agrees}, but the difference is within chance for a small sample of the model"


def _heavy_tails(source: Source, evidence: Evidence) -> Reason | None:
    """Blame heavy tails of the replicates."""
    heavy = evidence.among_differing(source, evidence.heavy_tailed)
    if not heavy:
        return None
    return Flag.HEAVY_TAILED, (
        f"the replicates of {heavy} have heavy tails: their standard deviation is well above their "
        f"quantile-based standard error"
    )


def _skewness(source: Source, evidence: Evidence) -> Reason | None:
    """Blame skewness of the replicates."""
    skewed = evidence.among_differing(source, evidence.skewed)
    if not skewed:
        return None
    return Flag.SKEWED, (
        f"the sampling distribution of {skewed} is skewed, which the curvature at one point cannot "
        f"show"
    )


def _few_clusters(source: Source, evidence: Evidence) -> Reason | None:
    """Blame a small number of clusters."""
    clusters = None if evidence.scores is None else evidence.scores.clusters
    if source.name not in {"cluster", "cr2", "cr3"} or clusters is None:
        return None
    count = int(clusters.max()) + 1
    if source.name != "cluster":
        return Flag.SMALL_SAMPLE, (
            f"it is corrected for the leverage of {count} clusters, which neither the replicates "
            f"nor the sandwich are: report confidence_interval('cr3')"
        )
    if count >= FEW_CLUSTERS:
        return None
    return Flag.SMALL_SAMPLE, (
        f"{count} clusters are too few for a sandwich; use at least {FEW_CLUSTERS}"
    )


def _small_sample(source: Source, evidence: Evidence) -> Reason | None:
    """Blame the approximation itself, when nothing else was found."""
    n, p = evidence.fit.likelihood.n_observations or 0, int(evidence.fit.free.sum())
    what = "the variance of the scores" if source.name == "opg" else "a linear approximation"
    return Flag.SMALL_SAMPLE, (
        f"it rests on {what} at one point, from {n:,} observations for {p} parameters, whereas "
        f"refits follow the likelihood itself"
    )


_REASONS: tuple[Callable[[Source, Evidence], Reason | None], ...] = (
    _simulated,
    _clusters,
    _blocks,
    _strata,
    _data_against_model,
    _simulation,
    _information_equality,
    _prior_weights,
    _imprecise_opg,
    _sandwich,
    _heavy_tails,
    _skewness,
    _few_clusters,
    _small_sample,
)
"""In order: how the data were drawn, then the model, then the sample's size."""
