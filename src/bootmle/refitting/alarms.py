"""Diagnostics computed from the replicates at no extra cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bootmle.display.text import rounded
from bootmle.fitting.fit import Fit
from bootmle.fitting.search import Search
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.refitting.alarm_kinds import Alarm, AlarmKind
from bootmle.refitting.information_equality import (
    Equality,
    compare,
    equality_of_replicates,
    under_the_model,
)
from bootmle.refitting.refit import LikelihoodRefit
from bootmle.refitting.replicates import Replicates

__all__ = ["likelihood_alarms", "scores_of"]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """When an alarm is raised."""

    decrement: float = 1e-3
    """Standard errors from its optimum beyond which a fit is not as good as a certified one."""
    sample: int = 200
    """Replicates whose nll on the original data is computed: the first ones. Of expanded ones the
    expansion tells it; of them only the furthest are evaluated."""
    extreme: int = 20
    """The furthest of the others, which are the likeliest to have left the optimum's basin."""
    fall: float = 1e-6
    """Fall of the nll below the fit's that is no error of the fit: one certified to 1e-3 standard
    errors is within ½ (1e-3)² of its minimum."""
    noises: float = 10.0
    """The same in units of the objective's noise."""
    fewest: int = 50
    """Excess values below which their distribution is not compared."""
    distance: float = 0.25
    """Largest distance of two distribution functions: of 50 values by chance in at most
    2 exp(−2 · 50 · 0.25²) = 0.4% of runs (Massart 1990)."""
    draws: int = 4000
    """Draws of the expected distribution, which is then known to 0.008."""
    at_bound: float = 1e-6
    """Standard errors from a bound that are rounding."""


_THRESHOLDS = _Thresholds()


def likelihood_alarms(
    fit: Fit,
    refit: LikelihoodRefit,
    replicates: Replicates,
    *,
    independent_rows: bool = True,
    in_doubt: bool = False,
) -> tuple[Alarm, ...]:
    """Raise the alarms that need the likelihood."""
    # The scores predict how far replicates lie only where rows are drawn independently; replicates
    # that are in doubt are not said to be valid.
    sample = _sample(fit, replicates)
    expanded = replicates.status[sample] == Status.EXPANDED
    expanded[_THRESHOLDS.sample :] = False
    excess = np.empty(sample.size)
    excess[expanded] = _excess_by_expansion(refit, replicates.estimates[sample[expanded]])
    excess[~expanded] = _excess(fit, replicates.estimates[sample[~expanded]])
    scores = scores_of(refit)
    equality = _equality(fit, refit, scores, replicates, independent_rows)
    return (
        *_not_certified(fit),
        *_better_optimum(fit, replicates, sample[~expanded], excess[~expanded]),
        *_scale(equality, in_doubt),
        *(_excess_distribution(scores, excess[: _THRESHOLDS.sample]) if independent_rows else ()),
        *_bounds(fit, replicates),
    )


def _sample(fit: Fit, replicates: Replicates) -> NDArray[np.intp]:
    """Choose replicates to evaluate on the original data: the first ones, then the furthest."""
    certified = np.flatnonzero(
        (replicates.status >= 0) & np.isfinite(replicates.estimates).all(axis=1)
    )
    first, rest = certified[: _THRESHOLDS.sample], certified[_THRESHOLDS.sample :]
    parameters = fit.likelihood.parameters
    z = fit.whitening.to_whitened(parameters.to_working(replicates.estimates[rest]))
    # A replicate at a bound is infinite on a log or logit scale, however near it is.
    far = np.argsort(np.linalg.norm(np.where(np.isfinite(z), z, 0.0), axis=1))[
        -_THRESHOLDS.extreme :
    ]
    return np.concatenate([first, rest[far]])


def _excess(fit: Fit, estimates: Floats) -> Floats:
    """Evaluate the original data's nll at replicates, minus that at the estimate."""
    target = WhitenedObjective(fit.likelihood, fit.whitening, fit.base)
    return np.array(target.values_of(estimates))


def _excess_by_expansion(refit: LikelihoodRefit, estimates: Floats) -> Floats:
    """Return the same from the expansion of the original data, without evaluations."""
    parameters = refit.fit.likelihood.parameters
    z = refit.fit.whitening.to_whitened(parameters.to_working(estimates))
    return np.asarray(refit.dispersion * refit.models_of_data(len(z)).at(z)[0])


def _not_certified(fit: Fit) -> Iterator[Alarm]:
    """Say that the fit itself is not certified."""
    if fit.status is Status.NOISE_LIMITED and fit.decrement > _THRESHOLDS.decrement:
        yield Alarm(
            AlarmKind.FIT_NOT_CERTIFIED,
            f"the fit is {rounded(fit.decrement, 2)} standard errors from its optimum "
            f"({fit.status.message}): replicates may share that error; compute the objective to "
            f"more digits",
        )


def _better_optimum(
    fit: Fit, replicates: Replicates, sample: NDArray[np.intp], excess: Floats
) -> Iterator[Alarm]:
    """Follow a replicate whose estimate fits the original data better than the estimate does."""
    fall = max(_THRESHOLDS.fall, _THRESHOLDS.noises * fit.step_sizes.noise)
    if excess.size == 0 or not excess.min() < -fall:
        return
    best = int(sample[np.argmin(excess)])
    search, reason = _search_from(fit, replicates.estimates[best])
    if reason:
        yield Alarm(
            AlarmKind.UNBOUNDED_LIKELIHOOD,
            f"from the estimate of replicate {best} the likelihood of the original data rises "
            f"without reaching an optimum ({reason}): it may be unbounded there; bound or "
            f"transform the diverging parameter",
        )
        return
    found = search.likelihood.parameters.to_user(search.working)
    nll = search.likelihood.total(found)
    values = ", ".join(f"{value:.8g}" for value in found)
    yield Alarm(
        AlarmKind.BETTER_OPTIMUM,
        f"the estimate of replicate {best} leads to a better optimum of the original data (nll "
        f"{nll:.8g}, the fit has {fit.nll:.8g}): fit again from x0 = [{values}], as "
        f"boot.better_fit() does",
        estimate=found,
    )


def _search_from(fit: Fit, start: Floats) -> tuple[Search, str]:
    """Fit the original data from another start; with the reason where there is no optimum."""
    parameters = replace(fit.likelihood.parameters, values=start)
    search = Search(replace(fit.likelihood, parameters=parameters), fit.optimizer)
    try:
        search.run()
    except ValueError as error:
        return search, str(error)
    return search, "" if search.status.has_optimum else search.status.message


def scores_of(refit: LikelihoodRefit) -> Floats | None:
    """Return the whitened scores of the observations, (n, r), where there are contributions."""
    if not refit.supports_weights or refit.expansion is None:
        return None
    scores: Floats = refit.expansion.scores(refit.fit.likelihood)
    return np.asarray(np.sqrt(refit.dispersion) * scores)


def _curvatures(refit: LikelihoodRefit) -> Floats:
    """Return the trace of every observation's Hessian, (n,); 0 where it was not measured."""
    expansion = refit.expansion
    assert expansion is not None
    size = expansion.size
    if expansion.order == 1:
        return np.zeros(refit.fit.n)
    # Second derivatives by k and j ≥ k follow the first ones, those by k and k foremost of each k.
    places = [size + k * size - k * (k - 1) // 2 for k in range(size)]
    traces = expansion.terms[:, places].sum(axis=1)
    return refit.fit.likelihood.of_observations(np.asarray(traces))


def _scale(equality: Equality | None, in_doubt: bool) -> Iterator[Alarm]:
    """Report that the information equality fails."""
    if equality is not None and equality.fails:
        yield Alarm(
            AlarmKind.OBJECTIVE_SCALE,
            f"{equality}: {equality.suspects}; "
            + (
                "standard errors from the Hessian are not valid"
                if in_doubt
                else "the bootstrap's standard errors remain valid, those from the Hessian do not"
            ),
        )


def _equality(
    fit: Fit, refit: LikelihoodRefit, scores: Floats | None, replicates: Replicates, rowwise: bool
) -> Equality | None:
    """Compare the expansion's scores with its curvatures; replicates, where there are no scores."""
    if scores is None:
        return equality_of_replicates(fit, replicates) if rowwise else None
    squares = fit.likelihood.score_share * (scores**2).mean(axis=1, keepdims=True)
    traces, size = _curvatures(refit), scores.shape[1]
    curvatures = traces[:, None] / size
    (ratio,), (error,) = compare(squares, curvatures)
    expected, freedom = under_the_model(traces, curvatures, size)
    return Equality(float(ratio), float(error), expected=expected, freedom=freedom)


def _excess_distribution(scores: Floats | None, excess: Floats) -> Iterator[Alarm]:
    """Compare twice the excess nll with Σ λ_j χ²₁, λ the eigenvalues of H⁻¹JᵀJ."""
    if scores is None or excess.size < _THRESHOLDS.fewest:
        return
    values = np.linalg.eigvalsh(scores.T @ scores)
    draws = np.random.default_rng(0).chisquare(1.0, (_THRESHOLDS.draws, values.size)) @ values
    off = _distribution_distance(2 * excess, draws)
    if off < _THRESHOLDS.distance:
        return
    seen, expected = float(np.median(2 * excess)), float(np.median(draws))
    where = "further from" if seen > expected else "nearer to"
    yield Alarm(
        AlarmKind.EXCESS_DISTRIBUTION,
        f"the replicates lie {where} the estimate than the scores predict (median of twice the "
        f"excess nll {rounded(seen, 2)}, expected {rounded(expected, 2)}): too few observations "
        f"for normal theory, or an irregular model; rely on the bootstrap's intervals, not on 1.96 "
        f"standard errors",
    )


def _distribution_distance(one: Floats, other: Floats) -> float:
    """Largest difference between two empirical distribution functions."""
    points = np.concatenate([one, other])
    first = np.searchsorted(np.sort(one), points, side="right") / len(one)
    second = np.searchsorted(np.sort(other), points, side="right") / len(other)
    return float(np.abs(first - second).max())


def _bounds(fit: Fit, replicates: Replicates) -> Iterator[Alarm]:
    """Report the share of replicates at each bound."""
    parameters = fit.likelihood.parameters
    kept = replicates.estimates[~replicates.failed][:, parameters.free]
    units = _THRESHOLDS.at_bound * np.maximum(
        fit.whitening.units * np.abs(parameters.slopes(fit.whitening.center)), 1e-12
    )
    for side, end in (("lower", 0), ("upper", 1)):
        for column in np.flatnonzero(np.isfinite(parameters.bounds[:, end])):
            name, bound = parameters.free_names[column], parameters.bounds[column, end]
            share = float(np.mean(np.abs(kept[:, column] - bound) <= units[column]))
            if share > 0:
                yield Alarm(
                    AlarmKind.AT_BOUND,
                    f"{share:.1%} of the replicates have {name} at its {side} bound: the bootstrap "
                    f"is not valid for a parameter on the boundary (Andrews 2000)",
                    (name,),
                )
