"""Results survive copying and pickling, whatever they are of."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from functools import cache
from typing import Any

import cloudpickle
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import Bootstrap, Coverage, Estimator, Fit, bootstrap, coverage, crosscheck, fit
from models import poisson

MODEL = poisson(1)


@cache
def mle() -> Fit:
    return fit(MODEL.nll, MODEL.truth, MODEL.data(80, rng=1))


@cache
def boot() -> Bootstrap:
    return bootstrap(mle(), n_resamples=199, rng=0)


@cache
def moments() -> Bootstrap:
    columns = np.random.default_rng(0).normal(size=(40, 2)) * [1.0, 1e4]
    function: Any = np.mean
    return bootstrap(Estimator(function, args=columns[:, 1]), n_resamples=199, rng=0)


@cache
def study() -> Any:
    options: dict[str, Any] = {"n_datasets": 4, "n_resamples": 39, "methods": ("percentile",)}
    return coverage(mle(), MODEL.simulate, rng=0, **options)


RESULTS: dict[str, Callable[[], Any]] = {
    "fit": mle,
    "bootstrap of a fit": boot,
    "bootstrap of an estimator": moments,
    "derived": lambda: boot().derive(np.exp, ["e0", "e1"]),
    "coverage": study,
    "crosscheck": lambda: crosscheck(boot(), {"mine": np.diag([1.0, 1e-9])}),
}


def numbers_of(result: Any) -> Any:
    return result.truth if isinstance(result, Coverage) else result.estimate


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda result: pickle.loads(pickle.dumps(result)),
    "cloudpickle": lambda result: pickle.loads(cloudpickle.dumps(result)),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("which", RESULTS)
def test_a_copy_shows_the_same_and_cannot_be_changed(which: str, how: str) -> None:
    result = RESULTS[which]()
    other = COPIES[how](result)
    assert other is not result
    assert type(other) is type(result)
    assert str(other) == str(result)
    assert other._repr_html_() == result._repr_html_()
    assert_array_equal(numbers_of(other), numbers_of(result))
    with pytest.raises(FrozenInstanceError):
        other.names = ()


@pytest.mark.parametrize("how", ["deep copy", "pickle", "cloudpickle"])
@pytest.mark.parametrize("which", RESULTS)
def test_a_copy_shares_no_array(which: str, how: str) -> None:
    result = RESULTS[which]()
    other = COPIES[how](result)
    before = numbers_of(result).copy()
    numbers_of(other)[:] = 9.0
    assert_array_equal(numbers_of(result), before)


@pytest.mark.parametrize("how", COPIES)
def test_copies_go_on_where_the_result_would(how: str) -> None:
    again = bootstrap(COPIES[how](mle()), n_resamples=199, rng=0)
    assert_array_equal(again.replicates, boot().replicates)
    more = COPIES[how](moments()).extend(100)
    assert_array_equal(more.replicates, moments().extend(100).replicates)


def test_functions_defined_on_the_spot_go_through_cloudpickle() -> None:
    y = np.arange(1.0, 30.0)
    spread = bootstrap(Estimator(lambda y: [y.mean(), y.std()], args=y), n_resamples=99, rng=0)
    ratio = spread.derive(lambda params: params[1] / params[0])
    other = pickle.loads(cloudpickle.dumps(ratio))
    assert_array_equal(other.replicates, ratio.replicates)
    assert_array_equal(
        other.fit.function(y), spread.fit.function(y) if isinstance(spread.fit, Estimator) else 0
    )
