"""Recommended intervals: the rules, and that each parameter has the interval of its kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from bootmle import Bootstrap, Clustered, Estimator, Wild, bootstrap, crosscheck, fit, load
from bootmle.bootstrapping.choosing import choose_kinds
from bootmle.likelihood.arrays import Floats


def gamma_nll(params: Floats, y: Floats) -> Floats:
    """An exponential mean on its log scale, and a normal mean of another unit."""
    log_mean, location = params
    return np.asarray(
        log_mean + y[:, 0] * np.exp(-log_mean) + ((y[:, 1] - location) / 1000) ** 2 / 2
    )


@pytest.fixture(scope="module")
def boot() -> Bootstrap:
    rng = np.random.default_rng(0)
    y = np.column_stack([rng.exponential(2.0, 60), rng.normal(0, 1000, 60)])
    return bootstrap(fit(gamma_nll, [0.0, 0.0], args=y, names=["a", "b"]), n_resamples=1999, rng=0)


@pytest.mark.parametrize(
    ("n_units", "lacking", "expected"),
    [
        (40, "", ["wald-score", "wald-score"]),
        (40, "wald-score", ["studentized", "studentized"]),
        (60, "", ["studentized", "studentized"]),
        (60, "studentized", ["signed-root", "signed-root"]),
        (60, "studentized signed-root", ["bca", "bca"]),
        (60, "studentized signed-root bca", ["percentile", "percentile"]),
        (400, "studentized", ["bca", "bca"]),
        (5000, "", ["studentized", "percentile"]),
        (np.inf, "studentized", ["bca", "percentile"]),
    ],
)
def test_rules_choose_by_units_and_skewness(
    n_units: float, lacking: str, expected: list[str]
) -> None:
    def shown(kind: str) -> NDArray[np.bool_]:
        return np.full(2, kind not in lacking.split())

    off = np.array([True, False])
    assert choose_kinds(n_units, off, shown).tolist() == expected


@pytest.mark.parametrize(("n_units", "kind"), [(8, "cr3"), (99, "cr3"), (100, "studentized")])
def test_few_clusters_have_an_interval_of_their_own(n_units: int, kind: str) -> None:
    def shown(kind: str) -> NDArray[np.bool_]:
        return np.ones(2, dtype=bool)

    off = np.array([True, False])
    assert choose_kinds(n_units, off, shown, clustered=True).tolist() == [kind] * 2
    assert "cr3" not in choose_kinds(n_units, off, shown)


def line_nll(params: Floats, x: Floats, y: Floats) -> Floats:
    return np.asarray((y - params[0] - params[1] * x) ** 2 / 200)


@pytest.mark.parametrize(("count", "reliable"), [(6, False), (9, True)])
def test_what_no_study_supports_is_not_called_reliable(count: int, reliable: bool) -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(count), 5)
    args = rng.normal(0, 10, groups.size), rng.normal(0, 10, groups.size)
    mle = fit(line_nll, {"const": 0.0, "slope": 0.0}, args)
    boot = bootstrap(mle, sampling=Clustered(groups), n_resamples=99, rng=0)
    assert boot.recommended_kinds().tolist() == ["cr3", "cr3"]
    assert ("no interval here is reliable for const, slope" in str(boot)) is not reliable
    shown = str(boot).splitlines()[2].split()
    assert shown[-1] == "cr3"
    assert float(shown[-3]) == pytest.approx(boot.confidence_interval("cr3").low[0], abs=0.01)


def test_units_of_a_wild_bootstrap_are_its_clusters() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(6), 30)
    mle = fit(line_nll, np.zeros(2), tuple(rng.normal(0, 10, (2, groups.size))))
    boot = bootstrap(mle, sampling=Wild(groups, correction="CR3"), n_resamples=99, rng=0)
    assert boot.n_units == 6
    assert boot.recommended_kinds().tolist() == ["cr3", "cr3"]
    assert "from 8 clusters on, and there are 6" in str(boot)


def test_a_small_sample_without_studentized_intervals_is_not_reliable() -> None:
    y = np.random.default_rng(2).normal(size=60)
    alone = bootstrap(Estimator(np.mean, args=y), n_resamples=99, rng=0)
    assert "percentile intervals have the coverage they claim from 500 units on" in str(alone)
    own = Estimator(np.mean, args=y, standard_error=lambda y: y.std() / np.sqrt(y.size))
    assert "no interval here is reliable" not in str(bootstrap(own, n_resamples=99, rng=0))


def test_one_parameter_without_endpoints_takes_the_next_kind() -> None:
    def shown(kind: str) -> NDArray[np.bool_]:
        return np.array([kind != "studentized", True])

    chosen = choose_kinds(60, np.array([True, True]), shown)
    assert chosen.tolist() == ["signed-root", "studentized"]


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_each_parameter_has_the_interval_of_its_kind(boot: Bootstrap, level: float) -> None:
    kinds = boot.recommended_kinds()
    found = boot.confidence_interval("recommended", level)
    null = boot.estimate + boot.standard_error
    for j, kind in enumerate(kinds.tolist()):
        own = boot.confidence_interval(kind, level)
        assert (found.low[j], found.high[j]) == (own.low[j], own.high[j])
        assert boot.p_value(null, "recommended")[j] == boot.p_value(null, kind)[j]


def test_those_of_derived_quantities_are_the_parameters_own(boot: Bootstrap) -> None:
    derived = boot.derive(lambda params: {"a": 3 * params[0] - 1, "b": params[1]})
    assert derived.recommended_kinds().tolist() == boot.recommended_kinds().tolist()
    found, own = (each.confidence_interval("recommended") for each in (derived, boot))
    assert np.allclose(
        [found.low, found.high], [own.low * [3, 1] - [1, 0], own.high * [3, 1] - [1, 0]]
    )


def test_the_table_shows_it_beside_the_percentile_interval(boot: Bootstrap) -> None:
    title, header, first, *_ = str(boot).splitlines()
    assert title.strip() == "95% percentile interval, and the recommended"
    assert header.split()[-5:] == ["low", "high", "low", "high", "by"]
    assert first.split()[-1] == "studentized"
    ends = boot.confidence_interval("recommended")
    shown = [float(each) for each in first.split()[-3:-1]]
    assert np.allclose(shown, [ends.low[0], ends.high[0]], atol=0.001)


def test_no_bca_interval_of_a_parameter_with_replicates_at_infinity() -> None:
    def total(params: Floats, y: Floats) -> float:
        rate, mean = np.exp(params)
        return float(np.sum(rate - y[:, 0] * params[0] + params[1] + y[:, 1] / mean))

    # A resample without the one event, a third of them, has its log rate at minus infinity.
    y = np.column_stack([np.arange(40) < 1, np.random.default_rng(2).exponential(1.0, 40) ** 2])
    mle = fit(total, [-2.0, 0.0], args=y, names=["a", "b"])
    boot = bootstrap(mle, sampling=Clustered(np.arange(40)), n_resamples=399, rng=0)
    assert "use bca intervals for b; those of a have no finite end" in str(boot)
    ends = boot.interval_where_possible("bca", 0.95)
    assert np.isfinite([ends.low[1], ends.high[1]]).all()


def normal_nll(params: Any, y: Floats) -> Floats:
    return np.asarray(params[1] + 0.5 * ((y - params[0]) * np.exp(-params[1])) ** 2)


@pytest.fixture(scope="module")
def at_bound() -> Bootstrap:
    y = np.random.default_rng(5).normal(-0.05, 1.0, 60)
    start, bounds = {"mean": 0.5, "log_sd": 0.0}, [(0.0, None), (None, None)]
    return bootstrap(fit(normal_nll, start, args=y, bounds=bounds), n_resamples=199, rng=0)


NONE_FOR_MEAN = "no interval is recommended for mean: at a bound the bootstrap is inconsistent"


def test_no_interval_is_recommended_for_a_parameter_at_its_bound(at_bound: Bootstrap) -> None:
    assert at_bound.at_bound == ("mean",)
    kinds = at_bound.recommended_kinds()
    assert kinds[0] == "none" != kinds[1]
    with pytest.warns(UserWarning, match=NONE_FOR_MEAN):
        found = at_bound.confidence_interval("recommended")
    own = at_bound.confidence_interval(str(kinds[1]))
    assert_array_equal(np.isnan([found.low, found.high]), [[True, False]] * 2)
    assert (found.low[1], found.high[1]) == (own.low[1], own.high[1])


def test_both_texts_say_the_same_at_a_bound(at_bound: Bootstrap, tmp_path: Path) -> None:
    said = str(at_bound)
    line = next(each for each in said.splitlines() if each.startswith("no interval"))
    assert line.endswith("; use bca intervals for log_sd")
    assert line in " ".join(str(crosscheck(at_bound)).split())
    at_bound.save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").recommended_kinds().tolist()[0] == "none"
    # Its interval by the profile likelihood is what is recommended instead.
    profile = crosscheck(at_bound, profile=True).profile
    assert profile is not None
    assert profile.low[0] == 0.0 < profile.high[0]


def test_derived_quantities_at_a_bound_are_those_that_depend_on_it(at_bound: Bootstrap) -> None:
    derived = at_bound.derive(lambda p: {"twice": 2 * p[0], "both": p[0] + p[1], "sd": p[1]})
    assert derived.at_bound == ("twice", "both")


def test_a_constraint_at_the_optimum_is_a_bound_of_what_it_involves() -> None:
    rng = np.random.default_rng(1)
    y = np.column_stack([rng.normal(size=(40, 2)), 1000 * rng.normal(size=40)])

    def nll(params: Any, y: Floats) -> Floats:
        return np.asarray(((y - params) ** 2 / [1.0, 1.0, 1e6]).sum(axis=1) / 2)

    above = {"type": "ineq", "fun": lambda p: p[0] - p[1] - 1}
    mle = fit(nll, {"a": 2.0, "b": 0.0, "c": 0.0}, args=y, constraints=[above])
    assert mle.at_bound == ("a", "b")
    same = {"type": "eq", "fun": lambda p: p[0] - p[1] - 1}
    assert fit(nll, {"a": 2.0, "b": 1.0, "c": 0.0}, args=y, constraints=[same]).at_bound == ()


def test_no_interval_is_recommended_at_a_local_optimum() -> None:
    y = np.concatenate([np.linspace(-1, 1, 12), np.linspace(5, 7, 10), np.linspace(11, 13, 11)])

    def nll(params: Any, y: Floats) -> Floats:
        return -np.logaddexp(*(-0.5 * (y - one) ** 2 for one in params))

    fits = [fit(nll, start, args=y, names=["a", "b"]) for start in ([0.0, 9.0], [3.0, 12.0])]
    boot = bootstrap(max(fits, key=lambda each: each.nll), n_resamples=199, rng=0)
    assert set(boot.recommended_kinds()) == {"none"}
    for both in (boot, boot.derive(lambda p: {"gap": p[1] - p[0]})):
        assert "no interval is recommended: the fit is a local optimum only" in str(both)
        assert "use " not in str(both)
        with pytest.raises(ValueError, match="no interval is recommended: the fit is a local"):
            both.confidence_interval("recommended")
        check = crosscheck(both)
        assert all("the fit is a local optimum only" in v.reason for v in check.verdicts.values())
        assert check.conditioning is None


LABELS = np.repeat(np.arange(9), 5)


@pytest.mark.parametrize(
    "plan",
    [
        Clustered(np.array(list("abcdefghi"))[LABELS], correction="CR2"),
        Clustered(LABELS, within=np.arange(45) // 2 + 100 * LABELS),
        Wild(LABELS, correction="CR3"),
    ],
    ids=["letters", "groups", "wild"],
)
def test_a_loaded_run_of_clusters_has_the_intervals_of_the_live_one(
    plan: Clustered | Wild, tmp_path: Path
) -> None:
    data = tuple(np.random.default_rng(1).normal(0, 10, (2, 45)))
    mle = fit(line_nll, {"const": 0.0, "slope": 0.0}, data)
    boot = bootstrap(mle, sampling=plan, n_resamples=59, rng=0, checkpoint=tmp_path / "run")
    derived = boot.derive(lambda p: {"ratio": p[1] / p[0]})
    boot.save(tmp_path / "all.npz")
    derived.save(tmp_path / "ratio.npz")
    whole = load(tmp_path / "all.npz", fit=mle)
    for live, again in (
        (boot, whole),
        (boot, load(tmp_path / "run")),
        (boot, load(tmp_path / "all.npz")),
        (derived, load(tmp_path / "ratio.npz")),
    ):
        assert_array_equal(again.recommended_kinds(), ["cr3"] * len(live.names))
        for kind in ("recommended", "cr1", "cr2", "cr3"):
            one, other = (each.confidence_interval(kind) for each in (live, again))
            assert_array_equal([one.low, one.high], [other.low, other.high])
    assert_array_equal(whole.extend(5).replicates, boot.extend(5).replicates)


@pytest.mark.parametrize("kind", [Wild, Clustered])
def test_what_one_cluster_alone_determines_has_no_recommended_interval(
    kind: type[Wild | Clustered],
) -> None:
    # Its own residual is 0, so that the sandwich holds only that of the others.
    y = np.random.default_rng(1).normal(0, 10, 45)
    mle = fit(line_nll, {"const": 0.0, "own": 0.0}, ((LABELS == 3).astype(float), y))
    boot = bootstrap(mle, sampling=kind(LABELS), n_resamples=39, rng=0)
    assert boot.recommended_kinds().tolist() == ["cr3", "none"]
    assert "no interval is recommended for own: one cluster alone determines it" in str(boot)
