"""The residual bootstrap: least squares by NumPy, R's textbook example, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal

from bootmle import Estimator, Fit, Residual, bootstrap, coverage, fit, load
from bootmle.sampling.streams import stream_of

SPEED = np.repeat(
    [4, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25],
    [2, 2, 1, 1, 3, 2, 4, 4, 4, 3, 2, 3, 4, 3, 5, 1, 1, 4, 1],
).astype(float)
DIST = np.array(
    [
        "2",
        "10",
        "4",
        "22",
        "16",
        "10",
        "18",
        "26",
        "34",
        "17",
        "28",
        "14",
        "20",
        "24",
        "28",
        "26",
        "34",
        "34",
        "46",
        "26",
        "36",
        "60",
        "80",
        "20",
        "26",
        "54",
        "32",
        "40",
        "32",
        "40",
        "50",
        "42",
        "56",
        "76",
        "84",
        "36",
        "46",
        "68",
        "32",
        "48",
        "52",
        "56",
        "64",
        "66",
        "54",
        "70",
        "92",
        "93",
        "120",
        "85",
    ],
    dtype=float,
)
"""R: cars."""
X = np.column_stack([np.ones(50), SPEED])
BETA = np.linalg.lstsq(X, DIST)[0]
RESIDUALS = DIST - X @ BETA


def line(params: Any, x: Any, y: Any) -> Any:
    return params[0] + params[1] * x


def nll(params: Any, x: Any, y: Any) -> Any:
    return params[2] + ((y - line(params, x, y)) / np.exp(params[2])) ** 2 / 2


START = {"const": 0.0, "speed": 1.0, "log_sigma": 2.0}


@pytest.fixture(scope="module")
def cars() -> Fit:
    return fit(nll, START, (SPEED, DIST))


def drawn(values: Any, count: int, seed: int) -> Any:
    streams = [stream_of(seed, k) for k in range(count)]
    return np.array([values[stream.integers(50, size=50)] for stream in streams])


@pytest.mark.parametrize("leverage", [False, True])
def test_replicates_are_least_squares_of_fitted_values_plus_residuals(
    cars: Fit, leverage: bool
) -> None:
    boot = bootstrap(cars, sampling=Residual(line, leverage=leverage), n_resamples=40, rng=5)
    hat = np.einsum("ij,ij->i", X, np.linalg.solve(X.T @ X, X.T).T)
    values = RESIDUALS / np.sqrt(1 - hat) if leverage else RESIDUALS
    responses = X @ BETA + drawn(values - values.mean(), 40, 5)
    refitted = np.linalg.lstsq(X, responses.T)[0]
    sigma = np.sqrt(((responses.T - X @ refitted) ** 2).mean(axis=0))
    expected = np.column_stack([refitted.T, np.log(sigma)])
    assert np.abs((boot.replicates - expected) / cars.hessian_errors).max() < 1e-3


def test_standard_errors_are_those_of_the_textbook_but_for_the_residuals_freedom(
    cars: Fit,
) -> None:
    """s²(XᵀX)⁻¹ (n − p)/n.

    R: summary(lm(dist ~ speed, cars)) has 6.7584, 0.4155; its residual bootstrap, boot(cars,
    function(d, i) coef(lm(fitted(m) + resid(m)[i] ~ d$speed)), R), √(48/50) of these. Within 4
    Monte Carlo errors: 6e-5 for each.
    """
    boot = bootstrap(cars, sampling=Residual(line), n_resamples=999, rng=0)
    published = np.array([6.7584, 0.4155]) * np.sqrt(48 / 50)
    off = (boot.standard_error[:2] - published) / boot.standard_error_mcse[:2]
    assert np.abs(off).max() < 4
    assert "by Residual(line), none failed" in str(boot)
    for method, reason in (("bca", "no units"), ("studentized", "not draw units whole")):
        with pytest.raises(ValueError, match=reason):
            boot.confidence_interval(method)
    with pytest.raises(ValueError, match="leave units out at random"):
        boot.influence()


def test_a_column_a_list_and_an_estimator_give_the_same_replicates(cars: Fit) -> None:
    pd = pytest.importorskip("pandas")
    whole = bootstrap(cars, sampling=Residual(line), n_resamples=10, rng=1)
    frame = pd.DataFrame({"x": SPEED, "y": DIST}, index=np.arange(50) + 7)

    def of_frame(params: Any, frame: Any) -> Any:
        return line(params, frame["x"], frame["y"])

    in_frame = fit(lambda p, f: nll(p, f["x"], f["y"]), START, frame)
    by_name = bootstrap(in_frame, sampling=Residual(of_frame, "y"), n_resamples=10, rng=1)
    in_dict = fit(lambda p, f: nll(p, f["x"], f["y"]), START, ({"x": SPEED, "y": DIST},))
    by_key = bootstrap(in_dict, sampling=Residual(of_frame, "y"), n_resamples=10, rng=1)

    def of_list(params: Any, y: Any, x: Any) -> Any:
        return line(params, np.asarray(x), y)

    in_list = fit(
        lambda p, y, x: nll(p, np.asarray(x), np.asarray(y)), START, (DIST.tolist(), SPEED)
    )
    first = bootstrap(in_list, sampling=Residual(of_list, response=0), n_resamples=10, rng=1)
    for boot in (by_name, by_key, first):
        assert np.abs((boot.replicates - whole.replicates) / cars.hessian_errors).max() < 1e-3
    with pytest.raises(ValueError, match="is a table; name the column"):
        bootstrap(in_frame, sampling=Residual(of_frame))
    with pytest.raises(ValueError, match="has a column 'z'"):
        bootstrap(in_frame, sampling=Residual(of_frame, "z"))

    def ols(x: Any, y: Any) -> Any:
        return np.linalg.lstsq(np.column_stack([np.ones(50), x]), y)[0]

    own = Estimator(ols, (SPEED, DIST))
    for leverage in (False, True):
        plan = Residual(line, leverage=leverage)
        one, other = (bootstrap(each, sampling=plan, n_resamples=10, rng=1) for each in (own, cars))
        gap = (one.replicates - other.replicates[:, :2]) / cars.hessian_errors[:2]
        assert np.abs(gap).max() < 1e-3


def test_it_is_resumed_sharded_extended_and_known_again(cars: Fit, tmp_path: Path) -> None:
    whole = bootstrap(cars, sampling=Residual(line), n_resamples=96, rng=0)
    for shard in ((1, 2), (2, 2)):
        with parallel_config(backend="threading"):
            bootstrap(
                cars,
                sampling=Residual(line),
                n_resamples=96,
                rng=0,
                checkpoint=tmp_path / "run",
                shard=shard,
                n_jobs=2,
            )
    assert_array_equal(load(tmp_path / "run").replicates, whole.replicates)
    half = bootstrap(cars, sampling=Residual(line), n_resamples=48, rng=0)
    assert_array_equal(half.extend(48).replicates, whole.replicates)
    half.save(tmp_path / "half.npz")
    again = load(tmp_path / "half.npz", fit=cars).extend(48, sampling=Residual(line))
    assert_array_equal(again.replicates, whole.replicates)

    def bent(params: Any, x: Any, y: Any) -> Any:
        return line(params, x, y) + 1.0

    bent.__qualname__ = line.__qualname__
    for other in (Residual(line, leverage=True), Residual(bent)):
        with pytest.raises(ValueError, match="sampling: "):
            bootstrap(cars, sampling=other, n_resamples=96, rng=0, checkpoint=tmp_path / "run")


def test_it_covers(cars: Fit) -> None:
    def simulate(params: Any, rng: Any, x: Any, y: Any) -> Any:
        return x, line(params, x, y) + rng.normal(scale=np.exp(params[2]), size=x.size)

    study = coverage(
        cars,
        simulate,
        sampling=Residual(line),
        n_datasets=8,
        n_resamples=59,
        methods=("percentile",),
        rng=0,
        progress=False,
    )
    # Binomial: at most 2 of 8 missed, of each of two, with probability 0.99.
    assert np.all(study.coverage["percentile"][:2] >= 0.75)


def counts(params: Any, x: Any, y: Any) -> Any:
    return np.exp(params[0] + params[1] * x) - y * (params[0] + params[1] * x)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Residual(lambda p, x, y: np.exp(p[0] + p[1] * x)), "errors that are additive and alike"),
        (Residual(lambda p, x, y: 0 * x), "do not change with the parameters"),
        (Residual(lambda p, x, y: x[:9]), "returned 9 values for 50 of the response"),
        (Residual(lambda p, x, y: x * np.nan), "not finite"),
        (Residual(lambda p, x, y: 1 / 0), "raised ZeroDivisionError"),
        (Residual(line, 5), "place 5 of 2 in args"),
    ],
)
def test_models_and_functions_that_are_refused(plan: Any, reason: str) -> None:
    k = np.random.default_rng(0).poisson(np.exp(0.5 + 0.1 * SPEED)).astype(float)
    with pytest.raises(ValueError, match=reason):
        bootstrap(fit(counts, [0.0, 0.0], (SPEED, k)), sampling=plan, n_resamples=9)


def test_arguments_that_are_refused(cars: Fit) -> None:
    with pytest.raises(TypeError, match="predict: 3 is not callable"):
        Residual(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"response: 1\.5; pass its place"):
        Residual(line, 1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"takes .*, but is called with params, the 2 in args"):
        bootstrap(cars, sampling=Residual(lambda p, x: x), n_resamples=9)
    weighted = fit(nll, START, (SPEED, DIST), weights=np.linspace(1, 2, 50))
    with pytest.raises(ValueError, match="the fit is weighted"):
        bootstrap(weighted, sampling=Residual(line), n_resamples=9)
    for refit in ("expansion", "corrected"):
        with pytest.raises(ValueError, match="does not work for simulated data"):
            bootstrap(cars, sampling=Residual(line), n_resamples=9, refit=refit)
