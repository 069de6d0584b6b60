"""Six fits that go wrong in practice: what each source says, and what the check says of it.

Numbers without a source beside them are those of closed forms or of R, named at each case. Where a
number has a Monte Carlo error, ours and its own, four of them are allowed: a false-alarm rate of
6e-5 for each comparison.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit, gammaln

from bootmle import (
    Bootstrap,
    Clustered,
    Crosscheck,
    Flag,
    Status,
    bootstrap,
    crosscheck,
    fit,
    information,
)
from bootmle.fitting.fit import Fit

Floats = NDArray[np.float64]
# Untyped: SciPy's overloads take no method from a variable, and no result's matrix.
minimize: Any = optimize.minimize
Data = Callable[[str], Any]


@cache
def arrays(name: str) -> dict[str, Any]:
    return dict(np.load(Path(__file__).parents[1] / "data" / name))


def near(ours: Any, theirs: Any, root_b: Any, count: int, own: Any = 0.0) -> None:
    """Compare within four Monte Carlo errors: root_b/sqrt(B) of ours, and the number's own."""
    error = np.sqrt(np.array(own) ** 2 + np.array(root_b) ** 2 / count)
    assert np.all(np.abs(np.array(ours) - theirs) < 4 * error)


def sentence(check: Crosscheck, flag: Flag) -> str:
    (found,) = [str(diagnosis) for diagnosis in check.diagnoses if diagnosis.flag is flag]
    return found


def errors_of(check: Crosscheck, source: str) -> Floats:
    return check.standard_errors[source]


# Wages in currency units, 12 parameters: differences at a step of 1e-5 against an nll of 15881.
# R: lm(y ~ X), and the likelihood's sigma; scores of the normal linear model.
WAGES: dict[str, list[float]] = {
    "estimate": [
        8930.323156548047, 123.10562746779692, 848.184391887575, -2874.896795162246,
        530.059582270543, -1015.3702766488971, 218.67059973946846, 420.58018881336903,
        93.9990841464345, 1280.3842153510805, -128.9007643805608, 9.168574505315586,
    ],
    "hessian": [
        1522.7834049700157, 20.201616135799423, 65.6720932068395, 497.3831227735576,
        541.8823265109457, 701.4911951921375, 28.898390885915422, 246.96739275795534,
        839.6842936282698, 971.9514654684118, 124.18805709550327, 0.018257418583505537,
    ],
    "opg": [
        1592.5728775092145, 20.601657929059805, 66.02926266867904, 499.2396823259284,
        546.0528437347411, 690.3240288633888, 29.755145951824332, 251.81403240332628,
        865.63977830433, 977.1629392707116, 122.99274269326608, 0.01903918177422682,
    ],
    "sandwich": [
        1466.8309340398098, 20.027426128180252, 65.82289722223797, 498.4437658519673,
        542.7629101843028, 719.1356864048971, 28.152857165614964, 243.4956658969078,
        824.8509498253219, 970.3034955472533, 126.29568830617606, 0.01770536474557902,
    ],
}  # fmt: skip


def wage_nll(params: Any, X: Any, y: Any) -> Any:
    z = (y - X @ params[:-1]) / np.exp(params[-1])
    return params[-1] + 0.5 * z**2 + 0.5 * np.log(2 * np.pi)


def wage_total(params: Any) -> float:
    wages = arrays("wages.npz")
    return float(wage_nll(params, wages["X"], wages["y"]).sum())


def wage_start() -> Floats:
    y = arrays("wages.npz")["y"]
    start = np.zeros(12)
    start[0], start[11] = y.mean(), np.log(y.std())
    return start


@cache
def wage_boot() -> Bootstrap:
    wages = arrays("wages.npz")
    mle = fit(wage_nll, wage_start(), (wages["X"], wages["y"]))
    return bootstrap(mle, n_resamples=499, rng=0)


def second_differences(f: Callable[[Any], float], x: Floats, step: float) -> Floats:
    """The Hessian as it is commonly coded."""
    E, H = step * np.eye(x.size), np.zeros((x.size, x.size))
    for i, a in enumerate(E):
        H[i, i] = (f(x + a) - 2 * f(x) + f(x - a)) / step**2
        for j, b in enumerate(E[:i]):
            corners = f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)
            H[i, j] = H[j, i] = corners / (4 * step**2)
    return H


def test_wages_meet_the_closed_forms() -> None:
    boot = wage_boot()
    mle = boot.fit
    assert isinstance(mle, Fit)
    assert mle.status is Status.CERTIFIED
    assert mle.nll == pytest.approx(15881.269557780388, rel=1e-10)
    error = np.array(WAGES["hessian"])
    assert np.all(np.abs(mle.estimate - WAGES["estimate"]) < 1e-3 * error)
    check = crosscheck(boot)
    assert check.hessian.definiteness == "positive definite"
    for source in ("hessian", "opg", "sandwich"):
        assert_allclose(errors_of(check, source), WAGES[source], rtol=1e-3)
        assert check.verdicts[source].agrees


@cache
def naive_covariance() -> Floats:
    """The inverse of differences at 1e-5 around the closed form: rounding, and no curvature."""
    wages = arrays("wages.npz")
    slopes = np.linalg.lstsq(wages["X"], wages["y"], rcond=None)[0]
    estimate = np.append(slopes, np.log(np.std(wages["y"] - wages["X"] @ slopes)))
    return np.linalg.inv(second_differences(wage_total, estimate, 1e-5)).astype(np.float64)


def test_wages_differences_with_a_step_too_small_are_lost_in_rounding() -> None:
    naive = naive_covariance()
    # How many are negative is up to the last bits of the sum: 2 to 9 in the sums met so far.
    negative = int((np.diag(naive) < 0).sum())
    assert negative > 0
    check = crosscheck(wage_boot(), {"naive": naive})
    verdict = check.verdicts["naive"]
    assert verdict.flag is Flag.ROUNDING
    assert not verdict.agrees
    assert f"{negative} of 12 variances are negative" in verdict.reason
    assert "an nll of 15881" in verdict.reason
    assert "although the Hessian is positive definite" in verdict.reason
    assert_array_equal(np.isnan(errors_of(check, "naive")), np.diag(naive) < 0)


def test_wages_the_step_named_is_near_the_one_used() -> None:
    # The true curvatures are known, so that a matrix off by rounding alone tells its step.
    verdicts = crosscheck(wage_boot(), {"naive": naive_covariance()}).verdicts
    reason = verdicts["naive"].reason
    found = re.search(r"a step near ([\d.e-]+)", reason)
    assert found is not None
    assert 2e-6 < float(found[1]) < 1e-4


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS"])
def test_wages_minimizers_stop_short_of_the_optimum(method: str) -> None:
    X = arrays("wages.npz")["X"]
    result = minimize(wage_total, wage_start(), method=method)
    sigma = np.exp(WAGES["estimate"][-1])
    gap = result.x - WAGES["estimate"]
    squares = gap[:-1] @ X.T @ X @ gap[:-1] / sigma**2 + 2 * 1500 * gap[-1] ** 2
    verdict = crosscheck(wage_boot(), {"given": result}).verdicts["given"]
    assert verdict.flag is Flag.NOT_AT_OPTIMUM
    found = re.search(
        r"its x is ([\d.]+) standard errors from the optimum and ([\d.]+)", str(verdict)
    )
    assert found is not None
    assert float(found[1]) == pytest.approx(np.sqrt(squares), rel=0.05)
    assert float(found[2]) == pytest.approx(wage_total(result.x) - 15881.26955778, rel=0.01)
    assert ("although it reports success" in str(verdict)) is bool(result.success)


# A logit of 8 parameters, n = 2000. R: glm(y ~ X - 1, binomial).
LOGIT = {
    "estimate": [
        -0.34976611319159917, 0.755890209390072, -0.4850430258766475, 0.2787503223394252,
        -0.012053125245855893, -0.034476960235336036, 0.6136201796565364, -0.35809371089211056,
    ],
    "hessian": [
        0.05157635706381757, 0.05637178114537036, 0.054306882803541616, 0.0512353310016937,
        0.049437447581135156, 0.05353668164449068, 0.05326232040500988, 0.05172426165954909,
    ],
}  # fmt: skip


def logit_nll(params: Any, X: Any, y: Any) -> Any:
    return np.logaddexp(0.0, X @ params) - y * (X @ params)


def logit_total(params: Any) -> float:
    data = arrays("logit8.npz")
    return float(logit_nll(params, data["X"], data["y"]).sum())


def logit_gradient(params: Any) -> Floats:
    data = arrays("logit8.npz")
    gradient: Floats = data["X"].T @ (expit(data["X"] @ params) - data["y"])
    return gradient


@cache
def logit_boot() -> Bootstrap:
    data = arrays("logit8.npz")
    mle = fit(logit_nll, np.zeros(8), (data["X"], data["y"].astype(float)))
    return bootstrap(mle, n_resamples=499, rng=1)


@cache
def warm_start() -> Any:
    return minimize(logit_total, np.round(LOGIT["estimate"], 4), jac=logit_gradient)


def test_logit_meets_r() -> None:
    boot = logit_boot()
    mle = boot.fit
    assert isinstance(mle, Fit)
    assert mle.status is Status.CERTIFIED
    assert mle.nll == pytest.approx(1140.4855912461267, rel=1e-10)
    assert np.all(np.abs(mle.estimate - LOGIT["estimate"]) < 1e-3 * np.array(LOGIT["hessian"]))
    check = crosscheck(boot)
    assert_allclose(errors_of(check, "hessian"), LOGIT["hessian"], rtol=1e-3)
    assert check.verdicts["hessian"].agrees
    assert check.flags == frozenset()


def test_logit_a_warm_start_leaves_the_path_of_the_search() -> None:
    result = warm_start()
    assert result.success
    assert np.all(np.diag(result.hess_inv) > 30 * np.array(LOGIT["hessian"]) ** 2)
    check = crosscheck(logit_boot(), {"warm": result})
    verdict = check.verdicts["warm"]
    assert verdict.flag is Flag.SEARCH_PATH
    assert not verdict.agrees
    assert f"built from {result.nit} steps in 8 dimensions" in verdict.reason
    assert "success=True refers only to the search" in verdict.reason
    assert_allclose(errors_of(check, "warm"), np.sqrt(np.diag(result.hess_inv)), rtol=1e-12)


def test_logit_the_matrix_is_measured_along_the_eigenvectors_of_the_hessian() -> None:
    X = arrays("logit8.npz")["X"]
    chance = expit(X @ LOGIT["estimate"])
    values, vectors = np.linalg.eigh((X * (chance * (1 - chance))[:, None]).T @ X)
    expected = np.diag(vectors.T @ warm_start().hess_inv @ vectors) * values
    verdict = crosscheck(logit_boot(), {"warm": warm_start()}).verdicts["warm"]
    assert verdict.curvature_ratios is not None
    assert_allclose(verdict.curvature_ratios, expected, rtol=1e-3)
    assert f"{expected.min():.0f} to {expected.max():.0f} times" in verdict.reason


def test_logit_a_search_from_afar_with_the_gradient_comes_near_the_curvature() -> None:
    # 18 steps through 8 dimensions: variances within 5% of R's.
    result = minimize(logit_total, np.zeros(8), jac=logit_gradient)
    verdict = crosscheck(logit_boot(), {"cold": result}).verdicts["cold"]
    assert verdict.agrees
    assert verdict.flag is None


def test_logit_l_bfgs_b_keeps_too_few_steps() -> None:
    result = minimize(logit_total, np.zeros(8), method="L-BFGS-B", jac=logit_gradient)
    check = crosscheck(logit_boot(), {"result": result, "product": result.hess_inv})
    assert check.verdicts["result"].flag is check.verdicts["product"].flag is Flag.SEARCH_PATH
    assert_array_equal(errors_of(check, "result"), errors_of(check, "product"))
    assert_allclose(
        errors_of(check, "product"), np.sqrt(np.diag(result.hess_inv.todense())), rtol=1e-12
    )


def test_logit_a_mean_objective_is_named() -> None:
    result = minimize(
        lambda b: logit_total(b) / 2000, np.zeros(8), jac=lambda b: logit_gradient(b) / 2000
    )
    verdict = crosscheck(logit_boot(), {"mean": result}).verdicts["mean"]
    assert not verdict.agrees
    assert verdict.flag is Flag.SEARCH_PATH
    assert "its objective is a mean over the rows: divide by n = 2,000" in verdict.reason


# R's faithful$waiting: a mixture of two normals of equal weight and sigma = 6.
SIGMA = 6.0


def mixture_parts(params: Any, y: Any) -> tuple[Any, Any]:
    return -0.5 * ((y - params[0]) / SIGMA) ** 2, -0.5 * ((y - params[1]) / SIGMA) ** 2


def mixture_nll(params: Any, y: Any) -> Any:
    return np.log(2 * SIGMA * np.sqrt(2 * np.pi)) - np.logaddexp(*mixture_parts(params, y))


def mixture_scores(params: Any, y: Any) -> Any:
    first, second = mixture_parts(params, y)
    share = expit(first - second)
    pulls = [share * (y - params[0]), (1 - share) * (y - params[1])]
    return -np.column_stack(pulls) / SIGMA**2


def waiting_times(data_of: Data) -> Floats:
    return np.array(data_of("faithful.json")["waiting"], dtype=float)


def saddle_eigenvalues(y: Floats) -> list[float]:
    """Derived by hand at mu1 = mu2 = mean: along the difference and along the sum."""
    scale = y.size / (2 * SIGMA**2)
    return [scale * (1 - y.var() / SIGMA**2), scale]


@pytest.mark.parametrize("with_jac", [False, True], ids=["differences", "jac"])
def test_waiting_times_the_fit_leaves_the_saddle(with_jac: bool, data_of: Data) -> None:
    y = waiting_times(data_of)
    jac = mixture_scores if with_jac else None
    mle = fit(mixture_nll, {"mu1": 70.0, "mu2": 70.0}, y, jac=jac)
    assert mle.status is Status.CERTIFIED
    # EM to 1e-12, and R's optim from a start at 50 and 80.
    low, high = np.argsort(mle.estimate)
    assert_allclose(mle.estimate[[low, high]], [54.92309446686682, 80.26096813383583], atol=1e-3)
    errors = mle.information.standard_errors[[low, high]]
    assert_allclose(errors, [0.6622529166726415, 0.4835242532002662], rtol=1e-3)
    assert mle.nll == pytest.approx(1044.147448094089, abs=1e-4)
    scipy_information = mle.scipy_information
    assert scipy_information is not None
    assert scipy_information.definiteness == "indefinite"
    assert_allclose(scipy_information.point, y.mean(), rtol=1e-6)
    assert_allclose(scipy_information.eigenvalues, saddle_eigenvalues(y), rtol=1e-3)
    assert np.isnan(scipy_information.standard_errors).all()


def test_waiting_times_the_information_at_the_saddle_itself(data_of: Data) -> None:
    y = waiting_times(data_of)
    assert_allclose(saddle_eigenvalues(y), [-15.54595588235294, 3.7777777777777777], rtol=1e-12)
    for jac in (None, mixture_scores):
        found = information(mixture_nll, {"mu1": y.mean(), "mu2": y.mean()}, args=y, jac=jac)
        assert found.definiteness == "indefinite"
        assert_allclose(found.eigenvalues, saddle_eigenvalues(y), rtol=1e-6)
        assert np.all(np.abs(found.eigenvalues - saddle_eigenvalues(y)) <= found.eigenvalue_errors)
        assert np.isnan(found.standard_errors).all()
        way = found.describe_direction(found.null_directions[:, 0])
        assert way in {"0.71·mu1 − 0.71·mu2", "0.71·mu2 − 0.71·mu1"}


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B"])
def test_waiting_times_the_result_at_the_saddle_is_refused(method: str, data_of: Data) -> None:
    y = waiting_times(data_of)
    result = minimize(
        lambda m: mixture_nll(m, y).sum(),
        [70.0, 70.0],
        jac=lambda m: mixture_scores(m, y).sum(axis=0),
        method=method,
    )
    assert result.success
    assert np.all(result.x == pytest.approx(y.mean(), rel=1e-6))
    mle = fit(mixture_nll, {"mu1": 70.0, "mu2": 70.0}, y, jac=mixture_scores)
    check = crosscheck(bootstrap(mle, n_resamples=499, rng=0), {"given": result})
    assert check.verdicts["given"].flag is Flag.SADDLE
    assert not check.verdicts["given"].agrees
    assert "computed at a saddle point" in check.verdicts["given"].reason
    assert Flag.SADDLE in check.flags
    said = sentence(check, Flag.SADDLE)
    # 1432.964268426408 at the saddle, 1044.147448094089 at the optimum.
    assert "388.8 lower in nll" in said
    assert "eigenvalue -15.5" in said
    assert re.search("0.71·mu1 − 0.71·mu2|0.71·mu2 − 0.71·mu1", said)
    for source in ("hessian", "opg", "sandwich"):
        assert check.verdicts[source].agrees


# Poisson with mean exp(a + b + c z): R's glm(k ~ z, poisson) for a + b and c.
def sum_nll(params: Any, z: Any, k: Any) -> Any:
    eta = params[0] + params[1] + params[2] * z
    return np.exp(eta) - k * eta


def sum_data(data_of: Data) -> tuple[Floats, Floats]:
    stored = data_of("poisson_sum.json")
    return np.array(stored["z"]), np.array(stored["k"], dtype=float)


def test_sum_the_flat_direction_is_named(data_of: Data) -> None:
    mle = fit(sum_nll, {"a": 0.0, "b": 0.0, "c": 0.0}, sum_data(data_of))
    a, b, c = mle.estimate
    assert a + b == pytest.approx(0.6417004574534845, abs=1e-5)
    assert c == pytest.approx(0.3933295747921659, abs=1e-5)
    assert mle.status is Status.NOT_IDENTIFIED
    assert mle.not_identified == ("a", "b")
    eigenvalues = mle.information.eigenvalues
    assert_allclose(eigenvalues, [0.0, 153.4694056519028, 440.1207811639373], atol=0.044)
    null = np.abs(mle.information.null_directions)
    assert_allclose(null, [[np.sqrt(0.5)], [np.sqrt(0.5)], [0.0]], atol=1e-3)


def test_sum_no_source_has_an_error_of_either_part(data_of: Data) -> None:
    data = sum_data(data_of)
    mle = fit(sum_nll, {"a": 0.0, "b": 0.0, "c": 0.0}, data)
    boot = bootstrap(mle, n_resamples=999, rng=0)
    result = minimize(lambda p: sum_nll(p, *data).sum(), np.zeros(3))
    check = crosscheck(boot, {"BFGS": result})
    assert Flag.NOT_IDENTIFIED in check.flags
    assert check.hessian.definiteness == "singular"
    said = sentence(check, Flag.NOT_IDENTIFIED)
    assert re.search("0.71·a − 0.71·b|0.71·b − 0.71·a", said)
    assert "more data of the same kind will not help" in said
    for source in ("bootstrap", "hessian", "opg", "sandwich"):
        assert np.isnan(errors_of(check, source)[:2]).all()
        assert check.verdicts[source].flag is Flag.NOT_IDENTIFIED
        assert not check.verdicts[source].agrees
    # SciPy's matrix has the start's 1 along the flat direction: sqrt(1/2) for either part.
    assert_allclose(errors_of(check, "BFGS")[:2], np.sqrt(0.5), rtol=0.01)
    assert check.verdicts["BFGS"].flag is Flag.NOT_IDENTIFIED
    assert "its standard errors for a, b are artifacts" in check.verdicts["BFGS"].reason


def test_sum_what_is_identified_has_its_bootstrap_error(data_of: Data) -> None:
    # R: boot(glm(k ~ z, poisson)), 200,000 replicates.
    mle = fit(sum_nll, {"a": 0.0, "b": 0.0, "c": 0.0}, sum_data(data_of))
    boot = bootstrap(mle, n_resamples=999, rng=0)
    total = boot.replicates[:, 0] + boot.replicates[:, 1]
    near(total.std(ddof=1), 0.08240513289780489, 0.06661142319670275, 999, 0.00014894767034583371)
    near(boot.standard_error[2], 0.06523054957065187, 0.04951903083747861, 999, 0.00011072791913)
    bounds = boot.confidence_interval()
    near(bounds.low[2], 0.2642898371686429, 0.19543022758, 999, 0.000436995)
    near(bounds.high[2], 0.5210223606062986, 0.16132632571, 999, 0.000360737)


def test_sum_with_one_part_held_every_source_meets_r(data_of: Data) -> None:
    mle = fit(sum_nll, {"a": 0.0, "b": 0.0, "c": 0.0}, sum_data(data_of), fixed={"b": 0.0})
    assert mle.status is Status.CERTIFIED
    check = crosscheck(mle)
    expected = {
        "hessian": [0.0856219014941948, 0.0, 0.07157167913006153],
        "opg": [0.09032085952194108, 0.0, 0.08321286546347251],
        "sandwich": [0.08157992876108842, 0.0, 0.06272560589331136],
    }
    for source, errors in expected.items():
        assert_allclose(errors_of(check, source), errors, rtol=1e-3)


# R's warpbreaks as Poisson: glm(breaks ~ wool + tension, poisson); sandwich(); estfun().
BREAKS: dict[str, list[float]] = {
    "estimate": [
        3.6919631449407957, -0.20598844263862132, -0.3213204316006123, -0.5184884965115623,
    ],
    "hessian": [
        0.045410794342800986, 0.05157124278372989, 0.06026591669548088, 0.0639595193958997,
    ],
    "opg": [
        0.017771952997352913, 0.027591902381525115, 0.029782660050399052, 0.03504403857191567,
    ],
    "sandwich": [
        0.11657816684108348, 0.10432135915856316, 0.12895602268607634, 0.1249243963326955,
    ],
    "bootstrap": [
        0.12252524816392145, 0.10931966322437282, 0.13559106942083116, 0.13057574178560385,
    ],
    "own error": [0.0001896778591, 0.0001651371752, 0.0002389705488, 0.0001848385744],
    "root_b": [0.08482651736523772, 0.07385158986014066, 0.1068708783314497, 0.08266232256013317],
}  # fmt: skip


def breaks_nll(params: Any, X: Any, y: Any) -> Any:
    return np.exp(X @ params) - y * (X @ params) + gammaln(y + 1)


def draw_breaks(params: Any, rng: Any, X: Any, y: Any) -> Any:
    return X, rng.poisson(np.exp(X @ params)).astype(float)


def breaks_fit(data_of: Data) -> Fit:
    stored = data_of("warpbreaks.json")
    wool, tension = np.array(stored["wool"]), np.array(stored["tension"])
    columns = [np.ones(54), wool == "B", tension == "M", tension == "H"]
    args = (np.column_stack(columns).astype(float), np.array(stored["breaks"], dtype=float))
    start = {"const": 0.0, "woolB": 0.0, "tensionM": 0.0, "tensionH": 0.0}
    return fit(breaks_nll, start, args)


def test_breaks_meet_r(data_of: Data) -> None:
    mle = breaks_fit(data_of)
    assert mle.status is Status.CERTIFIED
    assert mle.nll == pytest.approx(242.52798320897853, rel=1e-9)
    assert np.all(np.abs(mle.estimate - BREAKS["estimate"]) < 1e-3 * np.array(BREAKS["hessian"]))
    check = crosscheck(bootstrap(mle, n_resamples=1999, rng=0))
    for source in ("hessian", "opg", "sandwich"):
        assert_allclose(errors_of(check, source), BREAKS[source], rtol=1e-3)
    expected, root_b = BREAKS["bootstrap"], BREAKS["root_b"]
    near(errors_of(check, "bootstrap"), expected, root_b, 1999, BREAKS["own error"])


@pytest.mark.parametrize("simulated", [False, True], ids=["scores", "simulate"])
def test_breaks_are_overdispersed(simulated: bool, data_of: Data) -> None:
    boot = bootstrap(breaks_fit(data_of), n_resamples=999, rng=0)
    check = crosscheck(boot, simulate=draw_breaks if simulated else None)
    assert Flag.MISSPECIFIED in check.flags
    assert Flag.SMALL_SAMPLE not in check.flags
    assert check.verdicts["sandwich"].agrees
    for source in ("hessian", "opg"):
        assert not check.verdicts[source].agrees
        assert check.verdicts[source].flag is Flag.MISSPECIFIED
        reason = check.verdicts[source].reason
        assert re.search(r"the model is misspecified|variance of the scores is 4\.1 times", reason)
    # tr(H⁻¹JᵀJ)/4 from the R matrices' definition: scores (mu - y) X, information Xᵀ diag(mu) X.
    assert isinstance(boot.fit, Fit)
    X, y = boot.fit.likelihood.args
    mu = np.exp(X @ BREAKS["estimate"])
    scores = (mu - y)[:, None] * X
    scale = np.trace(np.linalg.solve((X * mu[:, None]).T @ X, scores.T @ scores)) / 4
    assert f"the variance of the scores is {scale:.1f} times the observed" in sentence(
        check, Flag.MISSPECIFIED
    )


def test_breaks_simulated_from_the_model_agree_with_its_hessian(data_of: Data) -> None:
    boot = bootstrap(breaks_fit(data_of), n_resamples=999, rng=0)
    check = crosscheck(boot, simulate=draw_breaks)
    # Poisson regression with means of 15 to 40 is nearly normal: 4 Monte Carlo errors of 1/√(2B),
    # and 1% for what remains of the nonlinearity.
    limit = 4 / np.sqrt(2 * 999) + 0.01
    assert_allclose(errors_of(check, "parametric"), BREAKS["hessian"], rtol=limit)
    assert check.verdicts["parametric"].flag is Flag.MISSPECIFIED
    assert "it agrees with data simulated from the model" in check.verdicts["hessian"].reason


# Petersen's 500 firms in 10 years. R: lm(y ~ x), sandwich::vcovCL(type = "HC0", cadjust = FALSE),
# and one million resamples of firms by an independent program; rows by 100,000.
FIRMS: dict[str, list[float]] = {
    "estimate": [0.029679720734517648, 1.034833439461694, 0.6955822146457402],
    "hessian": [0.02835364383511239, 0.02857757056194496, 0.01],
    "opg": [0.028386708627977684, 0.028769885179472172, 0.009857495562530896],
    "sandwich": [0.028354999529615482, 0.028389481867631693, 0.010157108827190928],
    "cluster": [0.0669389612153517, 0.05054004906051334, 0.019680416121988262],
    "bootstrap": [0.06701049692675805, 0.05059760906048674, 0.01965318680044207],
    "root_b": [0.05102246059668164, 0.03668084129568437, 0.013014966231740296],
    "low": [-0.10126982924513105, 0.9354519791404488, 0.6560186352522621],
    "low root_b": [0.18707420934198266, 0.13920805909271078, 0.04979744409112382],
    "high": [0.16126921990239917, 1.1336356547708424, 0.7329962222567635],
    "high root_b": [0.18940868262126598, 0.1298479412305988, 0.04927653467055511],
    "by rows": [0.02832715373904375, 0.028408393863481953, 0.010167214986136115],
    "rows root_b": [0.018104484311608257, 0.0199693221687965, 0.006493391842253486],
}


def firm_nll(params: Any, x: Any, y: Any) -> Any:
    z = (y - params[0] - params[1] * x) / np.exp(params[2])
    return params[2] + 0.5 * z**2 + 0.5 * np.log(2 * np.pi)


@cache
def firm_fit() -> Fit:
    data = arrays("petersen.npz")
    start = {"const": 0.0, "x": 0.0, "log_sigma": 0.0}
    return fit(firm_nll, start, (data["x"], data["y"]))


@cache
def firm_boot() -> Bootstrap:
    return bootstrap(
        firm_fit(), sampling=Clustered(arrays("petersen.npz")["firm"]), n_resamples=999, rng=0
    )


def test_firms_meet_r() -> None:
    mle, check = firm_fit(), crosscheck(firm_boot())
    assert mle.status is Status.CERTIFIED
    assert np.all(np.abs(mle.estimate - FIRMS["estimate"]) < 1e-3 * np.array(FIRMS["hessian"]))
    for source in ("hessian", "opg", "sandwich", "cluster"):
        assert_allclose(errors_of(check, source), FIRMS[source], rtol=1e-3)


def test_firms_drawn_whole_meet_a_million_resamples() -> None:
    boot = firm_boot()
    bounds = boot.confidence_interval()
    for ours, name, root_b in (
        (boot.standard_error, "bootstrap", "root_b"),
        (bounds.low, "low", "low root_b"),
        (bounds.high, "high", "high root_b"),
    ):
        near(ours, FIRMS[name], FIRMS[root_b], 999, np.array(FIRMS[root_b]) / 1000)


def test_firms_sources_that_take_rows_as_independent_are_named() -> None:
    check = crosscheck(firm_boot())
    assert check.verdicts["cluster"].agrees
    assert check.flags == {Flag.CLUSTERED}
    for source in ("hessian", "opg", "sandwich"):
        assert check.verdicts[source].flag is Flag.CLUSTERED
        assert not check.verdicts[source].agrees
        assert "rows within a cluster as independent" in check.verdicts[source].reason


def test_firms_undeclared_are_found_in_the_order_of_the_rows() -> None:
    boot = bootstrap(firm_fit(), n_resamples=499, rng=0)
    check = crosscheck(boot)
    root_b = FIRMS["rows root_b"]
    near(boot.standard_error, FIRMS["by rows"], root_b, 499, np.array(root_b) / np.sqrt(100_000))
    assert "cluster" not in check.standard_errors
    assert check.flags == {Flag.DEPENDENT_ROWS}
    assert "sampling=Clustered(labels)" in sentence(check, Flag.DEPENDENT_ROWS)
