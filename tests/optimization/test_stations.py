"""Stations of a path on which one parameter is moved."""

import numpy as np

from bootmle.optimization.stations import Station, shrinkage


def test_standard_errors_follow_the_distance_and_steps_that_are_lost_say_nothing() -> None:
    def at(distance: float, unit: float) -> Station:
        return Station(distance, np.zeros(1), np.array([unit]), 0.0)

    assert shrinkage([at(1.0, 8.0), at(2.0, 4.0)], 3.0) == 0.5  # halved again
    assert shrinkage([at(1.0, 8.0)], 2.0) == 1
    assert shrinkage([at(1e16, 8.0), at(1e16 + 1, 4.0)], 2e16) == 1
