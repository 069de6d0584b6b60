"""Corrected cluster-robust errors against R's clubSandwich, and against the formulas by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.linalg import fractional_matrix_power
from scipy.special import expit

from bootmle import Cases, Clustered, Estimator, Fit, Wild, bootstrap, crosscheck, fit
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import draw_resample
from models import clustered_logit

R = json.loads((Path(__file__).parents[1] / "r" / "clusters.json").read_text())
"""tests/r/clusters.R: vcovCR(lm(...), cluster, type) and coef_test(..., test = "Satterthwaite")."""
SCALE = 3.0
"""The standard deviation that is taken as known: corrections of a linear model do not depend on
it, as the likelihood is then exactly least squares."""


def line_nll(params: Floats, X: Floats, y: Floats) -> Floats:
    return np.asarray((y - X @ params) ** 2 / (2 * SCALE**2))


def line(name: str) -> tuple[Fit, Clustered, Any]:
    r = R[name]
    X, y = np.array(r["X"]), np.array(r["y"])
    return fit(line_nll, np.zeros(X.shape[1]), (X, y)), Clustered(r["cluster"]), r


@pytest.mark.parametrize("name", ["cars", "plants"])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_intervals_of_a_linear_model_are_those_of_clubsandwich(name: str, level: float) -> None:
    mle, plan, r = line(name)
    groups = len(set(r["cluster"]))
    for kind, freedom in (("CR1", groups - 1), ("CR2", np.array(r["df"])), ("CR3", groups - 1)):
        found = mle.confidence_interval(kind.lower(), level, sampling=plan)
        reach = stats.t.ppf((1 + level) / 2, freedom) * np.array(r[kind])
        assert_allclose((found.high - found.low) / 2, reach, rtol=1e-5)
        assert_allclose((found.high + found.low) / 2, r["estimate"], rtol=1e-5)


@pytest.mark.parametrize("name", ["cars", "plants"])
def test_the_cross_check_has_cr2_and_names_it(name: str) -> None:
    mle, plan, r = line(name)
    boot = bootstrap(mle, sampling=plan, n_resamples=99, rng=0)
    check = crosscheck(boot, covariances={"club": r["CR2"], "CR3": r["CR3"]})
    assert_allclose(check.standard_errors["cr2"], r["CR2"], rtol=1e-5)
    assert "with CR2 (Bell and McCaffrey 2002)" in check.verdicts["club"].reason
    assert "with CR3" in check.verdicts["CR3"].reason


def by_hand(mle: Fit, X: Floats, y: Floats, cluster: Any, power: float) -> tuple[Floats, Floats]:
    """Standard errors and Satterthwaite's degrees of freedom of a logit, from matrix powers."""
    mean = expit(X @ mle.estimate)
    members = [cluster == one for one in np.unique(cluster)]
    H = np.array([(X[g] * (mean * (1 - mean))[g, None]).T @ X[g] for g in members])
    inverse, one = np.linalg.inv(H.sum(axis=0)), np.eye(X.shape[1])
    S = np.array([X[g].T @ (y - mean)[g] for g in members])
    rows = [inverse @ fractional_matrix_power(one - h @ inverse, power) for h in H]
    influence = np.array([row @ s for row, s in zip(rows, S, strict=True)])
    freedom = []
    for j in range(X.shape[1]):
        a = np.array([row[j] for row in rows])
        form = -np.einsum("gi,gij,jk,hkl,hl->gh", a, H, inverse, H, a)
        form[np.diag_indices(len(a))] += np.einsum("gi,gij,gj->g", a, H, a)
        freedom.append(np.trace(form) ** 2 / (form**2).sum())
    return np.sqrt((influence**2).sum(axis=0)), np.array(freedom)


@pytest.fixture(scope="module")
def logit() -> tuple[Fit, Any]:
    model = clustered_logit(8, unequal=True)
    args = model.data(160, rng=3)
    return fit(model.nll, dict(zip(model.names, model.truth, strict=True)), args), args


@pytest.mark.parametrize(("kind", "power"), [("cr2", -0.5), ("cr3", -1.0)])
def test_a_logit_has_the_formulas_by_matrix_powers(
    logit: tuple[Fit, Any], kind: str, power: float
) -> None:
    # The clusters' informations come from the expansion's lattice, whose steps are a standard
    # error long: that leaves 0.6% of a half-length here.
    mle, (X, y, cluster) = logit
    errors, freedom = by_hand(mle, X, y, cluster, power)
    found = mle.confidence_interval(kind, sampling=Clustered(cluster))
    t = stats.t.ppf(0.975, freedom if kind == "cr2" else 7)
    assert_allclose((found.high - found.low) / 2, t * errors, rtol=1e-2)


def test_derived_quantities_have_the_delta_method_s(logit: tuple[Fit, Any]) -> None:
    mle, (_, _, cluster) = logit
    plan = Clustered(cluster)
    own = mle.confidence_interval("cr2", sampling=plan)
    boot = bootstrap(mle, sampling=plan, n_resamples=99, rng=0)
    doubled = boot.derive(lambda p: {"twice": 2 * p[2], "first": p[0] + 1.0})
    found = doubled.confidence_interval("cr2")
    assert_allclose(found.low, [2 * own.low[2], own.low[0] + 1], rtol=1e-6)
    assert_allclose(boot.p_value(own.low, "cr2"), 0.05, rtol=1e-6)


@pytest.mark.parametrize("kind", ["cr1", "cr2", "cr3"])
def test_what_one_cluster_alone_determines_has_no_ends(kind: str) -> None:
    # Its residual along its own dummy is 0, so a sandwich has nothing of the cluster's own effect
    # (MacKinnon and Webb 2017).
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(6), 5)
    X = np.column_stack([np.ones(30), 100 * rng.normal(size=30), cluster == 0])
    mle = fit(line_nll, np.zeros(3), (X, rng.normal(size=30) + rng.normal(size=6)[cluster]))
    found = mle.confidence_interval(kind, sampling=Clustered(cluster))
    assert np.isfinite([found.low[:2], found.high[:2]]).all()
    assert (found.low[2], found.high[2]) == (-np.inf, np.inf)


@pytest.mark.parametrize("correction", ["CR2", "CR3"])
def test_wild_replicates_have_the_corrected_variance(
    logit: tuple[Fit, Any], correction: str
) -> None:
    # Within 4 Monte Carlo errors of 2,999 replicates: false alarms at 2e-4 for three parameters.
    mle, (X, y, cluster) = logit
    boot = bootstrap(mle, sampling=Wild(cluster, correction=correction), n_resamples=2999, rng=0)
    errors, _ = by_hand(mle, X, y, cluster, -0.5 if correction == "CR2" else -1.0)
    away = (boot.standard_error - errors) / boot.standard_error_mcse
    assert np.abs(away).max() < 4
    assert correction in str(boot.sampling)


def test_what_has_no_clusters_is_refused_with_a_way() -> None:
    y = np.random.default_rng(5).normal(size=40)
    mle = fit(lambda p, y: (y - p[0]) ** 2 / 2, {"mean": 0.0}, y)
    with pytest.raises(ValueError, match=r"draws no clusters; pass sampling=Clustered\(labels\)"):
        mle.confidence_interval("cr2")
    strata, groups = np.repeat([0, 1], 20), np.repeat(np.arange(10), 4)
    with pytest.raises(ValueError, match="one stratum"):
        mle.confidence_interval("cr2", sampling=Clustered(groups, strata=strata))
    boot = bootstrap(Estimator(np.mean, args=y), n_resamples=99, rng=0)
    with pytest.raises(ValueError, match="draws no clusters"):
        boot.confidence_interval("cr1")
    with pytest.raises(ValueError, match="correction: 'HC3' is unknown; use one of CR2, CR3"):
        Wild(groups, correction="HC3")
    total = fit(lambda p, y: float(((y - p[0]) ** 2).sum() / 2), {"mean": 0.0}, y)
    with pytest.raises(ValueError, match="correction: 'CR3' is not available"):
        bootstrap(total, sampling=Wild(groups, correction="CR3"), n_resamples=99, rng=0)
    assert Cases().score_correction is None


@pytest.mark.parametrize("options", [{}, {"refit": "corrected"}], ids=["verified", "corrected"])
def test_replicates_of_a_linear_model_have_the_errors_of_their_own_sample(options: Any) -> None:
    """A cluster drawn twice is two clusters: CR2 of the resample, by matrix powers."""
    mle, plan, r = line("cars")
    X, y, cluster = np.array(r["X"]), np.array(r["y"]), np.array(r["cluster"])
    corrected = Clustered(r["cluster"], correction="CR2")
    boot = bootstrap(mle, sampling=corrected, n_resamples=99, rng=0, **options)
    assert boot.own_standard_error is not None
    assert_allclose(boot.own_standard_error, r["CR2"], rtol=1e-5)
    members = [np.flatnonzero(cluster == one) for one in np.unique(cluster)]
    compared = 0
    for number in range(99):
        drawn = draw_resample(plan.prepared(mle), y.size, boot.seed, number).weights
        copies = [g for g in members for _ in range(int(drawn[g[0]]))]
        H = np.array([X[g].T @ X[g] for g in copies])
        whole = H.sum(axis=0)
        if np.linalg.cond(whole) > 1e8 or np.isnan(boot.replicates[number]).any():
            continue
        S = np.array([X[g].T @ (y - X @ boot.replicates[number])[g] for g in copies])
        root = np.linalg.cholesky(whole)
        turned = np.linalg.solve(root, np.linalg.solve(root, H).swapaxes(1, 2))
        values, vectors = np.linalg.eigh(turned)
        power = np.where(values < 1 - 1e-6, np.abs(1 - values) ** -0.5, 0.0)
        scores = np.einsum(
            "gik,gk,gjk,gj->gi", vectors, power, vectors, np.linalg.solve(root, S.T).T
        )
        influence = np.linalg.solve(whole, root @ scores.T)
        errors = np.sqrt((influence**2).sum(axis=1))
        known = boot.data.standard_errors[number]
        if np.isfinite(known).all() and np.abs(1 - values).min() > 1e-4:
            assert_allclose(known, errors, rtol=1e-4)
            compared += 1
    assert compared > 40
    plain = bootstrap(mle, sampling=plan, n_resamples=99, rng=0, **options)
    assert_allclose(plain.standard_error, boot.standard_error)
    assert plain.own_standard_error is not None
    assert np.all(plain.own_standard_error < boot.own_standard_error)


def test_corrected_replicates_are_resumed_and_told_from_others(tmp_path: Path) -> None:
    mle, plan, r = line("cars")
    corrected = Clustered(r["cluster"], correction="CR3")
    whole = bootstrap(mle, sampling=corrected, n_resamples=128, rng=0, checkpoint=tmp_path)
    part = bootstrap(mle, sampling=corrected, n_resamples=64, rng=0).extend(64)
    assert_allclose(part.data.standard_errors, whole.data.standard_errors, rtol=0, atol=0)
    with pytest.raises(ValueError, match="sampling"):
        bootstrap(mle, sampling=plan, n_resamples=128, rng=0, checkpoint=tmp_path)
    nested = Clustered(r["cluster"], within="cases", correction="CR3")
    with pytest.raises(ValueError, match="rows drawn within clusters"):
        bootstrap(mle, sampling=nested, n_resamples=64, rng=0)
