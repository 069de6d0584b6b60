"""Conditioning against numpy's own, and scales that are suggested where theory says they help."""

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.special import polygamma

from bootmle import Bootstrap, Cases, Flag, Parametric, bootstrap, crosscheck, fit
from bootmle.crosschecks.remedies import flat_for_all
from bootmle.optimization.newton import CubicModels
from bootmle.sampling.streams import stream_of
from models import normal

Floats = NDArray[np.float64]


def line_nll(params: Any, x: Any, y: Any) -> Any:
    return 0.5 * ((y - params[0] - params[1] * x) / 20.0) ** 2


def line_data() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(1)
    x = 1e3 + 40.0 * rng.normal(size=80)
    return x, 5.0 + 0.3 * x + 20.0 * rng.normal(size=80)


def on_unit_diagonal(matrix: Floats) -> Floats:
    units = np.sqrt(np.diag(matrix))
    return matrix / np.outer(units, units)


def weighted_design(weights: Any) -> Floats:
    X = np.column_stack([np.ones(80), line_data()[0]])
    return np.asarray(X.T @ (np.asarray(weights)[:, None] * X))


@pytest.mark.parametrize("prior", [None, np.linspace(0.5, 2.0, 80)], ids=["plain", "weights"])
def test_conditioning_is_that_of_numpy(prior: Any) -> None:
    # The nll is quadratic, so that a replicate's Hessian is Xᵀ W X at any point.
    mle = fit(line_nll, {"const": 0.0, "slope": 0.0}, line_data(), weights=prior)
    boot = bootstrap(mle, n_resamples=50, rng=3)
    found = crosscheck(boot).conditioning
    assert found is not None
    own = np.ones(80) if prior is None else prior
    scaled = on_unit_diagonal(weighted_design(own))
    assert found.number == pytest.approx(np.linalg.cond(scaled), rel=1e-3)
    assert found.smallest == pytest.approx(np.linalg.eigvalsh(scaled)[0], rel=1e-3)
    for k, number in enumerate(found.numbers[:10]):
        stream = stream_of(3, k)
        weights = own * Cases().draw(80, k, stream).weights
        expected = np.linalg.cond(on_unit_diagonal(weighted_design(weights)))
        assert number == pytest.approx(expected, rel=1e-2)
    assert found.numbers.shape == found.smallests.shape == (50,)


def test_without_replicates_there_is_the_number_alone() -> None:
    mle = fit(line_nll, {"const": 0.0, "slope": 0.0}, line_data())
    found = crosscheck(mle).conditioning
    assert found is not None
    assert found.numbers.size == found.smallests.size == 0
    assert "replicates" not in str(found)
    assert re.search(r"scaled to a unit diagonal.* a condition number of \d+$", str(found))


@pytest.mark.parametrize("unit", [1e4, 1e12])
def test_conditioning_does_not_depend_on_units(unit: float) -> None:
    x, y = line_data()
    mle = fit(line_nll, {"const": 0.0, "slope": 0.0}, (x, y))
    other = fit(
        lambda p, x, y: line_nll([p[0] * unit, p[1] / unit], x, y),
        {"const": 0.0, "slope": 0.0},
        (x, y),
    )
    first, second = (
        crosscheck(bootstrap(each, n_resamples=20, rng=0)).conditioning for each in (mle, other)
    )
    assert first is not None
    assert second is not None
    assert first.number == pytest.approx(second.number, rel=1e-3)
    assert first.numbers == pytest.approx(second.numbers, rel=1e-2)


def test_a_flat_direction_has_no_condition_number() -> None:
    x, y = line_data()

    def nll(params: Any, x: Any, y: Any) -> Any:
        return line_nll([params[0] + params[1], params[2]], x, y)

    mle = fit(nll, [0.0, 0.0, 0.0], (x - x.mean(), y))
    check = crosscheck(mle)
    assert Flag.NOT_IDENTIFIED in check.flags
    assert check.conditioning is None
    assert flat_for_all(mle) is True


def test_a_direction_that_is_flat_in_the_sum_alone_is_told_apart() -> None:
    # Each row moves along c, and the rows cancel: other data of the kind would not.
    z = np.tile([-1.0, 1.0], 15)
    y = 50.0 + np.random.default_rng(2).normal(size=30)
    mle = fit(lambda p, y, z: 0.5 * (y - p[0]) ** 2 + p[1] * z, [40.0, 0.0], (y, z))
    assert mle.information.definiteness == "singular"
    assert flat_for_all(mle) is False
    (said,) = [str(one) for one in crosscheck(mle).diagnoses if one.flag is Flag.NOT_IDENTIFIED]
    assert "more data of the same kind will not help" not in said


def test_a_total_does_not_say_whether_every_row_is_flat() -> None:
    x, y = line_data()

    def nll(params: Any, x: Any, y: Any) -> float:
        return float(line_nll([params[0] + params[1], params[2]], x, y).sum())

    assert flat_for_all(fit(nll, [0.0, 0.0, 0.0], (x - x.mean(), y))) is None


def rate_nll(params: Any, y: Any, x: Any) -> Any:
    with np.errstate(all="ignore"):
        return params[0] * y - np.log(params[0]) + 0.5 * ((x - params[1]) / 30.0) ** 2


def draw_rates(params: Any, rng: Any, y: Any, x: Any) -> Any:
    return rng.exponential(1 / params[0], y.size), rng.normal(params[1], 30.0, x.size)


@cache
def rates(transform: str | None = None) -> Bootstrap:
    """An exponential rate from 20 rows, and a normal mean beside it."""
    rng = np.random.default_rng(1)
    data = (rng.exponential(50.0, 20), rng.normal(1000.0, 30.0, 20))
    scale = None if transform is None else {"rate": transform}
    mle = fit(rate_nll, {"rate": 0.02, "mu": 900.0}, data, transform=scale)
    return bootstrap(mle, sampling=Parametric(draw_rates), n_resamples=1999, rng=0)


def test_a_log_is_suggested_for_a_rate_and_nothing_for_a_mean() -> None:
    (found,) = crosscheck(rates()).reparameterizations
    assert (found.name, found.scale) == ("rate", "log")
    # One over a gamma of shape 20: skewness 4√18/17, and of its logarithm −ψ''(20)/ψ'(20)^1.5.
    # The Monte Carlo error of a skewness is about √(6/B) for a normal, twice that for the first.
    log_skewness = float(-polygamma(2, 20) / polygamma(1, 20) ** 1.5)
    assert found.skewness[0] == pytest.approx(4 * np.sqrt(18) / 17, abs=8 * np.sqrt(6 / 1999))
    assert found.skewness[1] == pytest.approx(log_skewness, abs=4 * np.sqrt(6 / 1999))
    # Hessian SE, rate/√20, over the exact spread on either scale.
    before, after = (1 / np.sqrt(20)) / np.array(
        [20 / 19 / np.sqrt(18), float(np.sqrt(polygamma(1, 20)))]
    )
    assert_allclose(found.ratio, [before, after], rtol=4 * 0.02)


def test_what_is_suggested_can_be_pasted_and_suggests_nothing_more() -> None:
    text = str(crosscheck(rates()))
    found = re.search(r'to reparameterize: fit\(\.\.\., transform=\{"rate": "(\w+)"\}\)', text)
    assert found is not None
    boot = rates(found[1])
    assert crosscheck(boot).reparameterizations == ()
    assert "reparameterize" not in str(crosscheck(boot))


def test_nothing_is_suggested_for_a_normal_model() -> None:
    model = normal()
    mle = fit(model.nll, model.truth, model.data(200, rng=1))
    assert crosscheck(bootstrap(mle, n_resamples=999, rng=0)).reparameterizations == ()
    assert crosscheck(mle).reparameterizations == ()


def test_a_logit_is_suggested_for_a_share() -> None:
    # The replicates are logit-normal: normal on that scale, skewed to the left on their own.
    def nll(params: Any, y: Any, x: Any) -> Any:
        with np.errstate(all="ignore"):
            odds = np.log(params[0]) - np.log1p(-params[0])
        return 0.5 * ((y - odds) / 5.0) ** 2 + 0.5 * ((x - params[1]) / 30.0) ** 2

    def draw(params: Any, rng: Any, y: Any, x: Any) -> Any:
        odds = np.log(params[0] / (1 - params[0]))
        return rng.normal(odds, 5.0, y.size), rng.normal(params[1], 30.0, x.size)

    rng = np.random.default_rng(2)
    y, x = rng.normal(size=80), rng.normal(1000.0, 30.0, 80)
    mle = fit(nll, {"share": 0.8, "mu": 900.0}, (5.0 * (y - y.mean()) + 2.0, x))
    boot = bootstrap(mle, sampling=Parametric(draw), n_resamples=1999, rng=0)
    (found,) = crosscheck(boot).reparameterizations
    assert (found.name, found.scale) == ("share", "logit")
    assert found.skewness[1] == pytest.approx(0.0, abs=4 * np.sqrt(6 / 1999))
    assert found.ratio[1] == pytest.approx(1.0, abs=4 / np.sqrt(2 * 1999))


def test_replicates_whose_hessian_overflows_are_left_out_of_the_conditioning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boot = bootstrap(fit(normal().nll, [0.0, 0.0], normal().data(50, rng=0)), rng=0, n_resamples=99)
    whole = crosscheck(boot).conditioning
    measured = CubicModels.hessian

    def overflowing(models: CubicModels, z: NDArray[np.float64]) -> NDArray[np.float64]:
        hessians = measured(models, z)
        hessians[3, 0, 1] = np.inf
        return hessians

    monkeypatch.setattr(CubicModels, "hessian", overflowing)
    found = crosscheck(boot).conditioning
    assert whole is not None
    assert found is not None
    assert_allclose(found.numbers, np.delete(whole.numbers, 3))


def test_no_scale_is_suggested_that_leaves_out_values_the_model_takes() -> None:
    # A coefficient and a rate, both far from 0 and skewed alike: the nll at −0.8 is finite of one.
    rng = np.random.default_rng(5)
    y = rng.exponential(1.25, 12) ** 1.5

    def coefficient(params: Any, y: Any) -> Any:
        return np.abs(params[0]) * y - np.log(np.abs(params[0])) + 0.01 * (params[0] < 0)

    def rate(params: Any, y: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return params[0] * y - np.log(params[0])

    said = [
        str(crosscheck(bootstrap(fit(nll, {"slope": 1.0}, y), n_resamples=999, rng=0)))
        for nll in (coefficient, rate)
    ]
    assert "transform=" not in said[0]
    assert 'transform={"slope": "log"}' in said[1]
