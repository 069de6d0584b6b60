"""Published and independently computed numbers: estimates, fixed resamples, exact bootstraps.

Where a number has a Monte Carlo error, ours and its own, four of them are allowed: a false-alarm
rate of 6e-5 for each comparison.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Estimator, Given, Status, bootstrap, fit
from models import logit, poisson, probit, tobit, weibull

Data = Callable[[str], Any]

FINISHED = {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK}
LEVELS = [0.90, 0.95]


def warpbreaks(data_of: Data) -> tuple[Any, Any, Any]:
    stored = data_of("warpbreaks.json")
    wool, tension = np.array(stored["wool"]), np.array(stored["tension"])
    columns = [np.ones(54), wool == "B", tension == "M", tension == "H"]
    args = (np.column_stack(columns).astype(float), np.array(stored["breaks"], dtype=float))
    return poisson(3).nll, args, stored


def lung(data_of: Data) -> tuple[Any, Any, Any]:
    stored = data_of("lung.json")
    columns = [np.ones(227), *(stored[name] for name in ("age", "sex", "ph_karno"))]
    X = np.column_stack(columns).astype(float)
    args = (X, np.array(stored["time"], float), np.array(stored["event"], float))
    return weibull(3).nll, args, stored


def reduced(nll: Any) -> Any:
    return lambda params, *args: float(nll(params, *args).sum())


START = {"warpbreaks": [3.0, 0.0, 0.0, 0.0], "lung": [5.0, 0.0, 0.0, 0.0, 0.0]}


# R: glm(breaks ~ wool + tension, poisson, warpbreaks)
WARPBREAKS = {
    "estimate": [
        3.6919631449407957,
        -0.20598844263862132,
        -0.3213204316006123,
        -0.5184884965115623,
    ],
    "error": [0.045410794342800986, 0.05157124278372989, 0.06026591669548088, 0.0639595193958997],
    "nll": 242.52798320897853,
}
# R: survreg(Surv(time, status) ~ age + sex + ph.karno, na.omit(lung[c(2:5, 7)]))
LUNG = {
    "estimate": [
        5.326315830178005,
        -0.008910582511705819,
        0.3701870514661353,
        0.00926417159034734,
        -0.28084610731487736,
    ],
    "error": [
        0.6629758631865884,
        0.007108525989071022,
        0.12795760365827302,
        0.004463707351522638,
        0.061706286990093284,
    ],
    "nll": 1138.6917843884578,
}


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize(("case", "truth"), [(warpbreaks, WARPBREAKS), (lung, LUNG)])
def test_regressions_of_r(case: Any, truth: Any, reduce: bool, data_of: Data) -> None:
    nll, args, _ = case(data_of)
    mle = fit(reduced(nll) if reduce else nll, START[case.__name__], args)
    assert mle.status is Status.CERTIFIED
    assert np.all(np.abs(mle.estimate - truth["estimate"]) < 1e-5 * np.array(truth["error"]))
    assert_allclose(mle.information.standard_errors, truth["error"], rtol=1e-4)
    assert mle.nll == pytest.approx(truth["nll"], rel=1e-9)


# Stata 11: logit grade gpa tuce psi, and probit; columns const, gpa, tuce, psi.
SPECTOR = {
    "logit": (
        [-13.021346858115631, 2.826112594889307, 0.095157661317909, 2.3786876550933473],
        [4.931324213602686, 1.2629410756290849, 0.14155420567369376, 1.0645642544971303],
        12.889634222131413,
    ),
    "probit": (
        [-7.452319648220317, 1.625810039451584, 0.05172894550759986, 1.4263323420071488],
        [2.542472321477875, 0.6938824884414593, 0.08389026142653092, 0.5950379023502964],
        12.818804068889438,
    ),
}


@pytest.mark.parametrize("model", [logit(3), probit(3)], ids=lambda model: model.name)
def test_spector_and_mazzeo(model: Any, data_of: Data) -> None:
    stored = data_of("spector.json")
    X = np.column_stack([np.ones(32), stored["GPA"], stored["TUCE"], stored["PSI"]])
    estimate, error, nll = SPECTOR[model.name]
    mle = fit(model.nll, np.zeros(4), (X, np.array(stored["GRADE"], dtype=float)))
    assert np.all(np.abs(mle.estimate - estimate) < 1e-5 * np.array(error))
    assert_allclose(mle.information.standard_errors, error, rtol=1e-4)
    assert mle.nll == pytest.approx(nll, abs=1e-6)


DURABLE = [0, 0.7, 0, 0, 0, 0, 0, 3.7, 0, 3, 10.4, 0, 0, 0, 1.5, 0, 0, 3.5, 6.1, 0]
AGE = [57.7, 50.9, 48.5, 41.7, 47.7, 59.8, 44.3, 45.1, 51.7, 50]
AGE += [46.8, 58, 58.9, 40, 34.1, 39.9, 33.4, 48.1, 46.6, 53.1]
QUANT = [236, 283, 207, 220, 238, 216, 284, 221, 275, 269]
QUANT += [207, 249, 246, 277, 231, 219, 240, 266, 214, 251]


def test_tobins_durable_goods() -> None:
    # R: survreg(Surv(durable, durable > 0, type = "left") ~ age + quant, tobin, dist = "gaussian")
    estimate = [15.144866332220893, -0.12905928386455273, -0.045541662889677884, 1.7178509223664151]
    error = np.array([16.07945320238368, 0.21858359671644592, 0.05825411550759577, 0.3103227201875])
    args = (np.column_stack([np.ones(20), AGE, QUANT]), np.array(DURABLE))
    mle = fit(tobit(2).nll, [10.0, 0.0, 0.0, 1.0], args)
    assert mle.status is Status.CERTIFIED
    assert np.all(np.abs(mle.estimate - estimate) < 1e-5 * error)
    assert_allclose(mle.information.standard_errors, error, rtol=1e-4)
    assert mle.nll == pytest.approx(28.940133199720577, rel=1e-9)


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("case", [warpbreaks, lung])
def test_fixed_resamples_meet_their_exact_refits(case: Any, reduce: bool, data_of: Data) -> None:
    nll, args, stored = case(data_of)
    mle = fit(reduced(nll) if reduce else nll, START[case.__name__], args)
    boot = bootstrap(mle, sampling=Given(indices=stored["indices"]))
    assert set(boot.status) <= FINISHED
    assert_allclose(boot.replicates, stored["refits"], rtol=0, atol=2e-4)


def near(ours: Any, theirs: Any, root_b: Any, count: int, own: Any = 0.0) -> None:
    """Compare within four Monte Carlo errors: root_b/sqrt(B) of ours, and the number's own."""
    error = np.sqrt(np.array(own) ** 2 + np.array(root_b) ** 2 / count)
    assert np.all(np.abs(np.array(ours) - theirs) < 4 * error)


def test_warpbreaks_bootstrap_errors_and_intervals(data_of: Data) -> None:
    # boot(warpbreaks, ..., R): 200,000 refits by a batched Newton solver, confirmed by R's boot.
    nll, args, _ = warpbreaks(data_of)
    boot = bootstrap(fit(nll, START["warpbreaks"], args), n_resamples=1999, rng=11)
    errors = [0.12252524816392145, 0.10931966322437282, 0.13559106942083116, 0.13057574178560385]
    own = [1.8968e-4, 1.6514e-4, 2.3897e-4, 1.8484e-4]
    near(boot.standard_error, errors, [0.084827, 0.073852, 0.106871, 0.082662], 1999, own)
    ends = {
        0.90: (
            [3.4710237643607, -0.38313076350470, -0.54132941027996, -0.72846577983267],
            [3.8709578639424, -0.02364973571499, -0.09592262333490, -0.29947812021421],
            [0.295927, 0.209750, 0.307670, 0.248662],
            [0.211450, 0.228069, 0.287441, 0.287560],
        ),
        0.95: (
            [3.4225433774147, -0.41652953611672, -0.58421771069451, -0.76891921507380],
            [3.9015635476498, 0.01154346810681, -0.05215256197767, -0.25583989235036],
            [0.417763, 0.253922, 0.409624, 0.313742],
            [0.262696, 0.291554, 0.372428, 0.409150],
        ),
    }
    for level, (low, high, low_error, high_error) in ends.items():
        bounds = boot.confidence_interval(confidence_level=level)
        near(bounds.low, low, low_error, 1999, np.array(low_error) / np.sqrt(200_000))
        near(bounds.high, high, high_error, 1999, np.array(high_error) / np.sqrt(200_000))


def test_lung_bootstrap_errors(data_of: Data) -> None:
    nll, args, _ = lung(data_of)
    boot = bootstrap(fit(nll, START["lung"], args), n_resamples=999, rng=11)
    errors = [0.7221171408570, 0.00751655064634, 0.1254927896850, 0.00622382625722, 0.0699030161841]
    root_b = [0.5669253, 0.00506704, 0.0841685, 0.00451353, 0.0502955]
    near(boot.standard_error, errors, root_b, 999, np.array(root_b) / np.sqrt(200_000))


# Davison and Hinkley (1997), example 1.1. Exact: all 1,352,078 resamples enumerated.
HOURS = np.array([3.0, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487])


def by_mean(params: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(params[0]) + y / params[0]


def by_log_mean(params: Any, y: Any) -> Any:
    return params[0] + y * np.exp(-params[0])


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize(
    ("nll", "start", "error", "root_b"),
    [
        (by_mean, 100.0, 37.65255235802845, 28.302642434753327),
        (by_log_mean, 4.0, 0.3645020611485991, 0.26514753637486566),
    ],
)
def test_air_conditioning_exact_bootstrap_error(
    nll: Any, start: float, error: float, root_b: float, reduce: bool
) -> None:
    mle = fit(reduced(nll) if reduce else nll, [start], HOURS)
    assert mle.nll == pytest.approx(68.19483041434131, rel=1e-10)
    boot = bootstrap(mle, n_resamples=1999, rng=12)
    assert set(boot.status) <= FINISHED
    near(boot.standard_error, error, root_b, 1999)


def test_air_conditioning_three_scales_at_once() -> None:
    def three(y: Any) -> dict[str, float]:
        return {"mean": y.mean(), "rate": 1 / y.mean(), "log_mean": np.log(y.mean())}

    boot = bootstrap(Estimator(three, args=HOURS), n_resamples=3999, rng=12)
    errors = [37.65255235802845, 0.004310293262640615, 0.3645020611485991]
    near(boot.standard_error, errors, [28.302642, 0.007164472, 0.265147536], 3999)
    near(boot.bias, [0.0, 0.0013165043130810034, -0.06324110286161755], errors, 3999)
    ends = {
        0.90: [(53.3333333, 175.9166667), (0.005684509711, 0.01875), (3.976561527, 5.170010398)],
        0.95: [(46.75, 191.1666667), (0.005231037489, 0.02139037433), (3.844814256, 5.253145648)],
    }
    root_b = {
        0.90: [(49.9457, 99.8914), (0.003227945, 0.01753293), (0.935774, 0.567839)],
        0.95: [(52.0416, 133.3567), (0.003651024, 0.02381640), (1.113266, 0.697765)],
    }
    for level in LEVELS:
        bounds = boot.confidence_interval(confidence_level=level)
        near(np.column_stack([bounds.low, bounds.high]), ends[level], root_b[level], 3999)


# Efron and Tibshirani (1993), table 3.1. Exact: all 77,558,760 resamples enumerated.
LSAT = np.array([576.0, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594])
GPA = np.array([3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88])
GPA = np.append(GPA, 2.96)


def test_law_school_correlation() -> None:
    def law(lsat: Any, gpa: Any) -> dict[str, float]:
        return {"r": np.corrcoef(lsat, gpa)[0, 1], "mean": lsat.mean()}

    estimator = Estimator(law, args=(LSAT, GPA))
    assert estimator.estimate[0] == pytest.approx(0.776374491289407, rel=1e-12)
    boot = bootstrap(estimator, n_resamples=3999, rng=13)
    of_mean = LSAT.std() / np.sqrt(15)
    near(boot.standard_error, [0.13355976233997, of_mean], [0.11525005, of_mean], 3999)
    near(boot.bias, [-0.005729412901138375, 0.0], [0.13355976, of_mean], 3999)
    ends = {
        ("percentile", 0.90): (0.5230651096138834, 0.9475306936171524, 0.4112079, 0.1079853),
        ("percentile", 0.95): (0.459555621211441, 0.9618456598877742, 0.5613819, 0.1054961),
        ("basic", 0.90): (0.6052182889616617, 1.0296838729649307, 0.1079853, 0.4112079),
        ("basic", 0.95): (0.59090332269104, 1.0931933613673732, 0.1054961, 0.5613819),
        ("normal", 0.90): (0.5624176446908666, 1.0017901636902242, 0.3640599, 0.3640599),
        ("normal", 0.95): (0.5203315802204722, 1.0438762281606186, 0.3640599, 0.3640599),
    }
    for (method, level), (low, high, low_error, high_error) in ends.items():
        bounds = boot.confidence_interval(method, level)
        near(bounds.low[0], low, low_error, 3999)
        near(bounds.high[0], high, high_error, 3999)


@pytest.mark.parametrize("level", [0.90, 0.95, 0.99])
@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
@pytest.mark.parametrize("run", ["R999", "R1000"])
def test_intervals_of_fixed_replicates_are_those_of_boot_ci(
    run: str, method: str, level: float, data_of: Data, boot_of: Any
) -> None:
    # R: boot.ci(b, conf = level, type = c("norm", "basic", "perc")); the second column is the
    # first times -1000, so its ends change places.
    stored = data_of("cd4.json")[run]
    t = np.array(stored["replicates"])
    boot = boot_of(stored["estimate"] * np.array([1, -1000]), np.column_stack([t, -1000 * t]))
    low, high = stored[method][[0.90, 0.95, 0.99].index(level)]
    bounds = boot.confidence_interval(method, level)
    assert_allclose(bounds.low, [low, -1000 * high], rtol=1e-12)
    assert_allclose(bounds.high, [high, -1000 * low], rtol=1e-12)
