"""What stays finite beside infinite parameters: its estimate and standard errors in the limit."""

import numpy as np
from numpy.testing import assert_allclose

from bootmle import Flag, Status, crosscheck, fit
from bootmle.likelihood.arrays import Floats

DOSE = np.repeat([1.0, 2.0, 3.0], 10)
EVENT = np.concatenate([np.zeros(15), np.ones(15)])
MIDDLE = DOSE == 2
Z = 100 * np.random.default_rng(3).normal(size=30)


def _logit(params: Floats, X: Floats, y: Floats) -> Floats:
    eta = X @ params
    return np.asarray(np.logaddexp(0, eta) - y * eta)


def test_the_rest_of_a_separated_logit_has_the_errors_of_the_rows_that_are_left() -> None:
    # Events begin at dose 2: the other doses drop out in the limit (Albert and Anderson 1984).
    X = np.column_stack([np.ones(30), DOSE, Z])
    start = {"a": 0.0, "b": 0.1, "c": 0.0}
    mle = fit(_logit, start, args=(X, EVENT))
    rest = fit(_logit, {"line": 0.0, "c": 0.0}, args=(X[MIDDLE][:, [0, 2]], EVENT[MIDDLE]))
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert_allclose(mle.estimate[2], rest.estimate[1], rtol=1e-4)
    check, right = crosscheck(mle), crosscheck(rest)
    for source in ("hessian", "opg", "sandwich"):
        assert np.isnan(check.standard_errors[source][:2]).all()
        assert_allclose(check.standard_errors[source][2], right.standard_errors[source][1], 1e-4)
        assert check.verdicts[source].reason.startswith("withheld for a, b: ")
    (combination,) = [note for note in mle.notes if "stays finite" in note]
    assert combination.startswith("0.89·b + 0.45·a stays finite: ")
    # At dose 2 the line is a + 2 b, and the unit vector is (1, 2) / √5.
    shown = float(combination.split("Hessian SE ")[1])
    assert_allclose(shown, rest.information.standard_errors[0] / np.sqrt(5), rtol=2e-3)
    assert check.conditioning is None
    assert not {Flag.NOT_IDENTIFIED, Flag.NOT_POSITIVE_DEFINITE} & check.flags


def test_no_error_follows_where_nothing_is_finite_or_certified() -> None:
    def saddle(params: Floats) -> float:
        return float(params[0] ** 2 - params[1] ** 2 + params[1] ** 4)

    alone = fit(_logit, {"a": 0.0}, args=(np.ones((12, 1)), np.ones(12)))
    bounded = fit(
        lambda params, y: 0.5 * (y - params[0]) ** 2, {"mu": 2.0}, args=Z / 100, bounds=[(1, None)]
    )
    assert alone.status is Status.NO_FINITE_OPTIMUM
    assert bounded.status is Status.AT_BOUND
    for mle in (alone, bounded):
        check = crosscheck(mle)
        assert np.isnan(mle.information.standard_errors).all()
        assert all(np.isnan(errors).all() for errors in check.standard_errors.values())
        assert check.conditioning is None
    assert fit(saddle, [0.1, 0.1]).converged


def test_a_range_end_that_only_seems_as_low_is_no_optimum() -> None:
    # Miele and Cantrell's function vanishes at (0, 1, 1, 1), to the fourth order and higher. Toward
    # x4 = 1 it seemed level, a thousandth of a standard error above SciPy's own point.
    def function(x: Floats) -> float:
        even = (np.exp(x[0]) - x[1]) ** 4 + 100 * (x[1] - x[2]) ** 6
        return float(even + np.tan(x[2] - x[3]) ** 4 + x[0] ** 8)

    mle = fit(function, [-0.026, -0.835, 0.951, -0.219], bounds=[(-1, 1)] * 4)
    assert mle.nll <= mle.optimize_result.fun
    at_bound = bool(np.isin(mle.estimate, (-1, 1)).any())
    assert (mle.status is Status.AT_BOUND) == at_bound
    assert ("at a bound" in str(mle)) == at_bound
