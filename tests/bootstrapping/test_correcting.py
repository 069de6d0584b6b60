"""refit="corrected": expanded replicates, corrected by a verified sample."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from bootmle import Bayesian, Bootstrap, Cases, Fit, Jackknife, bootstrap, coverage, fit, load
from bootmle.bootstrapping import traces
from bootmle.bootstrapping.correcting import correct_by
from bootmle.inference.correction import Correction
from bootmle.optimization.status import Status
from bootmle.sampling import Plan
from models import logit, poisson

MODEL = poisson(3)


@cache
def fitted() -> Fit:
    return fit(MODEL.nll, MODEL.truth, MODEL.data(150, rng=1))


@cache
def verified_run() -> Bootstrap:
    return bootstrap(fitted(), n_resamples=999, rng=0)


@cache
def corrected_run() -> Bootstrap:
    return bootstrap(fitted(), n_resamples=999, rng=0, refit="corrected")


def test_the_sample_keeps_its_verified_values_and_the_rest_come_close() -> None:
    sample = corrected_run().status == Status.VERIFIED
    assert sample.sum() >= 40
    assert (corrected_run().status[~sample] == Status.EXPANDED).all()
    assert np.array_equal(corrected_run().replicates[sample], verified_run().replicates[sample])
    assert corrected_run().data.n_evaluations[~sample].sum() == 0
    assert np.abs(corrected_run().standard_error / verified_run().standard_error - 1).max() < 0.005
    own, other = corrected_run().confidence_interval(), verified_run().confidence_interval()
    for one, two in ((own.low, other.low), (own.high, other.high)):
        assert np.abs((one - two) / verified_run().standard_error).max() < 0.03


def test_studentized_intervals_are_the_verified_runs_where_the_expansion_ends_too_early() -> None:
    # A steep dose-response of 150 rows: far out a linear Hessian nearly vanishes, and standard
    # errors were up to 2.5 times too large, the slope's lower end 6.6 of its printed errors off.
    rng = np.random.default_rng(1)
    dose = rng.uniform(0, 4, 150)
    died = rng.random(150) < expit(1.2 * dose - 2.5)

    def nll(params: np.ndarray, dose: np.ndarray, died: np.ndarray) -> np.ndarray:
        eta = params[0] * (dose - params[1])
        return np.asarray(np.logaddexp(0, eta) - died * eta)

    mle = fit(nll, [1.0, 2.0], (dose, died))
    runs = [
        bootstrap(mle, n_resamples=499, rng=0, refit=kind) for kind in ("verified", "corrected")
    ]
    for level in (0.95, 0.8):
        own, other = (run.confidence_interval("studentized", level) for run in runs)
        for end in ("low", "high"):
            # The same resamples: what is left is the correction's error, part of the printed one.
            off = getattr(own, end) - getattr(other, end)
            assert np.abs(off / getattr(other, end + "_mcse")).max() < 1


def test_the_correction_removes_the_expansions_error() -> None:
    expanded = bootstrap(fitted(), n_resamples=999, rng=0, refit="expansion")

    def errors(boot: object) -> np.ndarray:
        return np.abs(boot.standard_error / verified_run().standard_error - 1)  # type: ignore[attr-defined]

    assert errors(corrected_run()).max() < errors(expanded).max() / 2
    correction = corrected_run().correction
    assert correction is not None
    said = correction.standard_error_error() / verified_run().standard_error
    # Four are seldom beyond 3 together; what is left of a quadratic's bias counts, too.
    assert np.sqrt(np.mean((errors(corrected_run()) / said) ** 2)) < 3


def test_a_cubic_difference_is_corrected_exactly_and_straight_beyond_the_sample() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal([1.0, -50.0], [0.1, 20.0], size=(500, 2))
    y = np.array([0.3, 2.0]) + 0.8 * x + np.array([0.01, 1e-3]) * x**2 + [0.02, 1e-6] * x**3
    sample = np.r_[0:64, x.argmin(axis=0), x.argmax(axis=0)]
    moved, correction = Correction.apply(x, x[sample], y[sample], 500)
    np.testing.assert_allclose(moved, y, rtol=1e-10)
    assert (correction.standard_error_error() < 1e-9).all()
    assert (correction.error_at(y[0]) < 1e-8).all()
    ends, step = np.stack([x.min(axis=0), x.max(axis=0)]), np.array([[1e-3, 0.1]])
    at = np.concatenate([ends, ends[1] + step, ends[1] + 2 * step, [[np.inf, -np.inf]]])
    moved, _ = Correction.apply(at, x[sample], y[sample], 500)
    slope = 1e3 * (moved[2] - moved[1]), 1e3 * (moved[3] - moved[2])
    np.testing.assert_allclose(*slope, rtol=1e-6)
    top = ends[1]
    exact = 0.8 + np.array([0.02, 2e-3]) * top + [0.06, 3e-6] * top**2
    np.testing.assert_allclose(slope[0], exact * [1.0, 100.0], rtol=1e-6)
    assert np.array_equal(moved[4], [np.inf, -np.inf])


def test_errors_of_the_correction_are_those_of_repeated_samples() -> None:
    # 1,000 samples: an observed SD is known within 2.2%, and 15% is over 6 of its errors; errors
    # are estimated from 128 of each sample, within a tenth on average.
    rng = np.random.default_rng(4)
    found, said, ends, said_at = [], [], [], []
    for _ in range(1000):
        x = rng.normal([0.0, 10.0], [1.0, 5.0], size=(1000, 2))
        y = x + [0.02, 0.1] * rng.normal(size=x.shape)
        moved, correction = Correction.apply(x[128:], x[:128], y[:128], 1000)
        whole = np.concatenate([y[:128], moved])
        found.append(whole.std(axis=0, ddof=1) - y.std(axis=0, ddof=1))
        said.append(correction.standard_error_error())
        at = np.array([2.0, 20.0])
        ends.append(_moved_at(x, y, at))
        said_at.append(correction.error_at(at))
    ratio = np.std(found, axis=0) / np.sqrt(np.mean(np.square(said), axis=0))
    assert np.abs(ratio - 1).max() < 0.15
    ratio = np.std(ends, axis=0) / np.sqrt(np.mean(np.square(said_at), axis=0))
    assert np.abs(ratio - 1).max() < 0.15


def test_what_another_parameter_accounts_for_is_corrected_too() -> None:
    # Without companions column 0 keeps an error of 0.1, ten times the noise. 500 samples: an
    # observed SD is known within 3.2%, and 20% is over 6 of its errors.
    rng = np.random.default_rng(5)
    found, said = [], []
    for _ in range(500):
        x = rng.normal([0.0, 10.0, 100.0], [1.0, 5.0, 100.0], size=(1000, 3))
        y = x + [0.01, 0.1, 1.0] * rng.normal(size=x.shape)
        y[:, 0] += 1e-3 * x[:, 2]
        moved, correction = Correction.apply(x[96:], x[:96], y[:96], 1000)
        assert correction.leverages is not None
        np.testing.assert_allclose(correction.leverages.sum(axis=0), [1.0, 0.0, 0.0], atol=1e-12)
        assert np.std(moved[:, 0] - y[96:, 0]) < 0.013
        whole = np.concatenate([y[:96], moved])
        found.append(whole.std(axis=0, ddof=1) - y.std(axis=0, ddof=1))
        said.append(correction.standard_error_error())
    ratio = np.std(found, axis=0) / np.sqrt(np.mean(np.square(said), axis=0))
    assert np.abs(ratio - 1).max() < 0.2
    alone, _ = Correction.apply(x[96:], x[:96], y[:96], 1000, alone=True)
    assert np.std(alone[:, 0] - y[96:, 0]) > 0.09


def _moved_at(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> list[float]:
    """Predict the difference at a value, by NumPy's own cubic regression."""
    return [float(np.polyval(np.polyfit(x[:128, j], (y - x)[:128, j], 3), at[j])) for j in range(2)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_extension_and_several_jobs_give_the_same_bits(n_jobs: int) -> None:
    half = bootstrap(fitted(), n_resamples=400, rng=0, refit="corrected", n_jobs=n_jobs)
    more = half.extend(599, n_jobs=n_jobs)
    assert np.array_equal(more.replicates, corrected_run().replicates)
    assert np.array_equal(more.status, corrected_run().status)
    assert np.array_equal(more.standard_error_mcse, corrected_run().standard_error_mcse)
    own, other = (boot.confidence_interval("studentized") for boot in (more, corrected_run()))
    assert np.array_equal(own.low_mcse, other.low_mcse)


def test_directories_shards_and_files_give_the_same_bits(tmp_path: Path) -> None:
    def run(shard: tuple[int, int] | None = None) -> object:
        return bootstrap(
            fitted(),
            n_resamples=999,
            rng=0,
            refit="corrected",
            checkpoint=tmp_path / "a",
            shard=shard,
        )

    for part in (1, 2, 3):
        run((part, 3))
    corrected_run().save(tmp_path / "run.npz")
    for boot in (load(tmp_path / "a"), run(), load(tmp_path / "run.npz")):
        assert np.array_equal(boot.replicates, corrected_run().replicates)  # type: ignore[attr-defined]
        assert np.array_equal(boot.standard_error_mcse, corrected_run().standard_error_mcse)  # type: ignore[attr-defined]


def test_derived_quantities_are_corrected_by_their_own_regression() -> None:
    def ratio(params: np.ndarray) -> float:
        return float(params[0] / params[1])

    own, other = (boot.derive(ratio, ["ratio"]) for boot in (corrected_run(), verified_run()))
    assert abs(own.standard_error / other.standard_error - 1)[0] < 0.01
    assert own.standard_error_mcse[0] > 0


def test_errors_of_simultaneous_intervals_and_traces_include_the_corrections() -> None:
    own, other = (
        corrected_run().simultaneous(),
        replace(corrected_run(), correction=None).simultaneous(),
    )
    assert (own.low_mcse > other.low_mcse).all()
    assert np.array_equal(own.low, other.low)
    small = traces._first(corrected_run(), 40)
    assert (small.data.status == Status.VERIFIED).all()
    of_verified = traces._first(verified_run(), 40)
    assert np.array_equal(small.standard_error_mcse, of_verified.standard_error_mcse)
    large = traces._first(corrected_run(), 500)
    assert (large.standard_error_mcse > replace(large, correction=None).standard_error_mcse).all()


def test_bca_and_the_jackknife_are_those_of_verified_replicates() -> None:
    assert np.array_equal(corrected_run().jackknife()[0], verified_run().jackknife()[0])
    own, other = (boot.confidence_interval("bca") for boot in (corrected_run(), verified_run()))
    assert np.abs((own.low - other.low) / verified_run().standard_error).max() < 0.04
    assert np.abs((own.high - other.high) / verified_run().standard_error).max() < 0.04
    assert (
        own.low_mcse > replace(corrected_run(), correction=None).confidence_interval("bca").low_mcse
    ).all()


def test_studentized_intervals_take_their_errors_from_the_expansion(tmp_path: Path) -> None:
    own, other = (
        boot.confidence_interval("studentized") for boot in (corrected_run(), verified_run())
    )
    unit, error = verified_run().standard_error, other.low_mcse
    assert (np.abs(own.low - other.low) < error / 2).all()
    assert (np.abs(own.high - other.high) < other.high_mcse / 2).all()
    assert (np.abs(own.low - other.low) / unit).max() < 0.05
    # The expansion's errors alone, without the correction of the ratios, are further off.
    assert corrected_run().correction is not None
    alone = replace(corrected_run(), correction=None).confidence_interval("studentized")
    assert np.abs(alone.high - other.high).sum() > np.abs(own.high - other.high).sum()
    assert (own.low_mcse > 0.9 * error).all()
    corrected_run().save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz").confidence_interval("studentized")
    assert np.array_equal(again.low, own.low)
    assert np.array_equal(again.low_mcse, own.low_mcse)
    assert corrected_run().p_value(method="studentized").shape == (4,)


def test_the_expansions_scores_are_those_of_verified_replicates_near_the_estimate() -> None:
    expanded = corrected_run().status == Status.EXPANDED
    ratio = (corrected_run().data.standard_errors / verified_run().data.standard_errors)[expanded]
    assert np.abs(np.median(ratio, axis=0) - 1).max() < 0.01
    assert np.abs(ratio - 1).max() < 0.2


def test_the_corrections_error_enters_monte_carlo_errors_once_where_there_are_replicates() -> None:
    kinds = corrected_run().recommended_kinds()
    assert "studentized" in kinds
    found = corrected_run().confidence_interval("recommended")
    for j, kind in enumerate(kinds.tolist()):
        own = corrected_run().confidence_interval(kind)
        assert (found.low_mcse[j], found.high_mcse[j]) == (own.low_mcse[j], own.high_mcse[j])
    assert not corrected_run().confidence_interval("abc").high_mcse.any()


def test_studentized_intervals_of_a_total_are_those_of_its_contributions(tmp_path: Path) -> None:
    mle = fit(lambda *data: float(MODEL.nll(*data).sum()), MODEL.truth, MODEL.data(150, rng=1))
    boot = bootstrap(mle, n_resamples=60, rng=0, refit="corrected")
    boot.save(tmp_path / "before.npz")
    with pytest.raises(ValueError, match="the file does not hold a standard error of each"):
        load(tmp_path / "before.npz").confidence_interval("studentized", 0.9)
    assert "use confidence_interval('studentized'), which measures" in str(boot)
    alone = bootstrap(fitted(), n_resamples=60, rng=0, refit="corrected")
    found, other = (run.confidence_interval("studentized", 0.9) for run in (boot, alone))
    for one, two in zip(found, other, strict=True):
        assert np.abs((one - two) / verified_run().standard_error).max() < 2e-3
    assert "studentized" in boot.recommended_kinds()
    boot.save(tmp_path / "after.npz")
    for again in (load(tmp_path / "after.npz"), load(tmp_path / "before.npz", fit=mle)):
        low = again.confidence_interval("studentized", 0.9).low
        assert np.array_equal(low, found.low)
    whole = bootstrap(mle, n_resamples=60, rng=0)
    with pytest.raises(ValueError, match="or bootstrap with refit='corrected'"):
        whole.confidence_interval("studentized")
    expanded = bootstrap(fitted(), n_resamples=60, rng=0, refit="expansion")
    with pytest.raises(ValueError, match="refit='expansion' computes no standard error of each"):
        expanded.confidence_interval("studentized")
    low = boot.confidence_interval("bca", confidence_level=0.8).low
    verified = bootstrap(fitted(), n_resamples=60, rng=0).confidence_interval("bca", 0.8).low
    assert np.abs((low - verified) / verified_run().standard_error).max() < 0.05


@pytest.mark.parametrize("plan", [Cases(), Bayesian()])
def test_replicates_whose_expansion_ends_too_early_are_verified(plan: Plan) -> None:
    # 30 Weibull times, one in three censored: of a total, and of a plan without standard errors of
    # each replicate, standard errors were up to 9% off with no word about it.
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    t, c = rng.weibull(1.5, 30) * np.exp(0.5 + 0.3 * x), rng.exponential(4, 30)
    died = (t < c).astype(float)

    def nll(params: np.ndarray, x: np.ndarray, t: np.ndarray, died: np.ndarray) -> np.ndarray:
        z = (np.log(t) - params[0] - params[1] * x) * np.exp(params[2])
        return np.asarray(np.exp(z) - died * (params[2] + z - np.log(t)))

    def total(*data: np.ndarray) -> float:
        return float(nll(*data).sum())

    function = total if plan == Cases() else nll
    mle = fit(function, [0.3, 0.2, 0.2], (x, np.minimum(t, c), died))
    own, other = (
        bootstrap(mle, sampling=plan, n_resamples=199, rng=7, refit=kind).standard_error
        for kind in ("corrected", "verified")
    )
    assert np.abs(own / other - 1).max() < 0.01


def test_precision_includes_the_corrections_error() -> None:
    boot = bootstrap(fitted(), n_resamples=4999, precision=0.04, rng=0, refit="corrected")
    assert boot.stopped == "precision=0.04"
    assert (boot.standard_error_mcse / boot.standard_error).max() < 0.04


def test_small_samples_are_verified_until_the_correction_is_small(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = logit(3)
    mle = fit(model.nll, model.truth, model.data(80, rng=2))
    boot = bootstrap(mle, n_resamples=999, rng=0, refit="corrected", progress=True)
    assert ": 64 replicates are verified" in capsys.readouterr().err
    truth = bootstrap(mle, n_resamples=999, rng=0)
    error = np.abs(boot.standard_error - truth.standard_error)
    assert (error < truth.standard_error_mcse).all()
    assert np.array_equal(np.isinf(boot.replicates).any(), np.isinf(truth.replicates).any())


def test_a_failure_that_the_expansion_does_not_show_is_no_reason_to_go_on() -> None:
    expanded = bootstrap(fitted(), n_resamples=999, rng=0, refit="expansion").data
    assert correct_by(expanded, verified_run().data).suffices
    status = verified_run().status.copy()
    status[5] = Status.RAISED
    found = correct_by(expanded, replace(verified_run().data, status=status).first(64))
    assert not found.suffices
    assert found.data.failed.sum() == 1
    assert "1 of 64 verified replicates failed" in found.remarks[0]


def test_other_plans_and_a_study_work_with_it() -> None:
    boot = bootstrap(fitted(), sampling=Bayesian(), n_resamples=199, rng=0, refit="corrected")
    assert (boot.status == Status.VERIFIED).sum() >= 40
    with pytest.raises(ValueError, match="not random; use 'verified'"):
        bootstrap(fitted(), sampling=Jackknife(), refit="corrected")
    asked: dict[str, Any] = {"n_datasets": 4, "n_resamples": 199, "refit": "corrected", "rng": 0}
    kinds = ["percentile", "studentized"]
    study = coverage(fitted(), MODEL.simulate, methods=kinds, **asked)
    assert np.isfinite(study.data.low).all()
    total = fit(lambda *data: float(MODEL.nll(*data).sum()), MODEL.truth, MODEL.data(150, rng=1))
    whole = coverage(total, MODEL.simulate, methods=kinds[:1], **asked)
    np.testing.assert_allclose(whole.data.low[:, 0], study.data.low[:, 0], rtol=1e-3)
    # A study of so few has errors like those of verified refits.
    assert np.abs(study.se_ratio["bootstrap"] / study.se_ratio["hessian"] - 1).max() < 0.3
