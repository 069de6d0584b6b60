"""The wild score bootstrap: refits of linear models, enumerations, closed forms, and refusals."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from bootmle import Cases, Estimator, Fit, Status, Wild, bootstrap, coverage, crosscheck, fit, load
from bootmle.refitting.score_steps import ScoreSteps
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import stream_of

Floats = NDArray[np.float64]
GROUPS = np.array([4, 1, 1, 0, 0, 0, 2, 3, 3, 4, 5, 5, 2, 0, 1, 5, 5, 3, 4, 4])
"""Six clusters of two to four rows, not in order."""
RNG = np.random.default_rng(3)
X = np.column_stack([np.ones(20), 100 * RNG.normal(size=20)])
Y = X @ [2.0, 0.03] + RNG.normal(size=6)[GROUPS] + RNG.normal(size=20)
ORDER = list(dict.fromkeys(GROUPS.tolist()))


def squares(params: Any, X: Any, Y: Any) -> Any:
    return (Y - X @ params) ** 2 / 2


def counts(params: Any, X: Any, k: Any) -> Any:
    return np.exp(X @ params) - k * (X @ params)


K = RNG.poisson(np.exp(X @ [1.0, 0.002])).astype(float)


def linear(total: bool = False) -> Fit:
    fun = (lambda p, X, Y: float(squares(p, X, Y).sum())) if total else squares
    return fit(fun, {"const": 1.0, "slope": 0.0}, (X, Y))


def multipliers(plan: Wild, count: int) -> Floats:
    drawn = []
    for k in range(count):
        stream = stream_of(5, k)
        drawn.append(plan.draw(20, k, stream).multipliers)
    return np.array(drawn)


@pytest.mark.parametrize("total", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("weights", ["webb", "rademacher", "mammen"])
def test_of_a_linear_model_it_is_the_wild_cluster_bootstrap_of_residuals(
    weights: str, total: bool
) -> None:
    """Least squares of X b + w_g e, by NumPy (Cameron, Gelbach and Miller 2008)."""
    plan = Wild(GROUPS, weights=weights)
    boot = bootstrap(linear(total), sampling=plan, n_resamples=70, rng=5)
    beta = np.linalg.lstsq(X, Y)[0]
    codes = np.array([ORDER.index(g) for g in GROUPS])
    residuals = multipliers(plan, 70)[:, codes] * (Y - X @ beta)
    refitted = np.linalg.lstsq(X, (X @ beta + residuals).T)[0].T
    assert np.abs((boot.replicates - refitted) / boot.standard_error).max() < 1e-6
    assert set(boot.status) == {Status.LINEAR}
    assert boot.data.n_evaluations.sum() == 0


def test_all_signs_have_the_variance_of_the_cluster_sandwich() -> None:
    """Of G = 6 clusters there are 2⁶ sign vectors, whose mean square is Σ s_g² exactly."""
    mle = fit(counts, {"const": 0.5, "slope": 0.0}, (X, K))
    steps = ScoreSteps.prepare(mle, Wild(GROUPS))
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=6)))
    outcomes, _ = steps([Resample(20, multipliers=each) for each in signs])
    shifts = np.array([each.params for each in outcomes]) - mle.estimate
    mean = np.exp(X @ mle.estimate)
    H = (X * mean[:, None]).T @ X
    sums = np.array([(X * (K - mean)[:, None])[g == GROUPS].sum(axis=0) for g in range(6)])
    sandwich = np.linalg.inv(H) @ (sums.T @ sums) @ np.linalg.inv(H)
    unit = np.sqrt(np.diag(sandwich))
    found = shifts.T @ shifts / 64
    assert_allclose(found / np.outer(unit, unit), sandwich / np.outer(unit, unit), rtol=1e-5)
    assert np.abs(shifts.mean(axis=0) / unit).max() < 1e-12
    assert_allclose(steps.own_errors, unit, rtol=1e-6)
    errors = np.array([each.errors for each in outcomes])
    pulled = signs[:, :, None] * sums[ORDER] @ np.linalg.inv(H)
    pulled -= pulled.mean(axis=1, keepdims=True)
    assert_allclose(errors / unit, np.sqrt((pulled**2).sum(axis=1)) / unit, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "values", "third"),
    [
        ("webb", [1.5**0.5, 1.0, 0.5**0.5, -(1.5**0.5), -1.0, -(0.5**0.5)], 0.0),  # Webb (2023)
        ("rademacher", [-1.0, 1.0], 0.0),
        ("mammen", [-0.618033988749895, 1.618033988749895], 1.0),  # Mammen (1993)
    ],
)
def test_the_values_and_moments_of_the_multipliers(
    weights: str, values: list[float], third: float
) -> None:
    # 6 × 3 means within 5 of their errors: a false-alarm rate of 1e-5.
    drawn = multipliers(Wild(GROUPS, weights=weights), 4000)
    assert_allclose(np.unique(drawn), np.sort(values))
    for power, expected in ((1, 0.0), (2, 1.0), (3, third)):
        off = (drawn**power).mean(axis=0) - expected
        error = (drawn**power).std(axis=0) / np.sqrt(4000)
        assert np.abs(off).max() <= 5 * error.max()


def test_steps_are_taken_on_the_scale_of_the_transform_and_leave_fixed_parameters() -> None:
    def nll(params: Any, y: Any) -> Any:
        return np.log(params[1]) + ((y - params[0]) / params[1]) ** 2 / 2

    known: Any = {"fixed": {"mean": Y.mean()}}
    on_log = fit(nll, {"mean": 2.0, "sd": 1.0}, Y, transform={"sd": "log"}, **known)
    boot = bootstrap(on_log, sampling=Wild(GROUPS), n_resamples=70, rng=5)
    z2 = (Y - Y.mean()) ** 2 / Y.var()
    sums = np.array([(z2 - 1)[g == GROUPS].sum() for g in ORDER]) / (2 * 20)
    expected = np.log(Y.std()) + multipliers(Wild(GROUPS), 70) @ sums
    assert_allclose(np.log(boot.replicates[:, 1]), expected, atol=1e-6)
    assert_array_equal(boot.replicates[:, 0], Y.mean())
    on_its_own = fit(nll, {"mean": 2.0, "sd": 1.0}, Y, **known)
    straight = bootstrap(on_its_own, sampling=Wild(GROUPS), n_resamples=70, rng=5)
    shifts = Y.std() * (expected - np.log(Y.std()))
    assert_allclose(straight.replicates[:, 1], Y.std() + shifts, atol=1e-6)


def test_intervals_and_the_cross_check() -> None:
    mle = fit(counts, {"const": 0.5, "slope": 0.0}, (X, K))
    boot = bootstrap(mle, sampling=Wild(GROUPS), n_resamples=1999, rng=0)
    check = crosscheck(boot)
    assert check.verdicts["cluster"].agrees
    off = boot.standard_error - check.standard_errors["cluster"]
    assert np.abs(off / boot.standard_error_mcse).max() < 4
    assert "1,999 linear steps, none failed" in str(check)
    percentile, t = boot.confidence_interval(), boot.confidence_interval("studentized")
    assert np.all(t.high - t.low > percentile.high - percentile.low)
    with pytest.raises(ValueError, match="linear, without the bias that it corrects for"):
        boot.confidence_interval("bca")
    with pytest.raises(ValueError, match="leave units out at random"):
        boot.influence()
    text = str(boot)
    assert "steps along the scores of 6 clusters" in text
    few = str(bootstrap(mle, sampling=Wild(GROUPS, "rademacher"), n_resamples=99, rng=0))
    assert "only 64 distinct draws: use weights='webb'" in few


def test_it_is_resumed_sharded_extended_and_loaded(tmp_path: Path) -> None:
    mle, plan = linear(), Wild(GROUPS)
    whole = bootstrap(mle, sampling=plan, n_resamples=192, rng=0)
    two = bootstrap(mle, sampling=plan, n_resamples=128, rng=0, checkpoint=tmp_path / "run")
    assert_array_equal(two.extend(64).replicates, whole.replicates)
    for shard in ((1, 2), (2, 2)):
        bootstrap(
            mle, sampling=plan, n_resamples=192, rng=0, checkpoint=tmp_path / "parts", shard=shard
        )
    assert_array_equal(load(tmp_path / "parts").replicates, whole.replicates)
    with parallel_config(backend="threading"):
        again = bootstrap(
            mle, sampling=plan, n_resamples=192, rng=0, checkpoint=tmp_path / "run", n_jobs=2
        )
    assert_array_equal(again.replicates, whole.replicates)
    again.save(tmp_path / "run.npz")
    assert_array_equal(
        load(tmp_path / "run.npz").confidence_interval("studentized").low,
        whole.confidence_interval("studentized").low,
    )
    for other in (Wild(GROUPS, weights="mammen"), Wild(np.roll(GROUPS, 1))):
        with pytest.raises(ValueError, match="sampling: "):
            bootstrap(mle, sampling=other, n_resamples=192, rng=0, checkpoint=tmp_path / "run")


def test_it_covers() -> None:
    def draw(params: Any, rng: Any, X: Any, Y: Any) -> Any:
        return X, X @ params + rng.normal(size=6)[GROUPS] + rng.normal(size=20)

    for warp in (False, True):
        study = coverage(
            linear(),
            draw,
            sampling=Wild(GROUPS),
            methods=("percentile",) if warp else ("percentile", "studentized", "cluster"),
            n_datasets=60 if warp else 12,
            n_resamples=99,
            rng=0,
            progress=False,
            warp=warp,
        )
        assert study.n_failed == 0
        # At G = 6 a nominal 95% covers about 80 to 95%: half of 12 or 60 by chance in 1e-4.
        assert all(np.all(each > 0.5) for each in study.coverage.values())


def test_what_is_refused() -> None:
    mle = linear()
    with pytest.raises(ValueError, match="an Estimator does not have"):
        bootstrap(Estimator(np.mean, Y), sampling=Wild(GROUPS))
    for refit in ("expansion", "corrected"):
        with pytest.raises(ValueError, match=f"refit: '{refit}' saves refits, of which Wild"):
            bootstrap(mle, sampling=Wild(GROUPS), refit=refit)
    with pytest.raises(ValueError, match="weights: 'normal' is unknown; use one of webb"):
        Wild(GROUPS, weights="normal")
    with pytest.raises(ValueError, match="all rows belong to 0; at least two"):
        Wild(np.zeros(20, dtype=int))
    with pytest.raises(ValueError, match="clusters: 19 labels for 20 observations"):
        bootstrap(mle, sampling=Wild(GROUPS[:19]))
    at_bound = fit(squares, [1.0, 0.0], (X, Y), bounds=[(None, None), (None, 0.0)])
    with pytest.raises(ValueError, match="the fit is at a bound; use Clustered"):
        bootstrap(at_bound, sampling=Wild(GROUPS))

    def held(params: Any) -> float:
        return float(squares(params, X, Y).sum())

    with pytest.raises(ValueError, match="the objective holds its data itself"):
        bootstrap(fit(held, [1.0, 0.0]), sampling=Wild(GROUPS))

    def pulled(params: Any, X: Any, Y: Any) -> float:
        return float(np.log1p(squares(params, X, Y).sum()) * 10)

    with pytest.raises(ValueError, match="do not add up to the total"):
        bootstrap(fit(pulled, [1.0, 0.0], (X, Y)), sampling=Wild(GROUPS))


def test_one_contribution_for_each_cluster_and_a_column_of_labels() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": X[:, 1], "y": Y, "school": GROUPS})

    def by_row(params: Any, frame: Any) -> Any:
        return (frame["y"] - params[0] - params[1] * frame["x"]) ** 2 / 2

    def by_school(params: Any, frame: Any) -> Any:
        return by_row(params, frame).groupby(frame["school"], sort=False).sum()

    found = [
        bootstrap(fit(fun, [1.0, 0.0], frame), sampling=Wild("school"), n_resamples=70, rng=5)
        for fun in (by_row, by_school)
    ]
    known = bootstrap(linear(), sampling=Wild(GROUPS), n_resamples=70, rng=5)
    for boot in found:
        assert_allclose(boot.replicates, known.replicates, rtol=1e-6)


def test_single_rows_may_be_clusters() -> None:
    """Then the variance is that of the sandwich, as of Cases, here within 4 Monte Carlo errors."""
    mle = linear()
    boot = bootstrap(mle, sampling=Wild(np.arange(20), "rademacher"), n_resamples=1999, rng=0)
    sandwich = crosscheck(bootstrap(mle, sampling=Cases(), n_resamples=99, rng=0))
    off = boot.standard_error - sandwich.standard_errors["sandwich"]
    assert np.abs(off / boot.standard_error_mcse).max() < 4
