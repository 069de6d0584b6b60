"""Numbers to the digits asked for, values in one line, tables in columns."""

from typing import Any

import numpy as np
import pytest

from bootmle.display.text import align, brief, duration, rounded, rounded_like


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0123456, "0.0123"),
        (1234.5678, "1235"),
        (-1234.5678, "-1235"),
        (1.2345e-9, "1.23e-09"),
        (1.2345e9, "1.23e+09"),
        (123456789.0, "123456789"),
        (0.0, "0"),
        (np.nan, "nan"),
        (-np.inf, "-inf"),
    ],
)
def test_a_number_has_three_significant_digits(value: float, shown: str) -> None:
    assert rounded(value) == shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (3.14159, 0.021, "3.142"),
        (31415.9, 210.0, "31416"),
        (2.5, 0.0, "2.5"),
        (2.5, np.nan, "2.5"),
        (3.14159e-12, 2.1e-14, "3.142e-12"),
        (3.14159e12, 2.1e10, "3.142e+12"),
    ],
)
def test_a_number_has_the_digits_that_its_error_supports(
    value: float, error: float, shown: str
) -> None:
    assert rounded_like(value, error) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.004, "4 ms"), (12.34, "12.3 s"), (754, "12.6 min"), (12600, "3.5 h")],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("2-point", "'2-point'"), ([[1.0], [2.0]], "[[1.0], [2.0]]"), (np.ones((2, 1)), None)],
)
def test_a_value_in_a_message_has_one_line(value: Any, shown: str | None) -> None:
    assert brief(value) == shown or (shown is None and "\n" not in brief(value))
    assert len(brief([value] * 1000)) <= 103


def test_a_table_is_aligned_first_column_left_and_others_right() -> None:
    lines = align(["", "estimate"], [["mu", "1.5"], ["sigma", "12.0"]]).splitlines()
    assert lines == ["       estimate", "mu          1.5", "sigma      12.0"]
