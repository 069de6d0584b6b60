"""Data that changed since they were fitted are refused, wherever they would be read again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bootmle import Estimator, bootstrap, coverage, crosscheck, fit

Y = np.random.default_rng(4).gamma(3.0, 4.0, 60)


def nll(params: Any, y: Any, z: Any) -> Any:
    values = y["y"].to_numpy() if hasattr(y, "iloc") else np.asarray(y)
    return params[1] + 0.5 * ((values - params[0]) / np.exp(params[1])) ** 2


def simulate(params: Any, rng: Any, y: Any, z: Any) -> Any:
    return rng.normal(params[0], np.exp(params[1]), len(y)), z


CHANGES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "scaled array": (Y.copy, lambda y: np.multiply(y, 2.54, out=y)),
    "one value": (Y.copy, lambda y: y.__setitem__(3, 0.5)),
    "sorted": (Y.copy, lambda y: y.sort()),
    "list": (Y.tolist, lambda y: y.__setitem__(0, 9.0)),
    "column": (lambda: pd.DataFrame({"y": Y}), lambda f: f.__setitem__("y", f["y"] + 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_bootstrap_of_changed_data_is_refused_naming_them(change: str) -> None:
    make, alter = CHANGES[change]
    data = make()
    mle = fit(nll, [5.0, 1.0], (data, np.zeros(60)))
    alter(data)
    with pytest.raises(ValueError, match=r"args: args\[0\] changed since the fit"):
        bootstrap(mle, n_resamples=19, rng=0)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "extend": lambda mle, boot: boot.extend(10),
    "crosscheck": lambda mle, boot: crosscheck(boot),
    "crosscheck of a fit": lambda mle, boot: crosscheck(mle),
    "coverage": lambda mle, boot: coverage(mle, simulate, n_datasets=2, n_resamples=19, rng=0),
    "jackknife": lambda mle, boot: boot.confidence_interval("bca", confidence_level=0.8),
}


@pytest.mark.parametrize("call", CALLS)
def test_so_is_whatever_else_reads_the_data(call: str) -> None:
    data = Y.copy()
    mle = fit(nll, [5.0, 1.0], (data, np.zeros(60)))
    boot = bootstrap(mle, n_resamples=49, rng=0)
    data *= 2.54
    with pytest.raises(ValueError, match=r"args: args\[0\] changed since the fit"):
        CALLS[call](mle, boot)


def test_the_data_of_an_estimator_are_watched_too() -> None:
    data = Y.copy()
    mean = Estimator(lambda y: {"mean": y.mean(), "sd": y.std()}, data)
    data[0] += 1.0
    with pytest.raises(ValueError, match=r"args: args\[0\] changed since the fit"):
        bootstrap(mean, n_resamples=19, rng=0)
