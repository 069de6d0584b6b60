"""What a bootstrap of an expensive objective costs: verified refits against corrected ones.

Run ``python benchmarks/expensive.py [MODEL ...] [--seeds K] [--csv DIR]``.

Table 1, one row for each model and form of the objective, of 1,999 replicates. Both ways are run
side by side, in turns. Evaluations are of all rows: one on half of them counts half, and counts,
which are exact, are what takes the time. Refits of totals that are not taken apart, whose time is
that of 40, are scaled to 1,999:

scipy
    Evaluations of SciPy's BFGS from the same start values.
fit
    Evaluations of `fit`, SciPy's own included; with `jac` its gradients, too, are counted below.
verified, corrected
    Evaluations of the bootstrap.
in_all
    Those of the new way, from the start values to the printed table.
gradients
    The same of `jac`, where it is given.
sample
    Verified replicates among the corrected ones.
ratio, loop
    All evaluations of the old way over those of the new one; those of BFGS in a loop over these.
before, now, faster
    Seconds of both ways on two cores at 5 ms an evaluation, which sleeps in proportion to its rows,
    and their ratio.
se_percent, end
    Largest error of a standard error, in percent, and of an endpoint of a 95% interval, in standard
    errors, against verified refits of the same resamples.

Table 2 (``--seeds``), of Poisson and logit regressions: how often the verified answer lies within 2
Monte Carlo errors, in percent. Of 9,999 verified and expanded replicates each seed takes 999 at
random and corrects them; the answer is that of the other 9,000 verified ones, whose own error
counts, too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from bootmle import Bootstrap, bootstrap, fit
from bootmle.bootstrapping.correcting import correct_by
from bootmle.execution.threads import computation
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from models import logit, nb2, ordered_probit, poisson, weibull
from tables import Row, report

SEED = 20_261_129
WHOLE, FEW, PAUSE = 1999, 40, 5e-3
"""Replicates, those of verified totals that are run, and seconds of an evaluation."""
POOL, RUN = 9999, 999
"""Replicates that are verified for table 2, and of a run."""


Model = tuple[Callable[..., Floats], Floats, tuple[Any, ...], Callable[..., Floats] | None]


class Counted:
    """An objective that counts the rows it is evaluated on, and sleeps as long as they take."""

    def __init__(
        self, function: Callable[..., Floats], n: int, *, total: bool, whole: bool = False
    ) -> None:
        """Count from zero; refuse single rows if it is to be evaluated as a ``whole``."""
        self.function, self.n, self.total, self.whole = function, n, total, whole
        self.rows, self.pause, self.owed = 0, 0.0, 0.0

    def __call__(self, params: Floats, *args: Any) -> Any:
        """Evaluate."""
        count = len(args[0])
        if self.whole and count == 1:
            raise ValueError("a single row")
        self.rows += count
        self.owed += self.pause * count / self.n
        if self.owed > 1e-3:  # shorter sleeps take longer than asked for
            time.sleep(self.owed)
            self.owed = 0.0
        values = self.function(params, *args)
        return values.sum(axis=0) if self.total else values

    def taken(self) -> float:
        """Return the evaluations of all rows since the last call."""
        count, self.rows = self.rows / self.n, 0
        return count


def mixed_logit(n: int) -> Model:
    """Simulate binary choices, 6 a person, with 4 normal coefficients, and their likelihood.

    Their standard deviations have either sign, as in R's mlogit: on a log scale, where one that may
    be 0 lies at minus infinity, the expansion of small samples has no optimum.
    """
    rng = np.random.default_rng(SEED)
    draws = rng.normal(size=(48, 4))
    x = rng.normal(size=(n, 6, 4))
    truth = np.array([0.5, -0.5, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    beta = truth[:4] + truth[4:] * rng.normal(size=(n, 4))
    y = (np.einsum("itk,ik->it", x, beta) + rng.logistic(size=(n, 6)) > 0).astype(float)

    def nll(params: Floats, x: Floats, y: Floats) -> Floats:
        # Choices' odds multiply in place: logaddexp would take ten times as long.
        odds = x @ (params[:4] + params[4:] * draws).T
        odds *= (1 - 2 * y)[:, :, None]
        odds = np.exp(odds, out=odds) + 1
        return np.asarray(np.log(len(draws)) - np.log((1 / odds.prod(axis=1)).sum(axis=1)))

    return nll, np.repeat([0.0, 1.0], 4), (x, y), None


def _model(name: str) -> Model:
    """Return contributions, start values, data and scores."""
    if name == "mixed logit":
        return mixed_logit(1500)
    model = MODELS[name]()
    start = np.zeros(len(model.truth))
    data = model.data(1500, rng=SEED)
    if name == "ordered probit":  # cuts without covariates, as statsmodels starts
        start[-3:] = ndtri(np.cumsum(np.bincount(data[1].astype(int)))[:3] / len(data[1]))
    return model.nll, start, data, model.scores


MODELS: dict[str, Any] = {
    "logit": logit,
    "nb2": nb2,
    "weibull": weibull,
    "ordered probit": ordered_probit,
    "mixed logit": None,
}


def costs(names: Sequence[str]) -> Iterator[Row]:
    """Count evaluations, time both ways, and compare corrected replicates with verified ones."""
    for name in names:
        model = _model(name)
        verified = _run(fit(*model[:3]), WHOLE, "verified")
        for total in (True, False):
            row: Row = {"model": name}
            yield row | _costs(model, total, verified)
        if model[3] is not None:
            yield row | _costs_with_jac(*model)


def _costs(model: Model, total: bool, verified: Bootstrap) -> Row:
    """Count, time and compare one form of the objective."""
    function, start, data, _ = model
    new, old = (Counted(function, len(data[0]), total=total, whole=way) for way in (False, True))
    minimize(lambda params, *args: float(np.sum(new(params, *args))), start, data)
    scipy = new.taken()
    mle = fit(new, start, data)
    fitted = new.taken()
    boot = _run(mle, WHOLE, "corrected")
    corrected, now = new.taken(), _seconds_now(new, model)
    before = _evaluations(_run(fit(old, start, data), FEW, "verified"))
    error, end = _errors(boot, verified)
    seconds = _seconds_before(old, model)
    return {
        "objective": "total" if total else "contributions",
        "scipy": round(scipy),
        "fit": round(fitted),
        "verified": round(before),
        "corrected": round(corrected),
        "in_all": round(fitted + corrected),
        "gradients": 0,
        "sample": int((boot.status == Status.VERIFIED).sum()),
        "ratio": round((fitted + before) / (fitted + corrected), 1),
        "loop": round(scipy * (1 + WHOLE) / (fitted + corrected)),
        "before": round(seconds, 1),
        "now": round(now, 1),
        "faster": round(seconds / now, 1),
        "se_percent": 100 * error,
        "end": end,
    }


def _costs_with_jac(
    function: Callable[..., Floats], start: Floats, data: tuple[Any, ...], scores: Any
) -> Row:
    """Count evaluations and gradients where both are given."""
    fun, jac = (Counted(each, len(data[0]), total=False) for each in (function, scores))
    mle = fit(fun, start, data, jac=jac)
    fitted, by_fit = fun.taken(), jac.taken()
    boot = _run(mle, WHOLE, "corrected")
    corrected = fun.taken()
    return {
        "objective": "contributions, jac",
        "fit": round(fitted),
        "corrected": round(corrected),
        "in_all": round(fitted + corrected),
        "gradients": round(by_fit + jac.taken()),
        "sample": int((boot.status == Status.VERIFIED).sum()),
    }


def _seconds_now(counted: Counted, model: Model) -> float:
    """Time corrected refits from the start values to the printed table, on two cores."""
    counted.pause, begun = PAUSE, time.perf_counter()
    str(_run(fit(counted, *model[1:3], n_jobs=2), WHOLE, "corrected", n_jobs=2))
    counted.pause = 0.0
    return time.perf_counter() - begun


def _seconds_before(counted: Counted, model: Model) -> float:
    """Time verified refits from the start values to the table, two cores at half of one's time."""
    counted.pause, clock = PAUSE, [time.perf_counter()]
    mle = fit(counted, *model[1:3])
    for count in (2, FEW):  # what is shared, too, is spent on the first
        _run(mle, count, "verified")
        clock.append(time.perf_counter())
    counted.pause = 0.0
    return clock[1] - clock[0] + (clock[2] - clock[1]) * WHOLE / FEW / 2


def _run(mle: Any, resamples: int, refit: str, **options: Any) -> Bootstrap:
    """Bootstrap without a sign of life."""
    options |= {"rng": SEED, "progress": False}
    return bootstrap(mle, n_resamples=resamples, refit=refit, **options)


def _evaluations(boot: Bootstrap) -> float:
    """Return the evaluations of all rows that so many verified replicates stand for."""
    assert boot.fit is not None
    share = 1 - 1 / np.e if boot.fit.takes_weights else 1.0
    return float(boot.n_shared + share * WHOLE * boot.data.n_evaluations.mean())


def _errors(corrected: Bootstrap, verified: Bootstrap) -> tuple[float, float]:
    """Return the largest relative error of an SE, and of an endpoint in standard errors."""
    error = float(np.abs(corrected.standard_error / verified.standard_error - 1).max())
    own, other = corrected.confidence_interval(), verified.confidence_interval()
    ends = np.array([own.low - other.low, own.high - other.high]) / verified.standard_error
    return error, float(np.abs(ends).max())


def calibration(seeds: int) -> Iterator[Row]:
    """Count how often the verified answer lies within 2 printed Monte Carlo errors."""
    for model, n in ((poisson(3), 150), (logit(3), 300)):
        mle = fit(model.nll, model.truth, model.data(n, rng=1))
        verified, expanded = (_run(mle, POOL, way) for way in ("verified", "expansion"))
        for refit in ("corrected", "verified"):
            inside = []
            for seed in range(seeds):
                order = np.random.default_rng(seed).permutation(POOL)
                own, others = np.sort(order[:RUN]), np.sort(order[RUN:])
                truth = replace(verified, data=verified.data.take(others))
                boot = replace(verified, data=verified.data.take(own))
                if refit == "corrected":
                    found = correct_by(expanded.data.take(own), boot.data)
                    boot = replace(boot, data=found.data, correction=found.correction)
                inside.append(_inside(truth, boot))
            shares = 100 * np.mean(inside, axis=(0, 2))
            row: Row = {"model": f"{model.name}, n={n}", "refit": refit, "seeds": seeds}
            yield row | dict(zip(("se", "low", "high"), shares.tolist(), strict=True))


def _inside(truth: Bootstrap, boot: Bootstrap) -> list[Any]:
    """Say which SEs, low and high endpoints lie within 2 Monte Carlo errors of the truth."""
    known, own = truth.confidence_interval(), boot.confidence_interval()
    pairs = [
        (boot.standard_error, truth.standard_error, boot.standard_error_mcse),
        (own.low, known.low, own.low_mcse),
        (own.high, known.high, own.high_mcse),
    ]
    others = (truth.standard_error_mcse, known.low_mcse, known.high_mcse)
    return [
        np.abs(one - two) <= 2 * np.hypot(error, other)
        for (one, two, error), other in zip(pairs, others, strict=True)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--seeds", type=int, default=0, metavar="K", help="table 2")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write the tables here")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    with computation():
        if options.seeds:
            report("expensive_calibration", calibration(options.seeds), options.csv)
        else:
            report("expensive", costs(options.models or list(MODELS)), options.csv)


if __name__ == "__main__":
    main()
