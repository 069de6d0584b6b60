"""The 53 least-squares problems of Moré and Wild (2009), half the sum of squares as an nll.

The functions are those of Moré, Garbow and Hillstrom (1981), ACM TOMS 7, 17-41, and of the CUTEr
collection; which dimensions and starts make the set is in Moré and Wild (2009), SIAM J. Optim. 20,
172-191, table 1, whose bad starts are ten times the standard ones. Each formula was compared with
that of optimagic 0.5.3 at two points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from optima_nist import MODELS, read_problems
from optima_runs import FORMS, Floats, Run, as_run

Residuals = Callable[[Any], Any]

# fmt: off
_BARD = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1,
                  4.39])
_OSBORNE_2 = np.array([
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608,
    0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661,
    0.612, 0.558, 0.533, 0.495, 0.5, 0.423, 0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429,
    0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597,
    0.625, 0.739, 0.71, 0.729, 0.72, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054])
_HEART = np.array([-0.69, -0.044, -1.57, -1.31, -2.65, 2.0, -12.6, 9.48])
# fmt: on


def _linear_full_rank(x: Any) -> Any:
    return np.append(x, np.zeros(45 - x.size)) - 2 * x.sum() / 45 - 1


def _linear_rank_one(x: Any) -> Any:
    return np.arange(1, 36) * (np.arange(1, x.size + 1) * x).sum() - 1


def _linear_rank_one_zeros(x: Any) -> Any:
    """Rank one, with columns and rows of zeros."""
    multiples = np.append(np.arange(34), 0)
    return multiples * (np.arange(2, x.size) * x[1:-1]).sum() - 1


def _rosenbrock(x: Any) -> Any:
    return np.stack([10 * (x[1] - x[0] * x[0]), 1 - x[0]])


def _helical_valley(x: Any) -> Any:
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0].real < 0 else 0.0)
    radius = np.sqrt(x[0] * x[0] + x[1] * x[1])
    return np.stack([10 * (x[2] - 10 * turn), 10 * (radius - 1), x[2]])


def _powell_singular(x: Any) -> Any:
    a, b, c, d = x
    square, other = (b - 2 * c) ** 2, (a - d) ** 2
    return np.stack([a + 10 * b, np.sqrt(5) * (c - d), square, np.sqrt(10) * other])


def _freudenstein_roth(x: Any) -> Any:
    a, b = x
    return np.stack([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((1 + b) * b - 14) * b])


def _bard(x: Any) -> Any:
    up = np.arange(1, 16)
    down = 16 - up
    return _BARD - (x[0] + up / (x[1] * down + x[2] * np.minimum(up, down)))


def _from_nist(name: str) -> Residuals:
    """Take residuals of one of NIST's problems, whose data these are."""
    problem = read_problems()[name]
    return lambda x: problem["y"] - MODELS[name](x, problem["x"][0])


def _watson(x: Any) -> Any:
    powers = (np.arange(1, 30) / 29)[:, None] ** np.arange(x.size)
    orders = np.arange(1, x.size)
    slopes = (powers[:, :-1] * orders * x[1:]).sum(axis=1)
    values = (powers * x).sum(axis=1)
    return np.concatenate([slopes - values * values - 1, x[:1], x[1:2] - x[:1] * x[:1] - 1])


def _box_3d(x: Any) -> Any:
    t = np.arange(1, 11) / 10
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) + (np.exp(-10 * t) - np.exp(-t)) * x[2]


def _jennrich_sampson(x: Any) -> Any:
    i = np.arange(1, 11)
    return 2 + 2 * i - np.exp(i * x[0]) - np.exp(i * x[1])


def _brown_dennis(x: Any) -> Any:
    t = np.arange(1, 21) / 5
    rising, turning = x[0] + t * x[1] - np.exp(t), x[2] + x[3] * np.sin(t) - np.cos(t)
    return rising * rising + turning * turning


def _chebyquad(x: Any) -> Any:
    before, polynomial = np.ones_like(x), 2 * x - 1
    means = []
    for order in range(1, x.size + 1):
        means.append(polynomial.mean() + (1 / (order**2 - 1) if order % 2 == 0 else 0.0))
        before, polynomial = polynomial, 2 * (2 * x - 1) * polynomial - before
    return np.stack(means)


def _brown_almost_linear(x: Any) -> Any:
    return np.append(x[:-1] + x.sum() - (x.size + 1), x.prod() - 1)


def _osborne_two(x: Any) -> Any:
    t = np.arange(65) / 10
    fitted = x[0] * np.exp(-x[4] * t)
    for height, width, center in zip(x[1:4], x[5:8], x[8:], strict=True):
        fitted = fitted + height * np.exp(-width * (t - center) ** 2)
    return _OSBORNE_2 - fitted


def _bdqrtic(x: Any) -> Any:
    squares, k = x * x, x.size - 4
    quartics = sum((j + 1) * squares[j : j + k] for j in range(4)) + 5 * squares[-1]
    return np.append(3 - 4 * x[:k], quartics)


def _cube(x: Any) -> Any:
    return np.append(x[0] - 1, 10 * (x[1:] - x[:-1] ** 3))


def _mancino(x: Any) -> Any:
    i = np.arange(1, x.size + 1)
    v = np.sqrt(x[:, None] * x[:, None] + i[:, None] / i)
    waves = v * (np.sin(np.log(v)) ** 5 + np.cos(np.log(v)) ** 5)
    return 1400 * x + (i - 50) ** 3 + waves.sum(axis=1)


def _mancino_start(n: int) -> Floats:
    return np.asarray(-8.7110e-4 * _mancino(np.zeros(n)))


def _heart(x: Any) -> Any:
    """Real and imaginary parts of (a + ci)(t + vi)^k + (b + di)(u + wi)^k, k from 0 to 3."""
    a, b, c, d, t, u, v, w = x
    parts = []
    for _ in range(4):
        parts += [a + b, c + d]
        a, c = a * t - c * v, a * v + c * t
        b, d = b * u - d * w, b * w + d * u
    return np.stack(parts) - _HEART


@dataclass(frozen=True, slots=True)
class Problem:
    """Residuals, their standard start, and the least sum of squares known."""

    name: str
    residuals: Residuals
    start: Any
    least: float
    bad_start: bool = True


_CHEBYQUAD = {
    6: 0.0,
    7: 0.0,
    8: 0.00351687372567795,
    9: 0.0,
    10: 0.00477271369637536,
    11: 0.00279976155186576,
}
_BDQRTIC = {8: 10.2389734213174, 10: 18.2811617535935, 11: 22.2605917348838, 12: 26.2727663967939}
_MANCINO = (5, 8, 10, 12)
_OSBORNE_START = [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5]
_HEART_START = [-0.3, -0.39, 0.3, -0.344, -1.2, 2.69, 1.59, -1.5]

PROBLEMS = [
    Problem("linear_full_rank", _linear_full_rank, np.ones(9), 36.0),
    Problem("linear_rank_one", _linear_rank_one, np.ones(7), 35 * 34 / 142),
    Problem("linear_rank_one_zero_columns_rows", _linear_rank_one_zeros, np.ones(7), 1324 / 134),
    Problem("rosenbrock", _rosenbrock, [-1.2, 1], 0.0),
    Problem("helical_valley", _helical_valley, [-1, 0, 0], 0.0),
    Problem("powell_singular", _powell_singular, [3, -1, 0, 1], 0.0),
    Problem("freudenstein_roth", _freudenstein_roth, [0.5, -2], 48.98425367924),
    Problem("bard", _bard, np.ones(3), 0.00821487730657897),
    Problem(
        "kowalik_osborne",
        _from_nist("MGH09"),
        [0.25, 0.39, 0.415, 0.39],
        3.0750560385e-4,
        False,
    ),
    Problem("meyer", _from_nist("MGH10"), [0.02, 4000, 250], 87.945855171, False),
    Problem("watson_6", _watson, np.full(6, 0.5), 0.00228767005354),
    Problem("watson_9", _watson, np.full(9, 0.5), 1.399760138e-6),
    Problem("watson_12", _watson, np.full(12, 0.5), 4.722381e-10),
    Problem("box_3d", _box_3d, [0, 10, 20], 0.0, False),
    Problem("jennrich_sampson", _jennrich_sampson, [0.3, 0.4], 124.362182355615, False),
    Problem("brown_dennis", _brown_dennis, [25, 5, -5, -1], 85822.2016263564),
    *(
        Problem(f"chebyquad_{n}", _chebyquad, np.arange(1, n + 1) / (n + 1), least, False)
        for n, least in _CHEBYQUAD.items()
    ),
    Problem("brown_almost_linear", _brown_almost_linear, np.full(10, 0.5), 0.0, False),
    Problem("osborne_one", _from_nist("MGH17"), [0.5, 1.5, 1, 0.01, 0.02], 5.4648946975e-5, False),
    Problem("osborne_two", _osborne_two, _OSBORNE_START, 0.0401377362935477),
    *(Problem(f"bdqrtic_{n}", _bdqrtic, np.ones(n), least, False) for n, least in _BDQRTIC.items()),
    *(Problem(f"cube_{n}", _cube, np.full(n, 0.5), 0.0, False) for n in (5, 6, 8)),
    *(Problem(f"mancino_{n}", _mancino, _mancino_start(n), 0.0, n in (5, 12)) for n in _MANCINO),
    Problem("heart_eight", _heart, _HEART_START, 0.0),
]
"""The set, in its own order."""


def runs() -> Iterator[Run]:
    """List 53 problems in three forms."""
    for problem in PROBLEMS:
        starts = {"good start": 1.0} | ({"bad start": 10.0} if problem.bad_start else {})
        for title, factor in starts.items():
            start = factor * np.array(problem.start, dtype=float)
            for form in FORMS:
                identity = ("more-wild", problem.name, title, form)
                yield as_run(identity, _halved(problem.residuals), start, best=problem.least / 2)


def _halved(residuals: Residuals) -> Callable[[Any], Any]:
    """Return half of each squared residual."""

    def contributions(x: Any) -> Any:
        r = residuals(x)
        return r * r / 2

    return contributions
