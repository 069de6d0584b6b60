"""The wild score bootstrap: random multipliers of the clusters' scores, without refits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_choice
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import count_rows
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.taken_apart import why_whole
from bootmle.optimization.leverage import CORRECTIONS
from bootmle.optimization.status import Status
from bootmle.sampling.labels import members_of, read_codes
from bootmle.sampling.plan import Plan, Structure
from bootmle.sampling.resample import Resample

__all__ = ["Wild"]

_ROOT5 = float(np.sqrt(5.0))
_MULTIPLIERS: dict[str, tuple[Floats, Floats]] = {
    "webb": (np.sqrt([1.5, 1.0, 0.5, 0.5, 1.0, 1.5]) * [-1, -1, -1, 1, 1, 1], np.full(6, 1 / 6)),
    "rademacher": (np.array([-1.0, 1.0]), np.full(2, 0.5)),
    "mammen": (
        np.array([(1 - _ROOT5) / 2, (1 + _ROOT5) / 2]),
        np.array([(_ROOT5 + 1) / (2 * _ROOT5), (_ROOT5 - 1) / (2 * _ROOT5)]),
    ),
}
"""Values and their probabilities: of mean 0 and variance 1, Mammen's with a third moment of 1."""

_FEW_DRAWS = 10_000
"""Distinct draws below which there is a note: five times the default number of replicates."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Wild(Plan):
    """Multiply the scores of G clusters by random weights (Kline and Santos 2012).

    A replicate is the estimate plus H⁻¹ Σ_g w_g s_g, with s_g the sum of a cluster's scores and H
    the observed information, on the scale that the parameters are fitted on (``transform``). There
    are no refits: replicates are linear, their variance is that of the cluster-robust sandwich,
    they show neither bias nor skewness of the estimate, and BCa intervals are refused. Studentized
    intervals divide by the sandwich of the replicate's own centered scores; with few clusters they
    are the ones to use.

    Parameters
    ----------
    clusters : (n,) array_like or str
        Label of the cluster that each observation belongs to, or the column of a data frame or
        dict in ``args`` that holds them.
    weights : str
        "webb": six values (Webb 2023), 6^G draws, for few clusters; "rademacher": ±1, of which G
        clusters have 2^G; "mammen": two values with a third moment of 1 (Mammen 1993), which keeps
        the skewness of the scores.
    correction : str, optional
        "CR2" or "CR3": scores corrected for the clusters' leverage, so that the replicates'
        variance is that of the sandwich so corrected (Bell and McCaffrey 2002; MacKinnon, Nielsen
        and Webb 2023). Below 40 clusters use "CR3" and studentized intervals.

    Raises
    ------
    ValueError
        For other weights or corrections, and unless there is one label for each observation, none
        missing, and at least two clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Wild, bootstrap, fit
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(10), 5)
    >>> y = rng.normal(size=10)[groups] + rng.normal(size=50)
    >>> mle = fit(lambda params, y: (y - params[0]) ** 2 / 2, {"mean": 0.0}, args=y)
    >>> boot = bootstrap(mle, sampling=Wild(groups), n_resamples=999, rng=0)
    >>> boot.n_failed, boot.data.n_evaluations.sum().item()
    (0, 0)
    """

    structure: ClassVar[Structure] = Structure.CLUSTERS
    label_names: ClassVar[tuple[str, ...]] = ("clusters",)
    linear: ClassVar[bool] = True

    clusters: Any
    weights: str = "webb"
    correction: str | None = None
    codes: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        """Read labels that are at hand."""
        check_choice("weights", self.weights, tuple(_MULTIPLIERS))
        if self.correction is not None:
            check_choice("correction", self.correction, tuple(CORRECTIONS))
        codes: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        if isinstance(self.clusters, str) and self.clusters in _MULTIPLIERS:
            raise ValueError(
                f"clusters: {self.clusters!r} is a kind of weights; use Wild(labels, "
                f"weights={self.clusters!r})"
            )
        if not isinstance(self.clusters, str):
            codes = read_codes("clusters", self.clusters)
            if not codes.any():
                label = np.asarray(self.clusters).tolist()[0]
                raise ValueError(f"clusters: all rows belong to {label!r}; at least two are needed")
        object.__setattr__(self, "codes", codes)

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective whose clusters have no scores."""
        if likelihood.supports_weights:
            return
        whole = why_whole(likelihood, clustered=True)
        if likelihood.n is None or likelihood.per_observation or whole:
            reason = whole if likelihood.n is not None else "the objective holds its data itself"
            raise ValueError(
                f"sampling: {self!r} needs the scores of the clusters, but {reason}; return the n "
                f"contributions (delete .sum()), each from its own row"
            )

    def check_fit(self, fit: Fit | Estimator) -> None:
        """Refuse what has no scores, or no information to multiply them by."""
        if isinstance(fit, Estimator):
            raise ValueError(
                f"sampling: {self!r} multiplies scores, which an Estimator does not have; "
                f"bootstrap a Fit, or use Clustered"
            )
        Plan.check_fit(self, fit)
        kind = fit.information.definiteness
        if fit.status is Status.AT_BOUND or kind != "positive definite":
            what = "is at a bound" if fit.status is Status.AT_BOUND else f"has a {kind} Hessian"
            raise ValueError(
                f"sampling: {self!r} steps along the inverse Hessian, but the fit {what}; use "
                f"Clustered, which refits"
            )

    def check_response(self, fit: Fit | Estimator) -> None:
        """Clusters may count together, and none is drawn."""

    def prepared(self, fit: Fit | Estimator) -> Wild:
        """Look up the column; refuse labels of another number of observations."""
        plan = self.labeled(fit)
        if plan.codes.size == fit.n:
            return plan
        if plan.codes.size == count_rows(fit.args) and plan.n_clusters == fit.n:
            first = [rows[0] for rows in members_of(plan.codes)]
            return replace(plan, clusters=np.asarray(plan.clusters)[first])
        raise ValueError(
            f"clusters: {plan.codes.size} labels for {fit.n} observations; pass one label for each "
            f"contribution, in the same order"
        )

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.codes.max(initial=-1)) + 1

    @property
    def cluster_codes(self) -> NDArray[np.intp] | None:
        """Number of the cluster that each observation belongs to, (n,)."""
        return self.codes

    @property
    def score_correction(self) -> str | None:
        """As asked for."""
        return self.correction

    @property
    def units_apart(self) -> tuple[NDArray[np.intp], ...]:
        """A total is taken apart into clusters."""
        return members_of(self.codes)

    @property
    def studentizes(self) -> bool:
        """Each replicate has the sandwich of its own scores."""
        return True

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw a multiplier for each cluster."""
        values, probabilities = _MULTIPLIERS[self.weights]
        return Resample(n, multipliers=rng.choice(values, size=self.n_clusters, p=probabilities))

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        """Say what replicates are, and that few differ where they do."""
        count = self.n_clusters
        low = f", low by about √(G/(G − 1)) = {np.sqrt(count / (count - 1)):.3f}"
        what = low if self.correction is None else f" with {self.correction}"
        found = [
            f"replicates are linear steps along the scores of {count} clusters, without refits: "
            f"standard errors are the cluster-robust sandwich's{what}; they show no bias"
        ]
        draws = float(len(_MULTIPLIERS[self.weights][0])) ** count
        if draws < _FEW_DRAWS:
            more = "" if self.weights == "webb" else ": use weights='webb'"
            found.append(f"{self.weights} weights have only {draws:,.0f} distinct draws{more}")
        return tuple(found)

    def __repr__(self) -> str:
        """Show how many clusters there are, not all labels."""
        known = self.codes.size > 0
        what = f"{self.n_clusters} clusters" if known else repr(self.clusters)
        more = "" if self.correction is None else f", correction={self.correction!r}"
        return f"Wild({what}, weights={self.weights!r}{more})"
