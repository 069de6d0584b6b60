"""A plan that a user writes: one class, and everything that takes a plan takes it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import Estimator, bootstrap, coverage, crosscheck, fit, load
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.sampling import Plan, check_independent_rows
from bootmle.sampling.resample import Resample


@dataclass(frozen=True, slots=True)
class RandomSign(Plan):
    """Weight each observation by 1 − amount or 1 + amount, with equal probability."""

    amount: float = 1.0
    independent_rows: ClassVar[bool] = True

    @property
    def fractional(self) -> bool:
        return self.amount != 1.0

    def check(self, likelihood: Likelihood) -> None:
        check_independent_rows(likelihood, "RandomSign()")

    def units(self, n: int) -> Units | None:
        return list(np.arange(n)[:, None]), np.zeros(n, dtype=np.intp)

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        return Resample(n, fractions=1.0 + self.amount * rng.choice([-1.0, 1.0], size=n))

    def rescaling(self, n: int) -> tuple[float, float]:
        return 1 / self.amount, 1 / self.amount**2

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        return (f"half of {n} observations are left out, on average",) if self.amount == 1 else ()


def nll(params: Any, x: Any, y: Any) -> Any:
    rate = np.exp(params[0] + params[1] * x)
    return rate - y * np.log(rate)


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 3.0, 300)
    return x, rng.poisson(np.exp(1.0 + 0.1 * x)).astype(float)


@pytest.mark.parametrize("amount", [1.0, 0.5])
def test_a_plan_of_ones_own_bootstraps_with_the_right_spread(amount: float) -> None:
    """Independent weights of variance 1, rescaled, give the sandwich: here within 4 MCSE."""
    mle = fit(nll, [0.5, 0.0], data())
    boot = bootstrap(mle, sampling=RandomSign(amount), n_resamples=1999, rng=0)
    check = crosscheck(boot)
    z = (boot.standard_error - check.standard_errors["sandwich"]) / boot.standard_error_mcse
    assert np.abs(z).max() < 4
    assert check.verdicts["sandwich"].agrees
    assert check.verdicts["hessian"].agrees


def test_its_text_notes_and_intervals() -> None:
    mle = fit(nll, [0.5, 0.0], data())
    boot = bootstrap(mle, sampling=RandomSign(), n_resamples=999, rng=0)
    assert "RandomSign(amount=1.0)" in str(boot)
    assert "half of 300 observations are left out, on average" in str(boot)
    low, high = boot.confidence_interval("bca").low, boot.confidence_interval("bca").high
    assert np.all((low < boot.estimate) & (boot.estimate < high))
    with pytest.raises(ValueError, match=r"RandomSign\(amount=1.0\) does not draw units whole"):
        boot.confidence_interval("studentized")


def test_it_is_saved_loaded_extended_and_resumed(tmp_path: Path) -> None:
    mle = fit(nll, [0.5, 0.0], data())
    whole = bootstrap(mle, sampling=RandomSign(0.5), n_resamples=192, rng=0)
    part = bootstrap(
        mle, sampling=RandomSign(0.5), n_resamples=128, rng=0, checkpoint=tmp_path / "run"
    )
    part.save(tmp_path / "run.npz")
    for place in ("run", "run.npz"):
        again = load(tmp_path / place, fit=mle)
        assert again.sampling == RandomSign(0.5)
        assert_array_equal(again.extend(64).replicates, whole.replicates)
    resumed = bootstrap(
        mle, sampling=RandomSign(0.5), n_resamples=192, rng=0, checkpoint=tmp_path / "run"
    )
    assert_array_equal(resumed.replicates, whole.replicates)
    with pytest.raises(ValueError, match=r"sampling: RandomSign\(amount=0.5\).*amount=0.25"):
        bootstrap(mle, sampling=RandomSign(0.25), n_resamples=192, checkpoint=tmp_path / "run")


def test_it_covers() -> None:
    mle = fit(nll, [0.5, 0.0], data())

    def simulate(params: Any, rng: Any, x: Any, y: Any) -> Any:
        return x, rng.poisson(np.exp(params[0] + params[1] * x)).astype(float)

    study = coverage(
        mle, simulate, sampling=RandomSign(), n_datasets=40, n_resamples=199, rng=0, progress=False
    )
    assert study.methods == ("percentile", "bca", "hessian")
    assert study.sampling == "RandomSign(amount=1.0)"
    # Binomial: 40 at 0.95, at least 32 with probability above 0.999 for each of four.
    assert all(np.all(study.coverage[each] >= 0.8) for each in ("percentile", "bca"))


def test_it_serves_an_estimator_that_takes_weights() -> None:
    x, y = data()

    def slope(x: Any, y: Any, weights: Any) -> Any:
        return np.polyfit(x, y, 1, w=np.sqrt(weights))[:1]

    boot = bootstrap(Estimator(slope, (x, y)), sampling=RandomSign(), n_resamples=999, rng=0)
    residual = y - np.polyval(np.polyfit(x, y, 1), x)
    centered = x - x.mean()
    expected = np.sqrt(((centered * residual) ** 2).sum()) / (centered**2).sum()
    assert abs(boot.standard_error[0] - expected) < 4 * boot.standard_error_mcse[0]
    with pytest.raises(ValueError, match=r"draws fractional weights, which its function does not"):
        bootstrap(Estimator(np.mean, y), sampling=RandomSign(0.5), n_resamples=99)
