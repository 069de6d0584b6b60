"""Arguments of the wrong kind, refused by their name: flags, choices and lists of names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bootmle.display.text import brief

__all__ = ["as_name", "check_choice", "check_flag", "check_names", "read_path"]


def check_flag(argument: str, value: Any) -> bool:
    """Return a flag as a bool; TypeError for what is neither true nor false."""
    if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
        raise TypeError(f"{argument}: got {brief(value)}; pass True or False")
    return bool(value)


def check_choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    """Return one of several words; ValueError for anything else."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{argument}: {brief(value)} is unknown; use one of {', '.join(choices)}")
    return value


def read_path(argument: str, value: Any, what: str = "a file") -> Path:
    """Read a path; TypeError for anything else, ValueError for one that no file can have."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise TypeError(f"{argument}: got {brief(value)}; pass the path of {what}")
    if "\0" in os.fspath(value):
        raise ValueError(f"{argument}: {brief(value)} holds a null; pass the path of {what}")
    return Path(value)


def check_names(names: Any, what: str = "parameter") -> list[str] | None:
    """List names in their order; TypeError for what is no list, or has no order."""
    if names is None:
        return None
    if isinstance(names, set | frozenset):
        raise TypeError(
            f"names: {brief(names)} is a set, whose order changes from process to process; pass a "
            f"list with a name for each {what}"
        )
    zero_d = isinstance(names, np.ndarray) and names.ndim == 0
    if isinstance(names, str) or not isinstance(names, Iterable) or zero_d:
        raise TypeError(f"names: got {brief(names)}; pass a list with a name for each {what}")
    return [as_name(name) for name in names]


def as_name(key: Any) -> str:
    """Return a label as a name; a tuple, as of a MultiIndex, becomes "lambda_: x"."""
    return ": ".join(map(str, key)) if isinstance(key, tuple) else str(key)
