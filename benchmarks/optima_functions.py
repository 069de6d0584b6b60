"""Test functions of two parameters, from the global optimization benchmark that SciPy keeps.

Formulas and minima are those of Jamil and Yang (2013), A literature survey of benchmark functions
for global optimisation problems, and of Gavana's collection, on which SciPy's benchmark rests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import cos, exp, pi, sin, sqrt


@dataclass(frozen=True, slots=True)
class Function:
    """A function with its usual box and its minimum there.

    Attributes
    ----------
    smooth : bool
        Whether it has derivatives at its minima.
    open : bool
        Whether its minimum without bounds is worth looking for: it falls without end otherwise, or
        is not defined.
    """

    value: Callable[..., Any]
    box: Any
    least: float
    p: int = 2
    smooth: bool = True
    open: bool = True


def absolute(x: Any) -> Any:
    """Return |x|, of complex numbers by the sign of the real part, as complex steps need it."""
    return np.where(np.real(x) < 0, -x, x)[()]


def _bird(x: Any, y: Any) -> Any:
    return sin(x) * exp((1 - cos(y)) ** 2) + cos(y) * exp((1 - sin(x)) ** 2) + (x - y) ** 2


def _branin(x: Any, y: Any) -> Any:
    return (y - 5.1 / (4 * pi**2) * x**2 + 5 / pi * x - 6) ** 2


def _eggholder(x: Any, y: Any) -> Any:
    first = (y + 47) * sin(sqrt(absolute(y + x / 2 + 47)))
    return -first - x * sin(sqrt(absolute(x - y - 47)))


def _goldstein_price(x: Any, y: Any) -> Any:
    left = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
    right = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
    return (1 + (x + y + 1) ** 2 * left) * (30 + (2 * x - 3 * y) ** 2 * right)


def _cosines(shift: int, slope: int, x: Any) -> Any:
    """Sum i cos((i + shift) x slope + i) over i from 1 to 5."""
    i = np.arange(1, 6)
    return (i * cos((i + shift) * slope * x + i)).sum()


# fmt: off
_JUDGE = np.array([
    [4.284, 0.286, 0.645], [4.149, 0.973, 0.585], [3.877, 0.384, 0.310], [0.533, 0.276, 0.058],
    [2.211, 0.973, 0.455], [2.389, 0.543, 0.779], [2.145, 0.957, 0.259], [3.231, 0.948, 0.202],
    [1.998, 0.543, 0.028], [1.379, 0.797, 0.099], [2.106, 0.936, 0.142], [1.428, 0.889, 0.296],
    [1.011, 0.006, 0.175], [2.179, 0.828, 0.180], [2.858, 0.399, 0.842], [1.388, 0.617, 0.039],
    [1.651, 0.939, 0.103], [1.593, 0.784, 0.620], [1.046, 0.072, 0.158], [2.152, 0.889, 0.704]])
# fmt: on


def _judge(x: Any, y: Any) -> Any:
    response, first, second = _JUDGE.T
    return ((response - x - y * first - y * y * second) ** 2).sum()


def _langermann(x: Any, y: Any) -> Any:
    a, b, c = np.array([[3, 5, 2, 1, 7], [5, 2, 1, 4, 9], [1, 2, 5, 2, 3]])
    distance = (x - a) ** 2 + (y - b) ** 2
    return -(c * exp(-distance / pi) * cos(pi * distance)).sum()


def _schaffer(angle: Any, radius: Any) -> Any:
    return 0.5 + (sin(angle) ** 2 - 0.5) / (1 + 0.001 * radius) ** 2


def _trefethen(x: Any, y: Any) -> Any:
    waves = exp(sin(50 * x)) + sin(60 * exp(y)) + sin(70 * sin(x)) + sin(sin(80 * y))
    return waves - sin(10 * (x + y)) + (x * x + y * y) / 4


def _whitley(x: Any, y: Any) -> Any:
    total = 0.0
    for a, b in ((x, x), (x, y), (y, x), (y, y)):
        inner = 100 * (a * a - b) + (1 - b) ** 2
        total = total + inner * inner / 4000 - cos(inner) + 1
    return total


def _holder(x: Any, y: Any) -> Any:
    return -absolute(sin(x) * cos(y) * exp(absolute(1 - sqrt(x * x + y * y) / pi)))


_TEN, _HUNDRED = (-10.0, 10.0), (-100.0, 100.0)

PAIRS: dict[str, Function] = {
    "Ackley02": Function(
        lambda x, y: -200 * exp(-0.02 * sqrt(x * x + y * y)), (-32, 32), -200, smooth=False
    ),
    "Ackley03": Function(
        lambda x, y: -200 * exp(-0.02 * sqrt(x * x + y * y)) + 5 * exp(cos(3 * x) + sin(3 * y)),
        (-32, 32),
        -195.6290282592388,
    ),
    "Adjiman": Function(
        lambda x, y: cos(x) * sin(y) - x / (y * y + 1),
        [(-1, 2), (-1, 1)],
        -2.0218067833,
        open=False,
    ),
    "AMGM": Function(lambda x, y: ((x + y) / 2 - sqrt(x * y)) ** 2, (0, 10), 0.0, open=False),
    "Alpine02": Function(
        lambda x, y: sqrt(x) * sin(x) * sqrt(y) * sin(y), (0, 10), -6.1295038911, open=False
    ),
    "BartelsConn": Function(
        lambda x, y: absolute(x * x + y * y + x * y) + absolute(sin(x)) + absolute(cos(y)),
        (-500, 500),
        1.0,
        smooth=False,
    ),
    "Beale": Function(
        lambda x, y: (
            (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
        ),
        (-4.5, 4.5),
        0.0,
    ),
    "Bird": Function(_bird, (-2 * pi, 2 * pi), -106.76453674926),
    "Bohachevsky1": Function(
        lambda x, y: x**2 + 2 * y**2 - 0.3 * cos(3 * pi * x) - 0.4 * cos(4 * pi * y) + 0.7,
        _HUNDRED,
        0.0,
    ),
    "Bohachevsky3": Function(
        lambda x, y: x**2 + 2 * y**2 - 0.3 * cos(3 * pi * x + 4 * pi * y) + 0.3, _HUNDRED, 0.0
    ),
    "Branin01": Function(
        lambda x, y: _branin(x, y) + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10,
        [(-5, 10), (0, 15)],
        0.39788735772974,
    ),
    "Brent": Function(lambda x, y: (x + 10) ** 2 + (y + 10) ** 2 + exp(-(x**2) - y**2), _TEN, 0.0),
    "Bukin02": Function(
        lambda x, y: 100 * (y * y - 0.01 * x * x + 1) + 0.01 * (x + 10) ** 2,
        [(-15, -5), (-3, 3)],
        -124.75,
        open=False,
    ),
    "Bukin04": Function(
        lambda x, y: 100 * y**2 + 0.01 * absolute(x + 10), [(-15, -5), (-3, 3)], 0.0, smooth=False
    ),
    "Bukin06": Function(
        lambda x, y: 100 * sqrt(absolute(y - 0.01 * x**2)) + 0.01 * absolute(x + 10),
        [(-15, -5), (-3, 3)],
        0.0,
        smooth=False,
    ),
    "Chichinadze": Function(
        lambda x, y: (
            x**2
            - 12 * x
            + 8 * sin(5 * pi * x / 2)
            + 10 * cos(pi * x / 2)
            + 11
            - 0.2 * sqrt(5) / exp((y - 0.5) ** 2 / 2)
        ),
        (-30, 30),
        -42.94438701899099,
    ),
    "Cube": Function(lambda x, y: 100 * (y - x**3) ** 2 + (1 - x) ** 2, _TEN, 0.0),
    "DeckkersAarts": Function(
        lambda x, y: 1e5 * x**2 + y**2 - (x**2 + y**2) ** 2 + 1e-5 * (x**2 + y**2) ** 4,
        (-20, 20),
        -24776.5183421814,
    ),
    "Easom": Function(
        lambda x, y: -cos(x) * cos(y) * exp(-((x - pi) ** 2) - (y - pi) ** 2), (0, 2 * pi), -1.0
    ),
    "EggCrate": Function(lambda x, y: x**2 + y**2 + 25 * (sin(x) ** 2 + sin(y) ** 2), (-5, 5), 0.0),
    "EggHolder": Function(_eggholder, (-512, 512), -959.6406627106155, smooth=False, open=False),
    "ElAttar": Function(
        lambda x, y: (x**2 + y - 10) ** 2 + (x + y**2 - 7) ** 2 + (x**2 + y**3 - 1) ** 2,
        _HUNDRED,
        1.7127803548622,
    ),
    "GoldsteinPrice": Function(_goldstein_price, (-2, 2), 3.0),
    "HimmelBlau": Function(lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2, (-5, 5), 0.0),
    "HolderTable": Function(_holder, _TEN, -19.20850256788675, smooth=False, open=False),
    "Hosaki": Function(
        lambda x, y: (1 - 8 * x + 7 * x**2 - 7 / 3 * x**3 + x**4 / 4) * y**2 * exp(-y),
        [(0, 5), (0, 6)],
        -2.345811576101292,
        open=False,
    ),
    "Judge": Function(_judge, _TEN, 16.081730132960),
    "Keane": Function(
        lambda x, y: sin(x - y) ** 2 * sin(x + y) ** 2 / sqrt(x * x + y * y), (0, 10), 0.0
    ),
    "Langermann": Function(_langermann, (0, 10), -5.1621261599638),
    "Levy05": Function(
        lambda x, y: (
            _cosines(-1, 1, x) * _cosines(1, 1, y) + (x + 1.42513) ** 2 + (y + 0.80032) ** 2
        ),
        _TEN,
        -176.13757804,
    ),
    "Levy13": Function(
        lambda x, y: (
            sin(3 * pi * x) ** 2
            + (x - 1) ** 2 * (1 + sin(3 * pi * y) ** 2)
            + (y - 1) ** 2 * (1 + sin(2 * pi * y) ** 2)
        ),
        _TEN,
        0.0,
    ),
    "Matyas": Function(lambda x, y: 0.26 * (x**2 + y**2) - 0.48 * x * y, _TEN, 0.0),
    "McCormick": Function(
        lambda x, y: sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1,
        [(-1.5, 4), (-3, 3)],
        -1.9132229549810,
    ),
    "Mishra05": Function(
        lambda x, y: (
            (sin((cos(x) + cos(y)) ** 2) ** 2 + cos((sin(x) + sin(y)) ** 2) ** 2 + x) ** 2
            + 0.01 * x
            + 0.1 * y
        ),
        _TEN,
        -1.019829519930646,
        open=False,
    ),
    "Parsopoulos": Function(lambda x, y: cos(x) ** 2 + sin(y) ** 2, (-5, 5), 0.0),
    "Price02": Function(
        lambda x, y: 1 + sin(x) ** 2 + sin(y) ** 2 - 0.1 * exp(-(x**2) - y**2), _TEN, 0.9
    ),
    "Price03": Function(
        lambda x, y: 100 * (y - x**2) ** 2 + (6.4 * (y - 0.5) ** 2 - x - 0.6) ** 2, (-5, 5), 0.0
    ),
    "Price04": Function(
        lambda x, y: (2 * x**3 * y - y**3) ** 2 + (6 * x - y**2 + y) ** 2, (-50, 50), 0.0
    ),
    "Quadratic": Function(
        lambda x, y: (
            -3803.84 - 138.08 * x - 232.92 * y + 128.08 * x**2 + 203.64 * y**2 + 182.25 * x * y
        ),
        _TEN,
        -3873.7241821830,
    ),
    "RosenbrockModified": Function(
        lambda x, y: (
            74
            + 100 * (y - x**2) ** 2
            + (1 - x) ** 2
            - 400 * exp(-((x + 1) ** 2 + (y + 1) ** 2) / 0.1)
        ),
        (-2, 2),
        34.040243106640844,
    ),
    "RotatedEllipse01": Function(
        lambda x, y: 7 * x**2 - 6 * sqrt(3) * x * y + 13 * y**2, (-500, 500), 0.0
    ),
    "Schaffer01": Function(lambda x, y: _schaffer(x * x + y * y, x * x + y * y), _HUNDRED, 0.0),
    "Schaffer02": Function(lambda x, y: _schaffer(x * x - y * y, x * x + y * y), _HUNDRED, 0.0),
    "Schwefel06": Function(
        lambda x, y: max(absolute(x + 2 * y - 7), absolute(2 * x + y - 5)),
        _HUNDRED,
        0.0,
        smooth=False,
    ),
    "Schwefel36": Function(lambda x, y: -x * y * (72 - 2 * x - 2 * y), (0, 500), -3456, open=False),
    "SixHumpCamel": Function(
        lambda x, y: (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2,
        (-5, 5),
        -1.0316284534898774,
    ),
    "ThreeHumpCamel": Function(
        lambda x, y: 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2, (-5, 5), 0.0
    ),
    "Treccani": Function(lambda x, y: x**4 + 4 * x**3 + 4 * x**2 + y**2, (-5, 5), 0.0),
    "Trefethen": Function(_trefethen, _TEN, -3.3068686474752),
    "Ursem01": Function(
        lambda x, y: -sin(2 * x - pi / 2) - 3 * cos(y) - x / 2,
        [(-2.5, 3), (-2, 2)],
        -4.816814063710478,
        open=False,
    ),
    "WayburnSeader01": Function(
        lambda x, y: (x**6 + y**4 - 17) ** 2 + (2 * x + y - 4) ** 2, (-5, 5), 0.0
    ),
    "WayburnSeader02": Function(
        lambda x, y: (1.613 - 4 * (x - 0.3125) ** 2 - 4 * (y - 1.625) ** 2) ** 2 + (y - 1) ** 2,
        (-500, 500),
        0.0,
    ),
    "Whitley": Function(_whitley, (-10.24, 10.24), 0.0),
    "Zettl": Function(
        lambda x, y: (x**2 + y**2 - 2 * x) ** 2 + x / 4, (-5, 10), -0.003791237220468656
    ),
    "Zirilli": Function(
        lambda x, y: x**4 / 4 - x**2 / 2 + 0.1 * x + y**2 / 2, _TEN, -0.3523860736543
    ),
}
