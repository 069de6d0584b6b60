"""Recipes: other libraries' fitters as Estimators, each beside the library's own robust errors.

    python benchmarks/recipes.py        # those that are installed; about a minute

Prints, for each library, the bootstrap's standard errors over its own. Under correct models they
agree within sampling and Monte Carlo error: about 10% here, and more for ARCH with its heavy tails.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from bootmle import Blocks, Bootstrap, Clustered, Estimator, bootstrap

RNG = np.random.default_rng(7)
N = 400
X = pd.DataFrame({"dose": RNG.normal(size=N), "age": RNG.normal(size=N)})
ETA = (0.3 + 0.6 * X["dose"] - 0.4 * X["age"]).to_numpy()
SICK = RNG.random(N) < 1 / (1 + np.exp(-ETA))
VISITS = RNG.poisson(np.exp(ETA))
TIME = RNG.weibull(1.5, N) * np.exp(ETA)
DIED = RNG.random(N) < 0.8

Recipe = Callable[[], tuple[Bootstrap, Any]]


def run(estimator: Estimator, **plan: Any) -> Bootstrap:
    return bootstrap(estimator, n_resamples=199, rng=0, **plan)


def scikit_learn() -> tuple[Bootstrap, Any]:
    from sklearn.linear_model import LogisticRegression
    from statsmodels.api import Logit, add_constant

    def fitted(X: Any, y: Any) -> Any:
        model = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y)
        return {"const": model.intercept_[0], **dict(zip(X.columns, model.coef_[0], strict=True))}

    own = Logit(SICK.astype(float), add_constant(X)).fit(disp=False, cov_type="HC0").bse
    return run(Estimator(fitted, args=(X, SICK))), own


def glum() -> tuple[Bootstrap, Any]:
    from glum import GeneralizedLinearRegressor

    def fitted(X: Any, y: Any) -> Any:
        model = GeneralizedLinearRegressor(family="poisson", alpha=0).fit(X, y)
        return {"const": model.intercept_, **dict(zip(X.columns, model.coef_, strict=True))}

    model = GeneralizedLinearRegressor(family="poisson", alpha=0).fit(X, VISITS)
    return run(Estimator(fitted, args=(X, VISITS))), model.std_errors(X, VISITS, robust=True)


def lifelines() -> tuple[Bootstrap, Any]:
    from lifelines import WeibullAFTFitter

    frame = X.assign(time=TIME, died=DIED)
    own = WeibullAFTFitter().fit(frame, "time", "died").standard_errors_

    def fitted(frame: Any) -> Any:
        return WeibullAFTFitter().fit(frame, "time", "died").params_

    return bootstrap(Estimator(fitted, args=frame), n_resamples=59, rng=0), own


def surpyval() -> tuple[Bootstrap, Any]:
    from surpyval import Weibull

    def fitted(time: Any, died: Any) -> Any:
        alpha, beta = Weibull.fit(x=time, c=(~died).astype(int)).params
        return {"alpha": alpha, "beta": beta}

    own = np.sqrt(np.diag(Weibull.fit(x=TIME, c=(~DIED).astype(int)).hess_inv))
    return run(Estimator(fitted, args=(TIME, DIED))), own


def reliability() -> tuple[Bootstrap, Any]:
    from reliability.Fitters import Fit_Weibull_2P

    about: dict[str, Any] = {"show_probability_plot": False, "print_results": False}

    def weibull(time: Any, died: Any) -> Any:
        return Fit_Weibull_2P(failures=time[died], right_censored=time[~died], **about)

    def fitted(time: Any, died: Any) -> Any:
        found = weibull(time, died)
        return {"alpha": found.alpha, "beta": found.beta}

    own = weibull(TIME, DIED)
    boot = bootstrap(Estimator(fitted, args=(TIME, DIED)), n_resamples=59, rng=0)
    return boot, [own.alpha_SE, own.beta_SE]


def pyfixest() -> tuple[Bootstrap, Any]:
    from pyfixest import feols

    firm = np.arange(N) // 8
    noise = RNG.normal(size=N // 8)[firm] * X["dose"] + RNG.normal(size=N)
    frame = X.assign(y=ETA + noise, firm=firm, year=np.arange(N) % 8)

    def fitted(frame: Any) -> Any:
        return feols("y ~ dose + age | year", frame).coef()

    own = feols("y ~ dose + age | year", frame, vcov={"CRV1": "firm"}).se()
    return run(Estimator(fitted, args=frame), sampling=Clustered("firm")), own


def xlogit() -> tuple[Bootstrap, Any]:
    from xlogit import MultinomialLogit

    people, ways = 200, 3
    cost = RNG.normal(size=(people, ways, 2))
    worth = cost @ [-0.8, 0.5] + RNG.gumbel(size=(people, ways))
    chosen = np.zeros((people, ways))
    chosen[np.arange(people), worth.argmax(axis=1)] = 1

    def model(cost: Any, chosen: Any) -> Any:
        ids, alternatives = np.repeat(np.arange(len(cost)), ways), np.tile(range(ways), len(cost))
        about: dict[str, Any] = {"varnames": ["cost", "time"], "ids": ids, "alts": alternatives}
        found = MultinomialLogit()
        found.fit(cost.reshape(-1, 2), chosen.ravel(), verbose=0, **about)
        return found

    def fitted(cost: Any, chosen: Any) -> Any:
        return dict(zip(["cost", "time"], model(cost, chosen).coeff_, strict=True))

    return run(Estimator(fitted, args=(cost, chosen))), model(cost, chosen).stderr


def arch() -> tuple[Bootstrap, Any]:
    from arch import arch_model

    noise, y = RNG.normal(size=1500), np.zeros(1500)
    for t in range(1, y.size):
        y[t] = noise[t] * np.sqrt(0.5 + 0.5 * y[t - 1] ** 2)

    def fitted(y: Any) -> Any:
        return arch_model(y, mean="Zero", q=0).fit(disp="off").params

    own = arch_model(y, mean="Zero", q=0).fit(disp="off").std_err
    return run(Estimator(fitted, args=y), sampling=Blocks(50)), own


RECIPES: dict[str, tuple[str, Recipe]] = {
    "arch": ("arch", arch),
    "glum": ("glum", glum),
    "lifelines": ("lifelines", lifelines),
    "pyfixest": ("pyfixest", pyfixest),
    "reliability": ("reliability", reliability),
    "scikit-learn": ("sklearn", scikit_learn),
    "surpyval": ("surpyval", surpyval),
    "xlogit": ("xlogit", xlogit),
}


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for name, (module, recipe) in RECIPES.items():
        if find_spec(module) is None:
            print(f"{name}: not installed")
            continue
        boot, own = recipe()
        ratios = boot.standard_error / np.ravel(np.asarray(own, dtype=float))
        shown = ", ".join(f"{each} {x:.2f}" for each, x in zip(boot.names, ratios, strict=True))
        print(f"{name}: {boot.n_failed} of {len(boot.data)} failed; bootstrap SE / own: {shown}")


if __name__ == "__main__":
    main()
