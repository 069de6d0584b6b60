"""NIST's 27 nonlinear regressions, each from both of its starts, as normal likelihoods.

Models, data, starts and certified values are those of NIST's Statistical Reference Datasets
(https://www.itl.nist.gov/div898/strd, in the public domain), copied to data/nist.json. The standard
deviation is fitted too, on the log scale, and starts at the residuals' own: it is the last
parameter, and a multiple of 2π is left out, so that the certified minimum is n/2 (1 + log(RSS/n)).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from optima_runs import FORMS, Run, as_run

_DATA = Path(__file__).with_name("data") / "nist.json"
_YEAR = 2 * np.pi / 12


def _box_bod(b: Any, x: Any) -> Any:
    return b[0] * (1 - np.exp(-b[1] * x))


def _chwirut(b: Any, x: Any) -> Any:
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def _enso(b: Any, x: Any) -> Any:
    waves = b[0] + b[1] * np.cos(_YEAR * x) + b[2] * np.sin(_YEAR * x)
    for period, cosine, sine in (b[3:6], b[6:9]):
        angle = 2 * np.pi * x / period
        waves = waves + cosine * np.cos(angle) + sine * np.sin(angle)
    return waves


def _gauss(b: Any, x: Any) -> Any:
    first, second = ((x - b[k + 1]) / b[k + 2] for k in (2, 5))
    peaks = b[2] * np.exp(-first * first) + b[5] * np.exp(-second * second)
    return b[0] * np.exp(-b[1] * x) + peaks


def _cubic_ratio(b: Any, x: Any) -> Any:
    above = b[0] + x * (b[1] + x * (b[2] + x * b[3]))
    return above / (1 + x * (b[4] + x * (b[5] + x * b[6])))


def _lanczos(b: Any, x: Any) -> Any:
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def _eckerle4(b: Any, x: Any) -> Any:
    z = (x - b[2]) / b[1]
    return b[0] / b[1] * np.exp(-z * z / 2)


MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": _box_bod,
    "Chwirut1": _chwirut,
    "Chwirut2": _chwirut,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": _enso,
    "Eckerle4": _eckerle4,
    "Gauss1": _gauss,
    "Gauss2": _gauss,
    "Gauss3": _gauss,
    "Hahn1": _cubic_ratio,
    "Kirby2": lambda b, x: (b[0] + x * (b[1] + x * b[2])) / (1 + x * (b[3] + x * b[4])),
    "Lanczos1": _lanczos,
    "Lanczos2": _lanczos,
    "Lanczos3": _lanczos,
    "MGH09": lambda b, x: b[0] * x * (x + b[1]) / (x * (x + b[2]) + b[3]),
    "MGH10": lambda b, x: b[0] * np.exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4]),
    "Misra1a": _box_bod,
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2.0),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x: b[0] - b[1] * x[0] * np.exp(-b[2] * x[1]),
    "Rat42": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "Thurber": _cubic_ratio,
}


def contributions(model: Callable[[Any, Any], Any], params: Any, y: Any, *x: Any) -> Any:
    """Return each observation's negative log-likelihood, without log(2π)/2."""
    residuals = y - model(params[:-1], x[0] if len(x) == 1 else x)
    z = residuals * np.exp(-params[-1])
    return params[-1] + z * z / 2


def read_problems() -> dict[str, dict[str, Any]]:
    """Read NIST's file; Nelson's response is log y, as its model says."""
    problems: dict[str, dict[str, Any]] = json.loads(_DATA.read_text())
    for problem in problems.values():
        problem["y"] = np.array(problem["y"], dtype=float)
        problem["x"] = tuple(np.array(problem["x"], dtype=float, ndmin=2))
    problems["Nelson"]["y"] = np.log(problems["Nelson"]["y"])
    return problems


def certified_nll(problem: dict[str, Any]) -> float:
    """Return the negative log-likelihood at NIST's certified values."""
    n = len(problem["y"])
    return float(n / 2 * (1 + np.log(problem["rss"] / n)))


def runs() -> Iterator[Run]:
    """List 27 problems, from two starts, in three forms."""
    for name, problem in read_problems().items():
        nll = partial(contributions, MODELS[name])
        args = (problem["y"], *problem["x"])
        for number, start in enumerate(problem["starts"], 1):
            squares = 2 * np.mean(nll(np.array([*start, 0.0]), *args))
            whole = np.array([*start, np.log(squares) / 2])
            for form in FORMS:
                identity = ("nist", name, f"start {number}", form)
                yield as_run(identity, nll, whole, args, best=certified_nll(problem))
