"""Sandwich standard errors of many replicates at once."""

import numpy as np
from numpy.testing import assert_allclose

from bootmle.optimization.sandwich import sandwich_errors


def test_a_singular_curvature_has_no_errors_and_leaves_the_others_theirs() -> None:
    factor = np.array([[1.0, 0.0], [30.0, 10.0]])
    regular, meat = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.2], [0.2, 3.0]])
    curvature = np.stack([regular, np.ones((2, 2)), regular, np.zeros((2, 2))])
    found = sandwich_errors(factor, curvature, np.stack([meat] * 4))
    inverse = np.linalg.inv(regular)
    expected = np.sqrt(np.diag(factor @ inverse @ meat @ inverse @ factor.T))
    assert_allclose(found[[0, 2]], np.stack([expected] * 2), rtol=1e-12)
    assert np.isnan(found[[1, 3]]).all()
