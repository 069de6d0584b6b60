"""Limits that families are known to have: that they are, and that a fit finds them."""

import warnings

import numpy as np
import pytest
from scipy import stats

from bootmle import Status, fit_distribution
from bootmle.fitting.distribution_densities import Density
from bootmle.fitting.distribution_families import FAMILIES, FamilyLimit

POINTS = (np.arange(100) + 0.5) / 100
LEFT = 10 + stats.weibull_min.ppf(POINTS, 8)  # skewed to the left, with tails lighter than normal

MEMBERS = {
    "gamma": (3.0,),
    "gengamma": (3.0, -2.0),
    "geninvgauss": (1.3, 0.8),
    "invgamma": (4.0,),
    "genlogistic": (1.7,),
    "invgauss": (0.7,),
    "invweibull": (3.0,),
    "loggamma": (2.0,),
    "lognorm": (0.5,),
    "ncx2": (5.0, 1.5),
    "powernorm": (2.0,),
    "weibull_min": (1.5,),
}
KNOWN = [(family, limit) for family, limits in FAMILIES.items() for limit in limits]


@pytest.mark.parametrize(("family", "limit"), KNOWN, ids=lambda each: getattr(each, "name", each))
def test_densities_approach_the_limit(family: str, limit: FamilyLimit) -> None:
    # An error of e, or √e, in the log density between the 5% and 95% points.
    params = np.array([*MEMBERS.get(limit.name, ()), 1.0, 2.0])
    member = getattr(stats, limit.name)
    x = member.ppf([0.05, 0.25, 0.5, 0.75, 0.95], *params)
    expected, sign = member.logpdf(x, *params), -1 if limit.mirrored else 1
    if limit.skewed:
        assert np.sign(sign * stats.skew(member.ppf(POINTS, *params))) == limit.skewed
    for path in limit.paths:
        errors = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for distance in (1e-1, 1e-2, 2e-3, 1e-3, 1e-4):
                at = limit.on(path, distance, params)
                found = getattr(stats, family).logpdf(sign * x, *at)
                errors.append(np.abs(found - expected).max())
        assert np.nanmin(errors) <= min(0.03, errors[0] / 8)


def test_an_exponentially_modified_normal_without_skewness_is_normal() -> None:
    # SciPy's density is lost in rounding at the limit itself: a search went there, to -3e31.
    mle = fit_distribution(stats.exponnorm, LEFT)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert "K → 0; the limit is norm, with loc" in mle.notes[-1]
    assert mle.nll == pytest.approx(-stats.norm.logpdf(LEFT, LEFT.mean(), LEFT.std()).sum(), 1e-6)
    assert mle.n_evaluations < 1000


def test_a_normal_inverse_gaussian_with_light_tails_is_inverse_gaussian() -> None:
    mle = fit_distribution(stats.norminvgauss, LEFT)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert "a → +∞, b → −∞, scale → 0; the limit is invgauss of the negated" in mle.notes[-1]
    a, b, loc, _ = mle.estimate
    limit = fit_distribution(stats.invgauss, -LEFT)
    assert mle.nll == pytest.approx(limit.nll, abs=0.01)
    assert 1 / np.sqrt((a - b) * (a + b)) == pytest.approx(limit.estimate[0], rel=1e-3)
    assert loc == pytest.approx(-limit.estimate[1], rel=1e-3)
    assert mle.n_evaluations < 3000  # 25,000 without knowledge of the limit, and no certificate


def test_a_noncentral_t_does_not_end_the_process() -> None:
    # SciPy's density of 1e-16 degrees of freedom calls abort: a fit must not go there.
    density = Density(stats.nct)
    assert np.isnan(density(np.array([1e-20, -4.0, 0.0, 1.0]), LEFT)).all()
    assert np.isfinite(density(np.array([1e-3, -4.0, 0.0, 1.0]), LEFT)).all()
