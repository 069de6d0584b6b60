"""Odd values for arguments, and for what a user's function returns."""

from __future__ import annotations

import datetime
import decimal
import fractions
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from bootmle import Bayesian, Cases

__all__ = ["VALUES", "Hostile", "raising", "returning"]


class Thing:
    """An object that is nothing in particular."""


class Hostile:
    """An object whose every answer raises."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError("no text")

    def __bool__(self) -> NoReturn:
        raise RuntimeError("no truth value")

    def __len__(self) -> NoReturn:
        raise RuntimeError("no length")

    def __iter__(self) -> NoReturn:
        raise RuntimeError("no iterator")

    def __float__(self) -> NoReturn:
        raise RuntimeError("no number")


def returning(value: Any) -> Callable[..., Any]:
    """Make a function that takes anything and returns a value."""

    def function(*args: Any, **options: Any) -> Any:
        return value

    return function


def raising(*args: Any, **options: Any) -> NoReturn:
    """Raise what no checked argument should be asked for."""
    raise LookupError("raised by the user's function")


_LISTS: tuple[Any, ...] = ([], [2], [1, 2], [[]], ["mu"], ["a", "a"])
VALUES: dict[str, Callable[[], Any]] = {
    **{repr(value): returning(value) for value in (None, True, False, 0, 1, -1, 2, 2.5, 0.5, -0.5)},
    **{repr(value): returning(value) for value in (np.nan, np.inf, -np.inf, 1e300, 1 + 2j)},
    **{repr(value): returning(value) for value in ("", "text", "mu", "a\nb", b"bytes", "µ\x00")},
    **{repr(value): returning(value) for value in _LISTS},
    **{
        repr(value): returning(value) for value in ((), (1, 2), (2, 1), ("mu", 3), [None], [1, "a"])
    },
    **{
        repr(value): returning(value) for value in ({}, {"mu": 1.0}, {"a": 1}, {"mu": None}, {1: 2})
    },
    "a whole number of 31 digits": lambda: 10**30,
    "a fraction": lambda: fractions.Fraction(1, 2),
    "a decimal": lambda: decimal.Decimal("0.5"),
    "a set": lambda: {"mu", "log_sd"},
    "a range": lambda: range(3),
    "an iterator": lambda: iter([1, 2]),
    "a generator": lambda: (k for k in range(2)),
    "a slice": lambda: slice(3),
    "Ellipsis": lambda: ...,
    "an array": lambda: np.arange(3),
    "a number in an array": lambda: np.array(3.0),
    "an empty array": lambda: np.empty(0),
    "an array of NaN": lambda: np.full((2, 2), np.nan),
    "an array of 5": lambda: np.arange(5),
    "an array of objects": lambda: np.array([None, "a"], dtype=object),
    "an array of words": lambda: np.array(["mu", "log_sd"]),
    "an array of dates": lambda: np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
    "an array of truth values": lambda: np.array([True, False]),
    "a complex array": lambda: np.array([1j, 2.0]),
    "a masked array": lambda: np.ma.array([1.0, 2.0], mask=[True, False]),
    "a structured array": lambda: np.zeros(2, dtype=[("a", "f8")]),
    "three dimensions": lambda: np.zeros((2, 2, 2)),
    "a NumPy integer": lambda: np.int8(3),
    "a NumPy number": lambda: np.float32(0.5),
    "a NumPy truth value": lambda: np.True_,
    "a NumPy word": lambda: np.str_("mu"),
    "a series": lambda: pd.Series([1.0, 2.0], index=["mu", "log_sd"]),
    "a data frame": lambda: pd.DataFrame({"mu": [1.0, 2.0]}),
    "no time": lambda: pd.NaT,
    "a moment": lambda: datetime.datetime(2020, 1, 1),
    "a moment elsewhere": lambda: datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    "a day": lambda: datetime.date(2020, 1, 1),
    "a duration": lambda: datetime.timedelta(seconds=1),
    "a path": lambda: Path("nowhere") / "at all",
    "the folder": lambda: Path(),
    "a file": lambda: sys.__stdout__,
    "an object": Thing,
    "a hostile object": Hostile,
    "a class": lambda: Thing,
    "a plan's class": lambda: Cases,
    "a plan": Bayesian,
    "a function of nothing": lambda: returning(None),
    "a function that raises": lambda: raising,
    "a function without arguments": lambda: lambda: 1.0,
    "a generator of numbers": lambda: np.random.default_rng(0),
}
"""Each made anew for each call: a call may change or use up what it is given."""
