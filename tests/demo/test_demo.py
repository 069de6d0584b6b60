"""The demo's data, its fit against published numbers, and its printed table."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import fit
from bootmle.demo import NAMES, load_rand, nb2_nll, run
from models import nb2

# statsmodels/discrete/tests/results/results_discrete.py, RandHIE.negativebinomial_nb2_bfgs, which
# names its sources: the coefficients and their standard errors, which are those of the expected
# information, are from glm.nb (R 2.15.1, MASS 7.3-22); log_alpha and its standard error are from
# Stata 11. The log-likelihood stands there without a source of its own.
PUBLISHED = {
    "lncoins": (-0.0579469537244314, 0.00607085853920512),
    "idp": (-0.267787718814838, 0.0226125368090765),
    "lpi": (0.0412060770911646, 0.00405542008282773),
    "fmde": (-0.0381376804392121, 0.00344455937127785),
    "physlm": (0.268915772213171, 0.0298855063286547),
    "disea": (0.0381637446219235, 0.00142421904710063),
    "hlthg": (-0.0441338846217674, 0.0199374393307107),
    "hlthf": (0.0172521803400544, 0.0358416931939136),
    "hlthp": (0.177960787443151, 0.0741013728607101),
    "const": (0.663556087183864, 0.0250354082637892),
    "log_alpha": (0.256929012449, 0.0143932),
}
LOG_LIKELIHOOD = -43383.66207653563
ESTIMATE, STANDARD_ERROR = np.array(list(PUBLISHED.values())).T


def test_data_are_those_of_statsmodels() -> None:
    """The sums are those of statsmodels.datasets.randhie.load_pandas().data."""
    X, y, names = load_rand()
    assert names == NAMES == tuple(PUBLISHED)
    assert X.shape == (20190, 10)
    assert y.sum() == 57752
    sums = [35818.50259, 5249, 95052.376261, 81356.08035, 2493.4700952, 227026.292316]
    assert_allclose(X.sum(axis=0), [*sums, 7309, 1560, 302, 20190], rtol=1e-12)


def test_contributions_are_those_of_the_model_with_a_known_truth() -> None:
    X, y, _ = load_rand()
    assert_allclose(nb2_nll(ESTIMATE, X, y), nb2().nll(ESTIMATE, X, y), rtol=1e-9)
    assert nb2_nll(ESTIMATE, X, y).sum() == pytest.approx(-LOG_LIKELIHOOD, abs=1e-6)


def test_fit_is_the_published_one() -> None:
    X, y, names = load_rand()
    mle = fit(nb2_nll, np.zeros(len(names)), args=(X, y), names=names)
    assert_allclose((mle.estimate - ESTIMATE) / STANDARD_ERROR, 0.0, atol=2e-6)
    assert mle.nll == pytest.approx(-LOG_LIKELIHOOD, abs=1e-6)


def test_run_prints_the_cross_check_of_scipys_errors(capsys: pytest.CaptureFixture[str]) -> None:
    run(n_resamples=99, n_jobs=1, progress=False, rng=0)
    printed = capsys.readouterr().out
    assert all(printed.count(name) >= 3 for name in NAMES)
    assert "times the bootstrap's for lncoins" in printed
    assert "a quasi-Newton" in printed
    assert "sandwich: agrees" in printed
    assert "neighboring rows are correlated" in printed
    # Rows of one person are dependent, so the bootstrap of rows is not called valid.
    assert "remain valid" not in printed
