"""How often does `crosscheck` call a correct model misspecified, and how often a wrong one?

    python benchmarks/false_alarms.py --datasets 100

A fit alone is checked, by its scores. The stated rate of false alarms is 5%; 100 data sets know a
rate of 5% to 2 points. In the second table the data are those of another model, at n = 200.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from bootmle import Flag, crosscheck, fit
from bootmle.display.text import align
from models import (
    Model,
    ar1,
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

Rng = np.random.Generator
SIZES = (20, 50, 100, 200, 500)
MODELS: dict[str, Callable[[], Model]] = {
    "exponential": exponential,
    "gamma": gamma,
    "normal": normal,
    "weibull(1)": lambda: weibull(1),
    "weibull(3)": lambda: weibull(3),
    "logit(2)": lambda: logit(2),
    "probit(2)": lambda: probit(2),
    "poisson(1)": lambda: poisson(1),
    "poisson(4)": lambda: poisson(4),
    "nb2(2)": lambda: nb2(2),
    "ordered_probit(2)": lambda: ordered_probit(2),
    "tobit(2)": lambda: tobit(2),
    "normal_mixture": normal_mixture,
    "ar1": ar1,
    "random_effects_logit(2)": lambda: random_effects_logit(2),
}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=100)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--power", action="store_true", help="only the second table")
    options = parser.parse_args()
    sizes = [int(each) for each in options.sizes.split(",")]
    if not options.power:
        rows = [
            [name, *(_rate(make(), make().data, n, options.datasets) for n in sizes)]
            for name, make in MODELS.items()
        ]
        print(align(["correct model", *(f"n = {n}" for n in sizes)], rows), "\n")
    wrong = [
        [name, _rate(model, draw, 200, options.datasets)] for name, (model, draw) in WRONG.items()
    ]
    print(align(["wrong model", "n = 200"], wrong))


def _rate(model: Model, draw: Callable[[int, Rng], Any], n: int, count: int) -> str:
    """Return the share of data sets in which misspecification is flagged, of the regular fits."""
    flagged = regular = 0
    for seed in range(count):
        args = draw(n, np.random.default_rng([seed, n]))
        try:
            mle = fit(model.nll, dict(zip(model.names, model.truth, strict=True)), args)
        except ValueError:
            continue  # a sample in which the model has no likelihood, all zeros for example
        if mle.converged:
            check = crosscheck(mle)
            flags: set[Flag | None] = {each.flag for each in check.diagnoses}
            flags |= {each.flag for each in check.verdicts.values()}
            flagged += Flag.MISSPECIFIED in flags
            regular += 1
    return f"{flagged} of {regular}"


def _overdispersed(n: int, rng: Rng) -> Any:
    X, _ = poisson(2).data(n, rng)
    return X, rng.poisson(np.exp(X @ poisson(2).truth) * rng.gamma(5.0, 0.2, n)).astype(float)


def _heavy(n: int, rng: Rng) -> Any:
    return (rng.standard_t(6, n),)


def _lognormal(n: int, rng: Rng) -> Any:
    X, time, _ = weibull(1).data(n, rng)
    return X, np.exp(np.log(time).mean() + 0.8 * rng.normal(size=n)), np.ones(n)


def _gamma(n: int, rng: Rng) -> Any:
    return (rng.gamma(1.5, 1.0, n),)


def _uneven(n: int, rng: Rng) -> Any:
    X, _ = probit(2).data(n, rng)
    latent = X @ probit(2).truth + np.exp(0.6 * X[:, 1]) * rng.normal(size=n)
    return X, (latent > 0).astype(float)


WRONG: dict[str, tuple[Model, Callable[[int, Rng], Any]]] = {
    "poisson(2), counts with a gamma of variance 0.2": (poisson(2), _overdispersed),
    "normal, t with 6 degrees of freedom": (normal(), _heavy),
    "weibull(1), lognormal times": (weibull(1), _lognormal),
    "exponential, gamma of shape 1.5": (exponential(), _gamma),
    "probit(2), a spread that depends on x1": (probit(2), _uneven),
}


if __name__ == "__main__":
    main()
