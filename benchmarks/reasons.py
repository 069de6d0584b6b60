"""Is the first reason that `crosscheck` gives the right one, where one fault is known?

    python benchmarks/reasons.py --datasets 20

The first reason is the flag of the first diagnosis, else that of the first source that disagrees;
of a given source, its own. In the second table each fault is put into data of each model of
`false_alarms.py`, at n = 200.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from bootmle import Clustered, Crosscheck, Flag, bootstrap, crosscheck, fit
from bootmle.display.text import align
from bootmle.fitting.fit import Fit
from false_alarms import MODELS
from models import Model, normal, normal_mixture, poisson, probit

Rng = np.random.Generator
B = 199


def main() -> None:
    """Print for each fault which first reasons were given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=20)
    count = parser.parse_args().datasets
    rows = []
    for fault, (right, make) in FAULTS.items():
        found = Counter(
            first_reason(make(np.random.default_rng([seed, 9]))) for seed in range(count)
        )
        share = sum(found[each] for each in right) / count
        wrong = {flag: times for flag, times in found.items() if flag not in right}
        shown = ", ".join(f"{flag.name if flag else None} {n}" for flag, n in wrong.items())
        rows.append([fault, "/".join(each.name for each in right), f"{share:.0%}", shown])
    print(align(["fault", "right", "first", "else"], rows), "\n")
    rows = [_row_of_any(fault, count) for fault in FAULTS_OF_ANY]
    print(align(["fault, in any model", "data sets", "first", "else"], rows))


def _row_of_any(fault: str, count: int) -> list[str]:
    """Put a fault into data of every model."""
    right, make = FAULTS_OF_ANY[fault]
    found = Counter(
        (name, first_reason(check))
        for name, model in MODELS.items()
        for seed in range(count)
        if (check := _with_fault(make, model(), seed)) is not None
    )
    share = sum(n for (_, flag), n in found.items() if flag in right) / found.total()
    wrong = {key: n for key, n in found.items() if key[1] not in right}
    shown = ", ".join(
        f"{name}: {flag.name if flag else None} {n}" for (name, flag), n in wrong.items()
    )
    return [fault, str(found.total()), f"{share:.1%}", shown]


def _with_fault(
    make: Callable[[Model, Any, Fit], Crosscheck | None], model: Model, seed: int
) -> Crosscheck | None:
    """Put a fault into a data set of a model; None where there is none to see."""
    args = model.data(200, np.random.default_rng([seed, 10]))
    mle = _fit(model, args)
    return make(model, args, mle) if mle.converged else None


def first_reason(check: Crosscheck) -> Flag | None:
    """Return the first reason given."""
    if "given" in check.verdicts:
        return check.verdicts["given"].flag
    if check.diagnoses:
        return check.diagnoses[0].flag
    off = [verdict.flag for verdict in check.verdicts.values() if verdict.flag is not None]
    return off[0] if off else None


def _fit(model: Model, args: Any, **more: Any) -> Any:
    return fit(model.nll, dict(zip(model.names, model.truth, strict=True)), args, **more)


def misspecified_variance(rng: Rng) -> Crosscheck:
    """Counts that vary three times as much as a Poisson's."""
    model = poisson(2)
    X, _ = model.data(300, rng)
    mean = np.exp(X @ model.truth)
    return crosscheck(_fit(model, (X, rng.negative_binomial(mean / 2, 1 / 3).astype(float))))


def clusters_ignored(rng: Rng) -> Crosscheck:
    """A mean and a scale of rows that share their cluster's deviation."""
    groups = np.repeat(np.arange(60), 5)
    y = rng.normal(size=60)[groups] + rng.normal(size=300)
    mle = fit(normal().nll, {"mu": 0.0, "log_sigma": 0.0}, y)
    return crosscheck(bootstrap(mle, sampling=Clustered(groups), n_resamples=B, rng=rng))


def minus_two_log_l(rng: Rng) -> Crosscheck:
    """Twice a probit's contributions."""
    model = probit(2)
    args = model.data(300, rng)
    start = dict(zip(model.names, model.truth, strict=True))
    return crosscheck(fit(lambda params, *args: 2 * model.nll(params, *args), start, args))


def sum_of_squares(rng: Rng) -> Crosscheck:
    """Squared residuals of a regression with a standard deviation of 3."""
    X = np.column_stack([np.ones(200), rng.normal(size=200)])
    y = X @ [1.0, 2.0] + 3 * rng.normal(size=200)
    return crosscheck(fit(lambda b, X, y: (y - X @ b) ** 2, {"base": 0.0, "slope": 0.0}, (X, y)))


def wrong_point(rng: Rng) -> Crosscheck:
    """A result whose x is two standard errors away."""
    model = poisson(2)
    mle = _fit(model, model.data(300, rng))
    x = mle.estimate + 2 * mle.information.standard_errors
    found = {"x": x, "hess_inv": mle.information.covariance, "success": True}
    made: Any = OptimizeResult  # SciPy's stubs let it take no mapping
    result = made(found)
    return crosscheck(mle, {"given": result})


def local_optimum(rng: Rng) -> Crosscheck:
    """Two components for three groups: the middle one goes to the side where it fits worse."""
    parts = ((0.0, 12), (6.0, 10), (12.0, 11))
    model, held = normal_mixture(), {"log_sigma": 0.0, "logit_weight": 0.0}
    while True:
        y = np.concatenate([rng.normal(center, 1.0, size) for center, size in parts])
        fits = [
            fit(model.nll, [*means, 0.0, 0.0], y, names=model.names, fixed=held)
            for means in ((0.0, 9.0), (3.0, 12.0))
        ]
        best, poor = sorted(fits, key=lambda each: each.nll)
        if poor.converged and best.nll < poor.nll - 1:
            return crosscheck(bootstrap(poor, n_resamples=B, rng=rng))


def small_sample(rng: Rng) -> Crosscheck:
    """A correct Poisson model of 12 rows and 4 parameters."""
    model = poisson(3)
    return crosscheck(bootstrap(_fit(model, model.data(12, rng)), n_resamples=B, rng=rng))


def boundary(rng: Rng) -> Crosscheck:
    """A mean at its bound."""
    (y,) = normal().data(100, rng)
    bounds = [(None, float(y.mean()) - 0.1), (None, None)]
    return crosscheck(fit(normal().nll, {"mu": -5.0, "log_sigma": 0.5}, y, bounds=bounds))


def heavy_tails(rng: Rng) -> Crosscheck:
    """The exponential of a mean with a standard error of 1."""
    y = rng.normal(size=200)
    y = (y - y.mean()) / y.std() * np.sqrt(200) + 3

    def nll(params: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return params[1] + 0.5 * ((y - np.log(params[0])) / np.exp(params[1])) ** 2

    mle = fit(nll, {"theta": 20.0, "log_sigma": 2.0}, y)
    return crosscheck(bootstrap(mle, n_resamples=999, rng=rng))


def unidentified(rng: Rng) -> Crosscheck:
    """Two parameters that enter as a sum."""
    (y,) = normal().data(100, rng)

    def nll(params: Any, y: Any) -> Any:
        return normal().nll([params[0] + params[1], params[2]], y)

    return crosscheck(fit(nll, {"a": 0.0, "b": 0.0, "log_sigma": 0.0}, y))


def wrong_step(rng: Rng) -> Crosscheck:
    """A Hessian by forward differences with a step of 0.1."""
    model = poisson(2)
    args = model.data(300, rng)
    mle = _fit(model, args)
    return crosscheck(mle, {"given": _differenced(model, args, mle)})


def any_minus_two_log_l(model: Model, args: Any, mle: Fit) -> Crosscheck:
    """Twice the contributions."""
    start = dict(zip(model.names, model.truth, strict=True))
    return crosscheck(fit(lambda p, *args: 2 * np.asarray(model.nll(p, *args)), start, args))


def any_wrong_point(model: Model, args: Any, mle: Fit) -> Crosscheck:
    """A result whose x is two standard errors away in each parameter."""
    x = mle.estimate + 2 * mle.information.standard_errors
    found = {"x": x, "hess_inv": mle.information.covariance, "success": True}
    made: Any = OptimizeResult  # SciPy's stubs let it take no mapping
    return crosscheck(mle, {"given": made(found)})


def any_wrong_step(model: Model, args: Any, mle: Fit) -> Crosscheck | None:
    """A Hessian by forward differences with a step of 0.1, where that changes it by 3%."""
    covariance = _differenced(model, args, mle)
    own = np.diag(mle.information.covariance)
    positive = np.linalg.eigvalsh(covariance)[0] > 0
    if not positive or np.abs(np.log(np.diag(covariance) / own)).max() < 0.06:
        return None
    return crosscheck(mle, {"given": covariance})


def any_unidentified(model: Model, args: Any, mle: Fit) -> Crosscheck:
    """The first parameter is a sum of two."""
    names, truth = ("a", "b", *model.names[1:]), np.array([0.5, 0.5, *model.truth[1:]])
    truth[:2] *= model.truth[0]

    def nll(params: Any, *args: Any) -> Any:
        return model.nll(np.concatenate([[params[0] + params[1]], params[2:]]), *args)

    return crosscheck(fit(nll, dict(zip(names, truth, strict=True)), args))


def any_boundary(model: Model, args: Any, mle: Fit) -> Crosscheck:
    """The first parameter is bounded half a standard error below its estimate."""
    error, start = mle.information.standard_errors[0], mle.estimate.copy()
    bounds = [(None, start[0] - 0.5 * error)] + [(None, None)] * (len(start) - 1)
    start[0] -= 1.5 * error
    named = dict(zip(model.names, start, strict=True))
    return crosscheck(fit(model.nll, named, args, bounds=bounds))


def _differenced(model: Model, args: Any, mle: Fit) -> Any:
    """Invert a Hessian by forward differences with a step of 0.1."""
    h, q = 0.1, len(mle.names)
    steps = h * np.eye(q)

    def total(step: Any) -> float:
        return float(model.nll(mle.estimate + step, *args).sum())

    zero = total(np.zeros(q))
    H = [[(total(a + b) - total(a) - total(b) + zero) / h**2 for b in steps] for a in steps]
    return np.linalg.inv(np.array(H))


FAULTS: dict[str, tuple[tuple[Flag, ...], Callable[[Rng], Crosscheck]]] = {
    "misspecified variance": ((Flag.MISSPECIFIED,), misspecified_variance),
    "clusters ignored": ((Flag.CLUSTERED,), clusters_ignored),
    "−2 log L": ((Flag.OBJECTIVE_SCALE,), minus_two_log_l),
    "sum of squares": ((Flag.OBJECTIVE_SCALE,), sum_of_squares),
    "wrong point": ((Flag.NOT_AT_OPTIMUM,), wrong_point),
    "local optimum": ((Flag.BETTER_OPTIMUM,), local_optimum),
    "small n": ((Flag.SMALL_SAMPLE, Flag.SKEWED, Flag.HEAVY_TAILED), small_sample),
    "boundary": ((Flag.AT_BOUND,), boundary),
    "heavy tails": ((Flag.HEAVY_TAILED,), heavy_tails),
    "unidentified": ((Flag.NOT_IDENTIFIED,), unidentified),
    "wrong step": ((Flag.OTHER_FORMULA, Flag.ROUNDING), wrong_step),
}

FAULTS_OF_ANY: dict[
    str, tuple[tuple[Flag, ...], Callable[[Model, Any, Fit], Crosscheck | None]]
] = {
    "−2 log L": ((Flag.OBJECTIVE_SCALE,), any_minus_two_log_l),
    "wrong point": ((Flag.NOT_AT_OPTIMUM,), any_wrong_point),
    "wrong step": ((Flag.OTHER_FORMULA, Flag.ROUNDING), any_wrong_step),
    "unidentified": ((Flag.NOT_IDENTIFIED,), any_unidentified),
    "boundary": ((Flag.AT_BOUND,), any_boundary),
}


if __name__ == "__main__":
    main()
