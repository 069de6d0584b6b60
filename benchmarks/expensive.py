"""What a bootstrap of an expensive objective costs: verified refits against corrected ones.

Run ``python benchmarks/expensive.py [MODEL ...] [--resamples B] [--seeds K] [--csv DIR]``.

Table 1, one row for each model and form of the objective. Evaluations are of all rows: one on half
of them counts half, and counts, which are exact, are what takes the time:

fit
    Evaluations of `fit`, SciPy's own included.
verified, corrected
    Evaluations of the bootstrap, that of verified refits scaled from B to 1,999 replicates.
sample
    Verified replicates among the B corrected ones.
ratio
    All evaluations with verified refits over those with corrected ones.
minutes, now
    The same in minutes at 0.2 seconds an evaluation.
se_percent, end
    Largest error of a standard error, in percent, and of an endpoint of a 95% interval, in standard
    errors, against verified refits of the same B resamples.

Table 2 (``--seeds``), of Poisson and logit regressions: how often the answer of 20,000 replicates
lies within 2 printed Monte Carlo errors of a run's with B = 999, in percent: of corrected runs and
verified answers, and of expansions alone, which have no error of a correction.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bootmle import Bootstrap, bootstrap, fit
from bootmle.execution.threads import computation
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.status import Status
from models import logit, nb2, ordered_probit, poisson, weibull
from tables import Row, report

SEED = 20_261_129
WHOLE, SECONDS = 1999, 0.2
"""Replicates and seconds an evaluation that figures are scaled to."""


class Counted:
    """An objective that counts the rows it is evaluated on, its contributions summed or not."""

    def __init__(self, function: Callable[..., Floats], n: int, total: bool) -> None:
        """Count from zero."""
        self.function, self.n, self.total, self.rows = function, n, total, 0

    def __call__(self, params: Floats, *args: Any) -> Any:
        """Evaluate."""
        self.rows += len(args[0])
        values = self.function(params, *args)
        return float(values.sum()) if self.total else values

    def taken(self) -> float:
        """Return the evaluations of all rows since the last call."""
        count, self.rows = self.rows / self.n, 0
        return count


def mixed_logit(n: int) -> tuple[Callable[..., Floats], Floats, tuple[Any, ...]]:
    """Simulate binary choices, 6 a person, with 4 normal coefficients, and their likelihood."""
    rng = np.random.default_rng(SEED)
    draws = rng.normal(size=(64, 4))
    x = rng.normal(size=(n, 6, 4))
    truth = np.concatenate([[0.5, -0.5, 1.0, 0.0], np.log([0.5, 0.5, 1.0, 0.7])])
    beta = truth[:4] + np.exp(truth[4:]) * rng.normal(size=(n, 4))
    y = (np.einsum("itk,ik->it", x, beta) + rng.logistic(size=(n, 6)) > 0).astype(float)

    def nll(params: Floats, x: Floats, y: Floats) -> Floats:
        odds = x @ (params[:4] + np.exp(params[4:]) * draws).T
        logs = -np.logaddexp(0.0, np.where(y[:, :, None] > 0, -odds, odds)).sum(axis=1)
        return np.asarray(np.log(len(draws)) - np.logaddexp.reduce(logs, axis=1))

    return nll, truth, (x, y)


def _model(name: str) -> tuple[Callable[..., Floats], Floats, tuple[Any, ...]]:
    """Return contributions, start values and data."""
    if name == "mixed logit":
        return mixed_logit(500)
    model = MODELS[name]()
    return model.nll, model.truth, model.data(1500, rng=SEED)


MODELS: dict[str, Any] = {
    "logit": logit,
    "nb2": nb2,
    "weibull": weibull,
    "ordered probit": ordered_probit,
    "mixed logit": None,
}


def costs(names: Sequence[str], resamples: int) -> Iterator[Row]:
    """Count evaluations, and compare corrected replicates with verified ones."""
    for name in names:
        function, start, data = _model(name)
        for total in (True, False):
            counted = Counted(function, len(data[0]), total)
            mle = fit(counted, start, data)
            fitted = counted.taken()
            corrected = _run(mle, resamples, "corrected")
            new = counted.taken()
            verified = _run(fit(counted, start, data), resamples, "verified")
            counted.taken()
            shares = verified.data.n_evaluations.sum() * _row_share(mle)
            old = verified.n_shared + shares * WHOLE / resamples
            error, end = _errors(corrected, verified)
            yield {
                "model": name,
                "objective": "total" if total else "contributions",
                "fit": round(fitted),
                "verified": round(old),
                "corrected": round(new),
                "sample": int((corrected.status == Status.VERIFIED).sum()),
                "ratio": round((fitted + old) / (fitted + new), 1),
                "minutes": round((fitted + old) * SECONDS / 60, 1),
                "now": round((fitted + new) * SECONDS / 60, 1),
                "se_percent": 100 * error,
                "end": end,
            }


def _run(mle: Any, resamples: int, refit: str, seed: int = SEED) -> Bootstrap:
    """Bootstrap on one core."""
    return bootstrap(mle, n_resamples=resamples, rng=seed, refit=refit, progress=False)


def _row_share(mle: Any) -> float:
    """Return the share of the rows that a refit evaluates: those drawn, where weights serve."""
    return 1 - 1 / np.e if mle.takes_weights else 1.0


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
        for refit, known in (("corrected", "verified"), ("expansion", "expansion")):
            truth = bootstrap(mle, n_resamples=19_999, rng=1, refit=known, progress=False)
            inside = [_inside(truth, _run(mle, 999, refit, seed)) for seed in range(seeds)]
            shares = 100 * np.mean(inside, axis=(0, 2))
            row: Row = {"model": f"{model.name}, n={n}", "refit": refit, "seeds": seeds}
            yield row | dict(zip(("se", "low", "high"), shares.tolist(), strict=True))


def _inside(truth: Bootstrap, boot: Bootstrap) -> list[Any]:
    """Say which SEs, low and high endpoints lie within 2 Monte Carlo errors of the truth."""
    known, own = truth.confidence_interval(), boot.confidence_interval()
    return [
        np.abs(boot.standard_error - truth.standard_error) <= 2 * boot.standard_error_mcse,
        np.abs(own.low - known.low) <= 2 * own.low_mcse,
        np.abs(own.high - known.high) <= 2 * own.high_mcse,
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--resamples", type=int, default=WHOLE, metavar="B")
    parser.add_argument("--seeds", type=int, default=0, metavar="K", help="table 2")
    parser.add_argument("--csv", type=Path, metavar="DIR", help="write the tables here")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    with computation():
        if options.seeds:
            report("expensive_calibration", calibration(options.seeds), options.csv)
        else:
            report(
                "expensive", costs(options.models or list(MODELS), options.resamples), options.csv
            )


if __name__ == "__main__":
    main()
