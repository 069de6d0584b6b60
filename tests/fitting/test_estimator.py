"""Estimator: what the user's function may return, what it is given, and how it may fail."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bootmle import Bayesian, Blocks, Bootstrap, Cases, Estimator, Given, Status, bootstrap
from bootmle.refitting.estimator_refit import EstimatorRefit
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import draw_numbers, stream_of

Y = np.random.default_rng(1).gamma(2.0, 100.0, 20)
X = np.random.default_rng(2).normal(size=20)
MOMENTS = np.array([Y.mean(), Y.std() / Y.mean()])


def moments(y: Any) -> list[float]:
    return [float(np.mean(y)), float(np.std(y) / np.mean(y))]


RETURNS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "array": (lambda y: np.array(moments(y)), ("x1", "x2")),
    "list": (moments, ("x1", "x2")),
    "tuple": (lambda y: tuple(moments(y)), ("x1", "x2")),
    "mapping": (
        lambda y: dict(zip(("mean", "cv"), moments(y), strict=True)),
        ("mean", "cv"),
    ),
    "read-only mapping": (
        lambda y: MappingProxyType({1: moments(y)[0], "cv": moments(y)[1]}),
        ("1", "cv"),
    ),
    "series": (lambda y: pd.Series(moments(y), index=["mean", "cv"]), ("mean", "cv")),
}


@pytest.mark.parametrize("form", RETURNS)
def test_every_form_of_return_and_the_names_it_brings(form: str) -> None:
    function, names = RETURNS[form]
    estimator = Estimator(function, args=Y)
    assert_allclose(estimator.estimate, MOMENTS, rtol=1e-12)
    assert estimator.names == names
    boot = bootstrap(estimator, n_resamples=39, rng=0)
    assert boot.names == names
    assert_array_equal(
        boot.replicates, bootstrap(Estimator(moments, Y), n_resamples=39, rng=0).replicates
    )


@pytest.mark.parametrize("scalar", [float, np.float64, np.float32, np.array])
def test_a_scalar_is_one_estimate(scalar: Callable[[Any], Any]) -> None:
    estimator = Estimator(lambda y: scalar(np.median(y)), args=Y)
    assert estimator.estimate.shape == (1,)
    assert estimator.estimate[0] == pytest.approx(np.median(Y), rel=1e-6)
    assert bootstrap(estimator, n_resamples=39, rng=0).replicates.shape == (39, 1)


@pytest.mark.parametrize("form", RETURNS)
def test_names_given_take_precedence(form: str) -> None:
    assert Estimator(RETURNS[form][0], Y, names=["μ", "c v"]).names == ("μ", "c v")


def test_the_function_is_called_once_on_construction_with_the_data_as_they_are() -> None:
    calls: list[tuple[Any, ...]] = []

    def function(*args: Any) -> list[float]:
        calls.append(args)
        return [1.0, 1000.0]

    frame = pd.DataFrame({"x": X, "y": Y})
    Estimator(function, args=(Y, frame, [*Y]))
    ((first, second, third),) = calls
    assert first is Y
    assert second is frame
    assert isinstance(third, list)


def drawn(replicate: int, seed: int = 4) -> Any:
    stream = stream_of(seed, replicate)
    return draw_numbers(stream, 20, 20)


def covariances(x: Any, y: Any) -> list[float]:
    return [float(np.cov(x, y)[0, 1]), float(np.median(y)) * 1000.0]


def test_a_bootstrap_is_the_function_on_resampled_rows_bit_for_bit() -> None:
    boot = bootstrap(Estimator(covariances, args=(X, Y)), n_resamples=70, rng=4)
    for k in range(70):
        rows = drawn(k)
        assert_array_equal(boot.replicates[k], covariances(X[rows], Y[rows]))
    assert set(boot.status) == {Status.ESTIMATED}
    assert boot.n_failed == 0
    assert_array_equal(boot.data.n_evaluations, 1)


def test_frames_and_nested_data_are_resampled_together() -> None:
    frame = pd.DataFrame({"x": X, "y": Y}, index=np.arange(20)[::-1])

    def function(frame: Any, more: Any) -> list[float]:
        assert_array_equal(frame["y"].to_numpy(), more["y"][0])
        return covariances(frame["x"].to_numpy(), more["y"][1])

    boot = bootstrap(Estimator(function, args=(frame, {"y": (Y, Y)})), n_resamples=39, rng=4)
    plain = bootstrap(Estimator(covariances, args=(X, Y)), n_resamples=39, rng=4)
    assert_array_equal(boot.replicates, plain.replicates)


def weighted(y: Any, weights: Any = None) -> list[float]:
    w = np.ones(len(y)) if weights is None else weights
    return [float(w @ y), float(w.sum())]


def keyword_only(y: Any, *, weights: Any = None) -> list[float]:
    return weighted(y, weights)


class Weighted:
    """A callable object and a method, both of which name weights."""

    def __call__(self, y: Any, weights: Any = None) -> list[float]:
        return weighted(y, weights)

    def method(self, y: Any, weights: Any = None) -> list[float]:
        return weighted(y, weights)


@pytest.mark.parametrize(
    "function",
    [weighted, keyword_only, Weighted(), Weighted().method],
    ids=["function", "keyword only", "object", "method"],
)
@pytest.mark.parametrize("plan", [Cases(), Bayesian()], ids=repr)
def test_weights_are_passed_where_the_function_names_them(function: Any, plan: Any) -> None:
    boot = bootstrap(Estimator(function, args=Y), sampling=plan, n_resamples=39, rng=4)
    for k in range(39):
        stream = stream_of(4, k)
        assert_array_equal(boot.replicates[k], weighted(Y, plan.draw(20, k, stream).weights))
    assert_allclose(boot.replicates[:, 1], 20.0)


def with_any_keyword(y: Any, **options: Any) -> list[float]:
    assert not options
    return moments(y)


def with_another_keyword(y: Any, weight: Any = None) -> list[float]:
    assert weight is None
    return moments(y)


@pytest.mark.parametrize("function", [with_any_keyword, with_another_keyword, moments])
def test_weights_are_passed_nowhere_else(function: Any) -> None:
    boot = bootstrap(Estimator(function, args=Y), n_resamples=39, rng=4)
    assert boot.n_failed == 0
    assert_array_equal(boot.replicates[5], moments(Y[drawn(5)]))


def test_weights_and_rows_give_the_same_replicates() -> None:
    indices = np.array([drawn(k) for k in range(39)])

    def supports_weights(y: Any, weights: Any = None) -> list[float]:
        w = np.ones(20) if weights is None else weights
        mean = float(w @ y / w.sum())
        return [mean, float(np.sqrt(w @ (y - mean) ** 2 / w.sum())) / mean]

    one, other = (
        bootstrap(Estimator(function, Y), sampling=Given(indices=indices), n_resamples=39)
        for function in (supports_weights, moments)
    )
    assert_allclose(one.replicates, other.replicates, rtol=1e-12)


class OwnError(Exception):
    """An exception that only the user's code knows."""


def fails_as_asked(y: Any) -> Any:
    """Fail in the way that the sum of the data asks for."""
    if y.sum() == 0.0:
        raise OwnError("zero data")
    if y.sum() == 1.0:
        return [np.inf, 1.0]
    if y.sum() == 2.0:
        return "text"
    return [1.0, 2.0, 3.0] if y.sum() == 3.0 else [float(y.mean()), 1000.0 * float(y.std())]


def failing() -> Bootstrap:
    """Replicates 0 to 3 fail in four ways, replicate 4 does not."""
    indices = np.array([[0, 0], [0, 1], [0, 2], [0, 3], [3, 4]])
    estimator = Estimator(fails_as_asked, args=np.arange(5.0))
    return bootstrap(estimator, sampling=Given(indices=indices), n_resamples=5)


def test_a_failure_is_the_status_of_its_replicate_and_the_others_stand() -> None:
    boot = failing()
    assert boot.status.tolist() == [
        Status.RAISED,
        Status.NOT_FINITE,
        Status.RAISED,
        Status.RAISED,
        Status.ESTIMATED,
    ]
    assert boot.n_failed == 4
    assert np.isnan(boot.replicates[:4]).all()
    assert_array_equal(boot.replicates[4], [3.5, 500.0])


def test_a_failure_keeps_its_reason() -> None:
    messages = failing().data.messages
    assert messages[0] == "OwnError: zero data"
    assert "not finite" in messages[1]
    assert "'text'" in messages[2]
    assert "3 values" in messages[3]
    assert 4 not in messages


def test_the_refit_counts_one_call_for_each_resample() -> None:
    refit = EstimatorRefit(Estimator(moments, args=Y))
    outcomes, counts = refit([Resample(20, rows=drawn(k)) for k in range(3)])
    assert counts == [(1, 0)] * 3
    assert [outcome.status for outcome in outcomes] == [Status.ESTIMATED] * 3
    assert (refit.n_shared, refit.supports_weights) == (0, False)
    assert EstimatorRefit(Estimator(weighted, args=Y)).supports_weights


def test_an_exception_on_the_original_data_surfaces_as_itself() -> None:
    def broken(y: Any) -> Any:
        raise OwnError("at once")

    with pytest.raises(OwnError, match="at once"):
        Estimator(broken, args=Y)


LABELLED: dict[str, Callable[[dict[str, float]], Any]] = {
    "mapping": lambda found: found,
    "series": lambda found: pd.Series(found),
}


@pytest.mark.parametrize("form", LABELLED)
def test_labels_in_another_order_on_a_resample_are_put_in_order(form: str) -> None:
    def by_first_row(y: Any) -> Any:
        mean, cv = moments(y)
        found = {"mean": mean, "cv": cv} if y[0] == Y[0] else {"cv": cv, "mean": mean}
        return LABELLED[form](found)

    boot = bootstrap(Estimator(by_first_row, Y), n_resamples=39, rng=4)
    assert boot.names == ("mean", "cv")
    assert_array_equal(boot.replicates, [moments(Y[drawn(k)]) for k in range(39)])


@pytest.mark.parametrize(
    "other", [{"mean": 1.0, "sd": 2.0}, {"mean": 1.0}, {"mean": 1.0, "cv": 2.0, "sd": 3.0}]
)
def test_other_labels_on_a_resample_are_its_failure(other: dict[str, float]) -> None:
    def changes(y: Any) -> Any:
        return other if y[0] == Y[1] else dict(zip(("mean", "cv"), moments(y), strict=True))

    indices = np.array([[1, *range(1, 20)], np.arange(20), [2, *range(1, 20)]])
    boot = bootstrap(Estimator(changes, Y), sampling=Given(indices=indices), n_resamples=3)
    assert boot.status.tolist() == [Status.RAISED, Status.ESTIMATED, Status.ESTIMATED]
    assert str([*other]) in boot.data.messages[0]
    assert "['mean', 'cv']" in boot.data.messages[0]


def test_labels_do_not_reorder_estimates_whose_names_were_given() -> None:
    def labelled(y: Any) -> dict[str, float]:
        found = dict(zip(("mean", "cv"), moments(y), strict=True))
        return found if y[0] == Y[0] else dict(reversed(found.items()))

    boot = bootstrap(Estimator(labelled, Y, names=["a", "b"]), n_resamples=39, rng=4)
    assert boot.names == ("a", "b")
    assert_array_equal(boot.replicates, [moments(Y[drawn(k)]) for k in range(39)])


def test_a_builtin_that_has_no_signature_is_called_on_rows() -> None:
    pairs = list(zip(Y.tolist(), X.tolist(), strict=True))
    boot = bootstrap(Estimator(max, pairs), n_resamples=39, rng=4)
    largest = [drawn(k)[np.argmax(Y[drawn(k)])] for k in range(39)]
    assert_array_equal(boot.replicates, np.column_stack([Y, X])[largest])


def test_weights_without_a_default_are_passed_on_the_original_data_too() -> None:
    def needs(y: Any, weights: Any) -> list[float]:
        return weighted(y, weights)

    estimator = Estimator(needs, Y)
    assert_allclose(estimator.estimate, [Y.sum(), 20.0])
    boot = bootstrap(estimator, n_resamples=39, rng=4)
    assert_allclose(boot.replicates[:, 0], [Y[drawn(k)].sum() for k in range(39)])


def test_complex_estimates_on_a_resample_are_its_failure() -> None:
    def turns(y: Any) -> Any:
        return [1j, 1.0] if y[0] == Y[1] else moments(y)

    indices = np.array([[1, *range(1, 20)], np.arange(20)])
    boot = bootstrap(Estimator(turns, Y), sampling=Given(indices=indices), n_resamples=2)
    assert boot.status.tolist() == [Status.RAISED, Status.ESTIMATED]
    assert "complex" in boot.data.messages[0]


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no data": (lambda: Estimator(lambda: 1.0), ValueError, "args: there is no data"),
    "a scalar": (lambda: Estimator(moments, args=3.0), TypeError, "args.*3.0.*functools.partial"),
    "unequal rows": (
        lambda: Estimator(covariances, args=(X, Y[:-1])),
        ValueError,
        r"args\[0\] has 20 rows but args\[1\] has 19",
    ),
    "text": (lambda: Estimator(lambda y: "text", Y), TypeError, "function: returned 'text'"),
    "a nested mapping": (
        lambda: Estimator(lambda y: {"a": [1, 2]}, Y),
        ValueError,
        r"function: .*\(1, 2\)",
    ),
    "a matrix": (lambda: Estimator(lambda y: np.eye(2), Y), ValueError, r"function: .*\(2, 2\)"),
    "complex": (
        lambda: Estimator(lambda y: [y.mean(), 1 + 2j], Y),
        TypeError,
        r"function: .*complex.*2j.*real",
    ),
    "a complex mapping": (
        lambda: Estimator(lambda y: {"a": 1.0, "b": 2j}, Y),
        TypeError,
        "function: .*complex.*2j.*real",
    ),
    "other arguments": (
        lambda: Estimator(covariances, args=X),
        TypeError,
        "function: takes .*the 1 in args .missing a required argument",
    ),
    "no numbers": (lambda: Estimator(lambda y: None, Y), TypeError, "function: returned None"),
    "no standard error": (
        lambda: Estimator(moments, Y, standard_error=3),  # type: ignore[arg-type]
        TypeError,
        "standard_error: 3 is not callable",
    ),
    "no function": (lambda: Estimator(3.0, Y), TypeError, "function: 3.0 is not callable"),  # type: ignore[arg-type]
    "nothing": (lambda: Estimator(lambda y: [], Y), ValueError, r"function: .*\(0,\)"),
    "nan": (
        lambda: Estimator(lambda y: {"a": 1.0, "b": np.nan}, Y),
        ValueError,
        "function: .*'b': nan.*missing data",
    ),
    "few names": (
        lambda: Estimator(moments, Y, names=["a"]),
        ValueError,
        r"names: 1 names \['a'\] for 2 estimates",
    ),
    "equal names": (
        lambda: Estimator(moments, Y, names=["a", "a"]),
        ValueError,
        r"names: \['a'\] appear more than once",
    ),
    "equal labels": (
        lambda: Estimator(lambda y: pd.Series(moments(y), index=["a", "a"]), Y),
        ValueError,
        r"names: \['a'\] appear more than once",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_named_and_shown(case: str) -> None:
    build, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        build()


def test_the_expansion_is_refused() -> None:
    with pytest.raises(ValueError, match="refit: 'expansion' weights the observations"):
        bootstrap(Estimator(moments, Y), refit="expansion")


def test_an_estimator_shows_its_function_and_estimates() -> None:
    def rounded(y: Any) -> Mapping[str, float]:
        return {"mean": 212.5, "cv": 0.75}

    assert repr(Estimator(rounded, Y)) == "Estimator(rounded: mean=212.5, cv=0.75)"
    assert repr(Estimator(Weighted(), Y)).startswith("Estimator(<")


def test_a_function_that_changes_its_data_in_place_is_refused() -> None:
    def sorting(y: Any) -> Any:
        y.sort()
        return y[5]

    with pytest.raises(ValueError, match="function: changed its data in place; work on copies"):
        Estimator(sorting, Y.copy())


WALK = np.cumsum(np.random.default_rng(3).normal(size=60))


def lag_and_mean(y: Any) -> dict[str, float]:
    return {"lag": float(np.corrcoef(y[1:], y[:-1])[0, 1]), "mean": 1e3 * float(np.mean(y))}


def test_estimates_that_depend_on_the_order_of_the_rows_are_named() -> None:
    series = Estimator(lag_and_mean, args=WALK)
    found = [
        each for each in bootstrap(series, n_resamples=50, rng=0).alarms if "order" in str(each)
    ]
    assert [each.names for each in found] == [("lag",)]
    assert "sampling=Blocks()" in str(found[0])
    assert not any(
        "order" in str(each)
        for boot in (
            bootstrap(series, sampling=Blocks(5), n_resamples=50, rng=0),
            bootstrap(Estimator(moments, args=Y), n_resamples=50, rng=0),
        )
        for each in boot.alarms
    )


def test_parts_of_unequal_length_are_no_estimates() -> None:
    with pytest.raises(TypeError, match=r"function: returned .*; return an array, a mapping"):
        Estimator(lambda y: [y.mean(), np.array([y.std()])], args=Y)
