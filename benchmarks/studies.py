"""The simulation studies of `validation.py`: models, sample sizes, and how data are resampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from scipy.special import ndtr

from bootmle import Blocks, Cases, Clustered, Coverage, Fit, Parametric, Wild, coverage, fit
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import Plan
from irregular import at, draw_autocorrelated, draw_overdispersed, only_a_sum, weak_instrument
from models import (
    Model,
    ar1,
    clustered_linear,
    clustered_logit,
    clustered_nb2,
    exponential,
    gamma,
    logit,
    nb2,
    normal,
    normal_mixture,
    ordered_probit,
    poisson,
    probit,
    random_effects_logit,
    tobit,
    weibull,
)
from models.clustered import CLUSTER_SIZE

__all__ = ["STUDIES", "Study"]

CASES = ("percentile", "bca", "studentized", "hessian")
ALL = ("percentile", "basic", "normal", "bca", "studentized", "hessian")
NEW = ("abc", "recommended")
SERIES = ("percentile", "basic", "hessian", "sandwich")
CLUSTERS = (*ALL, "abc", "cluster", "cr1", "cr2", "cr3")
FORMULAS = ("hessian", "cluster", "cr1", "cr2", "cr3")
SCORES = ("percentile", "studentized")


REGULAR: list[tuple[str, Model]] = [
    ("exponential mean", exponential(log=False)),
    ("normal", normal()),
    ("gamma", gamma()),
    ("Weibull, censored", weibull(1)),
    ("Poisson", poisson(2)),
    ("logit", logit(2)),
    ("tobit", tobit(2)),
    ("probit", probit(2)),
    ("negative binomial", nb2(2)),
    ("ordered probit", ordered_probit(2)),
]
"""Models for which theory promises that the bootstrap works."""


@dataclass(frozen=True, slots=True)
class Study:
    """A model at one sample size, and how its data sets are resampled and judged.

    Attributes
    ----------
    title : str
        What the table calls it.
    model : Model
    n : int
        Rows of each data set.
    regular : bool
        Whether theory promises that the bootstrap works.
    simulate : callable or None
        Where data do not come from the model itself.
    sampling : callable
        ``sampling(args) -> Plan``.
    methods : tuple of str
    bounds : sequence or None
        As of `fit`.
    n_resamples : int
        Replicates of each data set; BCa's corrected levels need more in small samples, and fewer
        will do where most refits look for an optimum far away.
    derive : callable or None
        Quantities to study besides the parameters, of (p,) or of many, (p, R).
    transform : mapping or None
        Scales on which they are studentized, by name.
    """

    title: str
    model: Model
    n: int
    regular: bool = True
    simulate: Callable[..., tuple[Any, ...]] | None = None
    sampling: Callable[[tuple[Any, ...]], Plan] = lambda args: Cases()
    methods: tuple[str, ...] = CASES
    bounds: Any = None
    n_resamples: int = 599
    derive: Callable[[Floats], dict[str, Any]] | None = None
    transform: dict[str, str] | None = None

    @property
    def name(self) -> str:
        """What the command line and the directory of checkpoints call it."""
        words = "".join(c if c.isalnum() else " " for c in self.title.lower()).split()
        return "-".join([*words, str(self.n)])

    def draw(self, params: Floats, rng: np.random.Generator, *args: Any) -> tuple[Any, ...]:
        """Simulate a data set."""
        return (self.simulate or self.model.simulate)(params, rng, *args)

    def fitted(self) -> tuple[Fit, tuple[Any, ...]]:
        """Fit the first data set that has an optimum; all others share its covariates."""
        start = dict(zip(self.model.names, self.model.truth, strict=True))
        for seed in count(1):
            rng = np.random.default_rng(seed)
            design = self.model.design(self.n, rng)
            args = self.draw(self.model.truth, rng, *design)
            mle = fit(self.model.nll, start, args=args, jac=self.model.scores, bounds=self.bounds)
            if mle.converged:
                break
        return mle, args

    def run(self, n_datasets: int, n_resamples: int | None, **options: Any) -> Coverage:
        """Run the study, or resume it."""
        mle, args = self.fitted()
        return coverage(
            mle,
            self.draw,
            sampling=self.sampling(args),
            n_datasets=n_datasets,
            n_resamples=n_resamples or self.n_resamples,
            methods=self.methods,
            truth=self.model.truth,
            derive=self.derive,
            transform=self.transform,
            rng=0,
            progress=False,
            **options,
        )


def in_blocks(args: tuple[Any, ...], length: float | None = None) -> Plan:
    """Draw blocks of a series, of the automatic length by default."""
    return Blocks(length)


def by_cluster(args: tuple[Any, ...]) -> Plan:
    """Draw clusters, whose labels are the third of the data."""
    return Clustered(args[2])


def by_scores(args: tuple[Any, ...], correction: str | None) -> Plan:
    """Multiply the clusters' scores."""
    return Wild(args[2], correction=correction)


def parametric(simulate: Callable[..., Any], args: tuple[Any, ...]) -> Plan:
    """Simulate at the estimate."""
    return Parametric(simulate)


def small() -> list[Study]:
    """List studies of few observations, where methods differ."""
    study, mean = partial(Study, n_resamples=999), exponential(log=False)
    simulated = partial(parametric, mean.simulate)
    ends = ("percentile", "basic", "normal", "hessian")
    return [
        study("exponential mean", mean, 20, methods=(*ALL, *NEW)),
        study("exponential mean, parametric", mean, 20, sampling=simulated, methods=ends),
        *(study(title, model, 20, methods=(*CASES, *NEW)) for title, model in REGULAR[1:]),
        *(study(title, model, 50, methods=(*CASES, *NEW)) for title, model in REGULAR),
    ]


def of_normal(params: Floats) -> dict[str, Any]:
    """Derive a ratio, a quantile and a probability of normal distributions, (2,) or (2, R)."""
    mu, sigma = params[0], np.exp(params[1])
    above = ndtr((mu - 4.0) / sigma)
    return {"ratio": mu / sigma, "quantile": mu + 1.645 * sigma, "probability": above}


def derived() -> list[Study]:
    """List studies of quantities derived from parameters."""
    kinds = ("percentile", "bca", "studentized", "abc", "recommended")
    share = {"probability": "probit"}
    study = partial(Study, methods=kinds, n_resamples=999, derive=of_normal, transform=share)
    return [study("normal, derived quantities", normal(), n) for n in (20, 50, 200)]


def moderate() -> list[Study]:
    """List regular studies, where every standard error should be right."""
    panel = random_effects_logit(cluster_size=10)
    return [
        Study("normal", normal(), 200),
        Study("exponential mean", exponential(log=False), 200),
        Study("gamma", gamma(), 200),
        Study("Weibull, censored", weibull(1), 200),
        Study("logit", logit(2), 200),
        Study("probit", probit(2), 200),
        Study("Poisson", poisson(2), 200),
        Study("negative binomial", nb2(2), 200),
        Study("ordered probit", ordered_probit(2), 200),
        Study("tobit", tobit(2), 200),
        Study("normal mixture", normal_mixture(), 400),
        Study("AR(1), Blocks", ar1(), 400, sampling=in_blocks, methods=SERIES),
        Study("random-effects logit, Clustered", panel, 1000, sampling=by_cluster),
        Study("logit, p = 12", logit(), 1500),
    ]


def irregular() -> list[Study]:
    """List studies where methods fail: wrong models, weak identification, the boundary."""
    study = partial(Study, regular=False)
    costly = partial(study, n_resamples=199)
    series = partial(study, simulate=draw_autocorrelated, methods=SERIES)
    at_zero, positive = at(normal(), mu=0.0), [(0.0, None), (None, None)]
    panel = at(random_effects_logit(), log_sigma=np.log(0.1))
    return [
        study("Poisson on negative binomial", poisson(2), 200, simulate=draw_overdispersed),
        series("normal on AR(1), Cases", normal(), 200),
        series("normal on AR(1), Blocks(2)", normal(), 200, sampling=partial(in_blocks, length=2)),
        series("normal on AR(1), Blocks", normal(), 200, sampling=in_blocks),
        study("normal, mean bounded at its truth 0", at_zero, 100, bounds=positive),
        costly("weak instrument", weak_instrument(0.15), 100),
        study("only a sum", only_a_sum(), 50),
        costly("mixture, one SD apart", at(normal_mixture(), mu2=1.0), 200),
        costly("random-effects logit, SD 0.1", panel, 300, sampling=by_cluster),
    ]


def clustered() -> list[Study]:
    """List studies of few clusters, of 20 rows each on average.

    Formulas take no replicates, so that they can have more data sets.
    """
    models = {"logit": clustered_logit, "linear": clustered_linear, "NB2": clustered_nb2}
    plans: dict[str, tuple[Callable[[tuple[Any, ...]], Plan], tuple[str, ...], int]] = {
        "formulas": (by_cluster, FORMULAS, 2),
        "Clustered": (by_cluster, CLUSTERS, 399),
        "Wild": (partial(by_scores, correction=None), SCORES, 399),
        "Wild CR3": (partial(by_scores, correction="CR3"), SCORES, 399),
    }
    return [
        Study(
            f"{name}, {count}{' unequal' if unequal else ''} clusters, {plan}",
            model(count, unequal=unequal),
            count * CLUSTER_SIZE,
            sampling=sampling,
            methods=methods,
            n_resamples=n_resamples,
        )
        for plan, (sampling, methods, n_resamples) in plans.items()
        for count in (8, 10, 12, 20, 40)
        for name, model in models.items()
        for unequal in (False, True)
    ]


def _all() -> list[Study]:
    """List all studies."""
    return [*small(), *derived(), *moderate(), *clustered(), *irregular()]


STUDIES = {study.name: study for study in _all()}
