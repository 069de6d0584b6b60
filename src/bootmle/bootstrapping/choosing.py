"""Which kind of interval is recommended for each parameter: the rules, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bootmle.bootstrapping.spread import Spread
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import fewest_replicates
from bootmle.likelihood.arrays import Floats
from bootmle.refitting.alarm_kinds import AlarmKind
from bootmle.refitting.plausibility import IN_DOUBT

__all__ = [
    "FEWEST_UNITS",
    "FEW_LOST",
    "FEW_UNITS",
    "LEVEL",
    "NONE",
    "NONE_LOST",
    "ONE_CLUSTER",
    "QUICK",
    "Refusal",
    "choose_kinds",
    "describe_refusals",
    "is_clustered",
    "is_off_center",
    "is_studied",
    "median_bias",
    "off_center",
    "refusals",
    "why_unreliable",
    "withheld",
]

LEVEL = 0.95
"""The level at which a recommended interval has to have finite endpoints."""
FEW_LOST = 0.01
"""Share of replicates without a standard error of a parameter up to which its studentized interval
is recommended: its tails of 2.5% then change by less than half."""
NONE_LOST = 0.0025
"""Share of replicates without a finite optimum below which wald-score intervals are recommended:
less than one of the study's 399."""
FEWEST_UNITS = 49
"""Units up to which these are considered: from 50 on studentized intervals cover what they claim
in every model of the study."""
FEW_UNITS = 199
"""Units up to which intervals by the likelihood ratio are considered: from 200 on BCa ones, which
else take their place, were within 1.5 points. Studied on contributions; a total has the same
ratios: its ends were the same within 1e-10 (a Poisson regression, n = 24)."""
NONE = "none"
"""Stands for the kind where no interval is recommended."""
QUICK = 0.1
"""Refits of the jackknife over replicates up to which BCa intervals are considered."""


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When replicates are off center or skewed."""

    shifted: float = 0.15
    """Median bias z0 above which there is a caution: at 0.15 a 95% percentile interval covers
    94.0%, Φ(1.96 − 2 z0) − Φ(−1.96 − 2 z0)."""
    skewed: float = 0.5
    """Skewness above which there is one: that of a mean of 16 exponential values, of which the 95%
    percentile interval of the parametric bootstrap covers 93.3%, missing on one side in 6.2%."""
    noise: float = 3.0
    """Standard errors of these two that they also have to exceed: a false-alarm rate of 0.3%."""


_THRESHOLDS = _Thresholds()


@dataclass(frozen=True, slots=True)
class _Rule:
    """Kinds in order of preference, for so many units and for replicates off center or any."""

    # ``clustered`` rules are for clusters alone.

    up_to: float
    off_center: bool
    kinds: tuple[str, ...]
    clustered: bool = False


_RULES = (
    # python benchmarks/batched_intervals.py --checkpoint DIR --csv benchmarks/results (n = 20, 50),
    # python benchmarks/validation.py --checkpoint DIR --csv benchmarks/results (from 200 on)
    # Coverage of 95% intervals in ten regular models, in percent, worst to best parameter:
    # n = 20:  studentized 88.7 to 98.7 (NB2's log alpha, which has few, 80.8), bca 78.0 to 100.0,
    #          percentile 75.3 to 96.4
    # n = 50:  studentized 92.8 to 96.3, bca 92.3 to 98.0, percentile 86.8 to 94.8
    # n = 200: studentized 93.4 to 95.6, bca 93.4 to 96.2, percentile 92.4 to 95.2
    # n = 1,500: studentized 95.0 to 95.8, bca 94.8 to 95.9, percentile 94.5 to 95.6
    # Recommended with signed-root, which serves replicates with no finite optimum, instead of bca
    # and percentile (2,000 data sets); in brackets without it:
    # n = 20: logit 97.0 to 98.2 (89.2), probit 96.8 to 97.2 (86.6), ordered probit 95.4 to 98.2
    #         (84.0), log alpha of an NB2 90.4 (87.4)
    # n = 50: log alpha 92.9, tails 2.3 and 4.8 (85.8, 12.1)
    # Recommended with wald-score where no replicate lacks a finite optimum, in 92 to 100% of the
    # data sets of the first six models, in 1 to 2% of the others; in brackets with studentized:
    # n = 20: exponential 95.4 (95.4), normal 93.8 to 95.1 (93.6 to 95.1), gamma 94.2 to 94.5 (94.0
    #         to 94.2), Weibull 93.3 to 94.7 (92.8 to 95.2), Poisson 93.4 to 95.2 (88.7 to 94.8),
    #         tobit 93.7 to 94.8 (90.9 to 93.8); the others the same
    # n = 30: Poisson 92.5 to 97.0 (91.0 to 97.0), tobit 95.0 to 96.5 (93.5 to 95.0); n = 40:
    #         Poisson 94.5 to 97.0 (92.0 to 96.0), tobit 95.5 to 96.5 (95.0 to 96.0); 200 each
    # A ratio, a quantile and a probability, this on the probit scale (2,000 data sets):
    # n = 20:  studentized 92.5 to 94.9, bca where it has ends 87.3 to 94.7
    # n = 50:  studentized 94.1 to 94.8, bca where it has ends 92.2 to 95.2
    # A coefficient of variation, its mean near 0: studentized 67 to 79, percentile 92 to 94; heavy
    # tails, which rule studentized ones out, have 88% of its samples at n = 20 and 74% at n = 50.
    # Clustered logit, linear model and NB2, equal and unequal sizes; cr1 to cr3 of 400 data sets of
    # each (800 with 10 clusters), studentized of 60 to 120 (python benchmarks/intervals.py):
    # 8 clusters:  cr3 94.0 to 98.2, cr2 92.0 to 97.5, studentized 83.3 to 98.3
    # 10 clusters: cr3 94.0 to 97.5, cr2 90.5 to 96.8, studentized 85.0 to 96.7
    # 20 clusters: cr3 93.0 to 97.2, cr2 91.5 to 96.5, studentized 86.7 to 96.7
    # 40 clusters: cr3 94.0 to 97.8, cr2 93.5 to 97.2, studentized 88.3 to 100.0
    # 100 clusters (random-effects logit, 4,000 data sets): studentized 94.0 to 94.6
    _Rule(99, False, ("cr3",), clustered=True),
    _Rule(FEWEST_UNITS, False, ("wald-score", "studentized", "signed-root", "bca")),
    _Rule(FEW_UNITS, False, ("studentized", "signed-root", "bca")),
    _Rule(1000, False, ("studentized", "bca")),
    _Rule(np.inf, True, ("studentized", "bca")),
)
"""The first rule that holds and has a kind with finite endpoints decides; else percentile."""


_RELIABLE_FROM = {
    ("wald-score", False): 20,
    ("studentized", False): 50,
    ("signed-root", False): 50,
    ("bca", False): 200,
    ("percentile", False): 500,
    ("cr3", True): 8,
    ("studentized", True): 100,
    ("bca", True): 100,
    ("percentile", True): 100,
}
"""Fewest units, clusters or others, from which a kind's 95% intervals were within 1.5 points of 95%
in every model of that study (2.5 below 50 units and with clusters), Monte Carlo error of 2 allowed:
the rule by which `benchmarks/intervals.py` shows a miss in bold. Percentile: 92.4% at n = 200, and
the error of one-sided levels shrinks as 1/√n, that of two-sided ones as 1/n."""


_CLUSTERED = {"Clustered", "Wild"}
_STUDIED = {"Cases", "Stratified", "Bayesian", *_CLUSTERED}


def is_clustered(boot: Spread) -> bool:
    """Whether the units are clusters."""
    return _kind_of_plan(boot) in _CLUSTERED


def is_studied(boot: Spread) -> bool:
    """Whether the plan is among those of the study: of rows, and of clusters."""
    return _kind_of_plan(boot) in _STUDIED and boot.supports_quantiles and boot.rescaling[0] == 1


def _kind_of_plan(boot: Spread) -> str:
    """Return the plan's class; of a run loaded without its plan, by the text that is kept."""
    return str(boot.sampling).partition("(")[0]


def why_unreliable(kind: str, n_units: float, clustered: bool) -> str:
    """Say why the study does not support a kind of interval here; empty where it does."""
    fewest = _RELIABLE_FROM.get((kind, clustered), np.inf)
    if n_units >= fewest:
        return ""
    what = "clusters" if clustered else "units"
    return f"{kind} intervals have the coverage they claim from {fewest:,.0f} {what} on"


ONE_CLUSTER = (
    "one cluster alone determines it: nothing shows how much another such cluster would differ, "
    "and a standard error from its scores is too small (MacKinnon and Webb 2017)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """Why no interval is recommended, and for which parameters, (p,)."""

    reason: str
    concerned: NDArray[np.bool_]


def refusals(boot: Spread) -> list[Refusal]:
    """List why no interval is recommended where the bootstrap's are no intervals of anything."""
    names = np.array(boot.names)
    everything = np.ones(len(names), dtype=bool)
    local = any(each.kind is AlarmKind.BETTER_OPTIMUM for each in boot.alarms)
    profiled = isinstance(boot.fit, Fit) and not (boot.derived or boot.fit.optimizer.constraints)
    more = "; crosscheck(boot, profile=True) has one by the profile likelihood"
    if local:
        return [
            Refusal("the fit is a local optimum only; fit again from the better one", everything)
        ]
    at_bound = f"at a bound the bootstrap is inconsistent (Andrews 2000){more if profiled else ''}"
    found = [Refusal(at_bound, np.isin(names, boot.at_bound))]
    if boot.cluster_robust is not None:
        found.append(Refusal(ONE_CLUSTER, boot.cluster_robust.rests_on_one()))
    found += [
        Refusal(each.kind.value, np.isin(names, each.names))
        for each in boot.alarms
        if each.kind in IN_DOUBT
    ]
    return [each for each in found if each.concerned.any()]


def describe_refusals(boot: Spread) -> str:
    """Say for which parameters no interval is recommended, and why; empty where all have one."""
    return "; ".join(
        f"no interval is recommended{_of_some(boot, each.concerned)}: {each.reason}"
        for each in refusals(boot)
    )


def _of_some(boot: Spread, concerned: NDArray[np.bool_]) -> str:
    """Name the parameters, unless they are all."""
    names = np.array(boot.names)[concerned].tolist()
    return "" if concerned.all() else f" for {', '.join(names)}"


def withheld(boot: Spread) -> NDArray[np.bool_]:
    """Whether no interval is recommended for each parameter, (p,)."""
    found = np.zeros(len(boot.names), dtype=bool)
    for each in refusals(boot):
        found |= each.concerned
    return found


def off_center(boot: Spread) -> NDArray[np.bool_]:
    """Whether replicates are off center or skewed beyond Monte Carlo error, (p,)."""
    count = len(boot.data) - boot.n_failed
    if not boot.supports_quantiles or count < fewest_replicates(LEVEL):
        return np.zeros(len(boot.names), dtype=bool)
    off = is_off_center(median_bias(boot), boot.skewness, count)
    return np.asarray(off & (boot.standard_error > 0) & ~boot.flat())


def is_off_center(shift: Floats, skewness: Floats, count: int) -> NDArray[np.bool_]:
    """Whether the median bias z0 or the skewness of so many replicates is, (p,)."""
    noise = _THRESHOLDS.noise
    off = np.abs(shift) > max(_THRESHOLDS.shifted, noise * np.sqrt(np.pi / 2 / count))
    skewed = np.abs(skewness) > max(_THRESHOLDS.skewed, noise * np.sqrt(6 / count))
    return np.asarray(off | skewed)


def median_bias(boot: Spread) -> Floats:
    """Return the median bias z0, (p,), finite even where all replicates lie on one side."""
    count = len(boot.data) - boot.n_failed
    low, _ = boot.ordered()
    below = np.mean(low < boot.estimate, axis=0) + np.mean(low == boot.estimate, axis=0) / 2
    return np.asarray(ndtri(np.clip(below, 0.5 / count, 1 - 0.5 / count)))


def choose_kinds(
    n_units: float,
    off: NDArray[np.bool_],
    shown: Callable[[str], NDArray[np.bool_]],
    *,
    clustered: bool = False,
) -> NDArray[np.str_]:
    """Choose a kind of interval for each parameter, (p,)."""
    # ``off`` says whose replicates are off center, and ``shown(kind)`` whose interval of a kind has
    # finite endpoints, (p,) each; ``clustered``, whether the units are clusters.
    chosen = np.full(off.size, "percentile", dtype=object)
    free = np.ones(off.size, dtype=bool)
    for rule in _RULES:
        here = n_units <= rule.up_to and (clustered or not rule.clustered)
        concerned = (off | (not rule.off_center)) & here
        for kind in rule.kinds:
            if not (concerned & free).any():
                break
            serves = concerned & free & shown(kind)
            chosen[serves] = kind
            free &= ~serves
    return chosen.astype(str)
