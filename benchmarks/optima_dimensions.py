"""Test functions of three to six parameters, and how all of them are run.

Sources as in `optima_functions`, whose functions of two parameters are run with these. A function
without bounds starts twice in its box, at points that its name draws; and twice within bounds.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import cos, exp, log, pi, sin, sqrt

from optima_functions import PAIRS, Function, absolute
from optima_runs import Floats, Run, as_run

# fmt: off
_HARTMANN_3 = np.array([
    [3.0, 10, 30, 0.3689, 0.1170, 0.2673], [0.1, 10, 35, 0.4699, 0.4387, 0.7470],
    [3.0, 10, 30, 0.1091, 0.8732, 0.5547], [0.1, 10, 35, 0.03815, 0.5743, 0.8828]])
_HARTMANN_6 = np.array([
    [10, 3, 17, 3.5, 1.7, 8, 0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.05, 10, 17, 0.1, 8, 14, 0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [3, 3.5, 1.7, 10, 17, 8, 0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [17, 8, 0.05, 10, 0.1, 14, 0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]])
_SHEKEL = np.array([
    [4, 4, 4, 4, 0.1], [1, 1, 1, 1, 0.2], [8, 8, 8, 8, 0.2], [6, 6, 6, 6, 0.4],
    [3, 7, 3, 7, 0.4], [2, 9, 2, 9, 0.6], [5, 5, 3, 3, 0.3], [8, 1, 8, 1, 0.7],
    [6, 2, 6, 2, 0.5], [7, 3.6, 7, 3.6, 0.5]])
# fmt: on


def _biggs(x: Any) -> Any:
    """Biggs's exponentials with 2 to 5 parameters; the others are held at their true values."""
    a, b, c, d, e = np.append(x, (1.0, 10.0, 1.0, 5.0, 4.0)[x.size :])
    if x.size == 3:
        c, d = 1.0, x[2]
    t = np.arange(1, 12 if x.size == 5 else 11) / 10
    third = 3 * (exp(-t * e) - exp(-t * 4)) if x.size == 5 else 0.0
    fitted = c * exp(-t * a) - d * exp(-t * b) + third
    return ((fitted - exp(-t) + 5 * exp(-10 * t)) ** 2).sum()


def _colville(x: Any) -> Any:
    a, b, c, d = x
    valleys = 100 * (a**2 - b) ** 2 + (a - 1) ** 2 + (c - 1) ** 2 + 90 * (c**2 - d) ** 2
    return valleys + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)


def _de_villiers_glasser(x: Any) -> Any:
    t = np.arange(24) / 10
    y = 60.137 * 1.371**t * sin(3.112 * t + 1.761)
    return ((x[0] * x[1] ** t * sin(x[2] * t + x[3]) - y) ** 2).sum()


def _dixon_price(x: Any) -> Any:
    i = np.arange(2, x.size + 1)
    return (x[0] - 1) ** 2 + (i * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum()


def _griewank(x: Any) -> Any:
    return (x * x).sum() / 4000 - cos(x / sqrt(np.arange(1, x.size + 1))).prod() + 1


def _giunta(x: Any) -> Any:
    z = 16 * x / 15 - 1
    return 0.6 + (sin(z) + sin(z) ** 2 + sin(4 * z) / 50).sum()


def _gulf(x: Any) -> Any:
    share = np.arange(1, 100) / 100
    u = 25 + (-50 * np.log(share)) ** (2 / 3)
    return ((exp(-(absolute(u - x[1]) ** x[2]) / x[0]) - share) ** 2).sum()


def _hartmann(table: Floats, x: Any) -> Any:
    widths, centers = np.split(table, 2, axis=1)
    weights = np.array([1.0, 1.2, 3.0, 3.2])
    return -(weights * exp(-(widths * (x - centers) ** 2).sum(axis=1))).sum()


def _levy(x: Any) -> Any:
    y = 1 + (x - 1) / 4
    middle = ((y[:-1] - 1) ** 2 * (1 + 10 * sin(pi * y[1:]) ** 2)).sum()
    return sin(pi * y[0]) ** 2 + middle + (y[-1] - 1) ** 2


def _michalewicz(x: Any) -> Any:
    return -(sin(x) * sin(np.arange(1, x.size + 1) * x * x / pi) ** 20).sum()


def _miele_cantrell(x: Any) -> Any:
    a, b, c, d = x
    return (exp(-a) - b) ** 4 + 100 * (b - c) ** 6 + np.tan(c - d) ** 4 + a**8


def _perm(x: Any) -> Any:
    """Powers of x_j against powers of 1/j."""
    j = np.arange(1, x.size + 1)
    return sum(((j + 10) * (x**k - (1 / j) ** k)).sum() ** 2 for k in j)


def _power_sum(x: Any) -> Any:
    sums = (8.0, 18.0, 44.0, 114.0)
    return sum(((x**k).sum() - b) ** 2 for k, b in enumerate(sums, 1))


def _ripple(x: Any) -> Any:
    return -(exp(-2 * log(2) * ((x - 0.1) / 0.8) ** 2) * sin(5 * pi * x) ** 6).sum()


def _rosenbrock(x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _schwefel_double(x: Any) -> Any:
    return (np.cumsum(x) ** 2).sum()


def _shekel(count: int, x: Any) -> Any:
    wells = _SHEKEL[:count]
    return -(1 / (((x - wells[:, :4]) ** 2).sum(axis=1) + wells[:, 4])).sum()


def _shubert(x: Any) -> Any:
    j = np.arange(1, 6)[:, None]
    return -(j * sin((j + 1) * x + j)).sum()


def _trigonometric(x: Any) -> Any:
    square = (x - 0.9) ** 2
    return 1 + (8 * sin(7 * square) ** 2 + 6 * sin(14 * square) ** 2 + square).sum()


def _trigonometric_sums(x: Any) -> Any:
    i = np.arange(1, x.size + 1)
    inner = x.size - cos(x).sum() + i * (1 - cos(x)) - sin(x)
    return (inner**2).sum()


def _xin_she_yang(x: Any) -> Any:
    return exp(-((x / 15) ** 10).sum()) - 2 * exp(-(x * x).sum()) * (cos(x) ** 2).prod()


def _zacharov(x: Any) -> Any:
    slope = (np.arange(1, x.size + 1) * x).sum() / 2
    return (x * x).sum() + slope**2 + slope**4


_TEN, _UNIT, _TWENTY = (-10.0, 10.0), (0.0, 1.0), (0.0, 20.0)

MANY: dict[str, Function] = {
    "BiggsExp02": Function(_biggs, _TWENTY, 0.0),
    "BiggsExp03": Function(_biggs, _TWENTY, 0.0, 3),
    "BiggsExp04": Function(_biggs, _TWENTY, 0.0, 4),
    "BiggsExp05": Function(_biggs, _TWENTY, 0.0, 5),
    "Cigar": Function(lambda x: x[0] ** 2 + 1e6 * (x[1:] ** 2).sum(), (-100, 100), 0.0, 4),
    "Colville": Function(_colville, _TEN, 0.0, 4),
    "CosineMixture": Function(
        lambda x: (x * x).sum() - 0.1 * cos(5 * pi * x).sum(), (-1, 1), -0.3, 3
    ),
    "DeVilliersGlasser01": Function(_de_villiers_glasser, (1, 100), 0.0, 4, open=False),
    "DixonPrice": Function(_dixon_price, _TEN, 0.0, 4),
    "Exponential": Function(lambda x: -exp(-(x * x).sum() / 2), (-1, 1), -1.0, 4),
    "Giunta": Function(_giunta, (-1, 1), 0.06447042053690566),
    "Griewank": Function(_griewank, (-100, 100), 0.0, 4),
    "Gulf": Function(_gulf, (0.1, 50), 0.0, 3, open=False),
    "Hartmann3": Function(lambda x: _hartmann(_HARTMANN_3, x), _UNIT, -3.8627821478, 3),
    "Hartmann6": Function(lambda x: _hartmann(_HARTMANN_6, x), _UNIT, -3.32236801141551, 6),
    "Levy03": Function(_levy, _TEN, 0.0, 4),
    "Michalewicz": Function(_michalewicz, (0, pi), -4.687658179, 5),
    "MieleCantrell": Function(_miele_cantrell, (-1, 1), 0.0, 4),
    "Perm": Function(_perm, (-3, 4), 0.0, 3),
    "PowerSum": Function(_power_sum, (0, 4), 0.0, 4),
    "Qing": Function(
        lambda x: ((x * x - np.arange(1, x.size + 1)) ** 2).sum(), (-500, 500), 0.0, 4
    ),
    "Quintic": Function(
        lambda x: absolute(x**5 - 3 * x**4 + 4 * x**3 + 2 * x**2 - 10 * x - 4).sum(),
        _TEN,
        0.0,
        3,
        smooth=False,
    ),
    "Rastrigin": Function(
        lambda x: 10 * x.size + (x * x - 10 * cos(2 * pi * x)).sum(), (-5.12, 5.12), 0.0, 3
    ),
    "Ripple25": Function(_ripple, _UNIT, -3.0, 3),
    "Rosenbrock": Function(_rosenbrock, (-30, 30), 0.0, 5),
    "Salomon": Function(
        lambda x: 1 - cos(2 * pi * sqrt((x * x).sum())) + 0.1 * sqrt((x * x).sum()),
        (-100, 100),
        0.0,
        3,
        smooth=False,
    ),
    "Sargan": Function(
        lambda x: x.size * ((x * x).sum() + 0.4 * x.size * (x[:-1] * x[1:]).sum()),
        (-100, 100),
        0.0,
    ),
    "Schwefel01": Function(lambda x: (x * x).sum() ** sqrt(pi), (-100, 100), 0.0, 3, smooth=False),
    "Schwefel02": Function(_schwefel_double, (-100, 100), 0.0, 4),
    "Schwefel04": Function(lambda x: ((x - 1) ** 2 + (x[0] - x * x) ** 2).sum(), (0, 10), 0.0, 3),
    "Schwefel20": Function(lambda x: absolute(x).sum(), (-100, 100), 0.0, 4, smooth=False),
    "Schwefel26": Function(
        lambda x: 418.9828872724338 * x.size - (x * sin(sqrt(absolute(x)))).sum(),
        (-500, 500),
        0.0,
        3,
        open=False,
    ),
    "Shekel05": Function(lambda x: _shekel(5, x), (0, 10), -10.1531996790582, 4),
    "Shekel10": Function(lambda x: _shekel(10, x), (0, 10), -10.5364098166920, 4),
    "Shubert03": Function(_shubert, _TEN, -24.062498884265544),
    "Sphere": Function(lambda x: (x * x).sum(), (-5.12, 5.12), 0.0, 6),
    "StyblinskiTang": Function(
        lambda x: (x**4 - 16 * x**2 + 5 * x).sum() / 2, (-5, 5), -117.498497111, 3
    ),
    "Trid": Function(lambda x: ((x - 1) ** 2).sum() - (x[1:] * x[:-1]).sum(), (-20, 20), -50.0, 6),
    "Trigonometric01": Function(_trigonometric_sums, (0, pi), 0.0, 3),
    "Trigonometric02": Function(_trigonometric, (-500, 500), 1.0, 3),
    "Vincent": Function(lambda x: -sin(10 * log(x)).sum(), (0.25, 10), -3.0, 3, open=False),
    "Wavy": Function(lambda x: 1 - (cos(10 * x) * exp(-x * x / 2)).mean(), (-pi, pi), 0.0, 3),
    "Wolfe": Function(
        lambda x: 4 / 3 * (x[0] ** 2 + x[1] ** 2 - x[0] * x[1]) ** 0.75 + x[2],
        (0, 2),
        0.0,
        3,
        smooth=False,
        open=False,
    ),
    "XinSheYang03": Function(_xin_she_yang, (-20, 20), -1.0, 3),
    "Zacharov": Function(_zacharov, _TEN, 0.0, 4),
}

EXTRA_STARTS = {"Beale": [0.06, 2.4]}
"""From where Beale's function once ended at 14.09, above SciPy's point."""


def runs() -> Iterator[Run]:
    """List all functions, from two starts, without bounds and within them."""
    for name, function in sorted((PAIRS | MANY).items()):
        value = _of_vector(function.value) if name in PAIRS else function.value
        box = np.array(function.box, dtype=float) * np.ones((function.p, 2))
        for number, start in enumerate(_starts(name, box), 1):
            for form in ("total", "bounds") if function.open else ("bounds",):
                yield as_run(
                    ("functions", name, f"start {number}", form),
                    value,
                    start,
                    best=function.least,
                    exact=function.smooth,
                    bounds=box if form == "bounds" else None,
                )


def _of_vector(value: Callable[..., Any]) -> Callable[[Any], Any]:
    """Take two parameters as one vector."""
    return lambda x: value(*x)


def _starts(name: str, box: Floats) -> list[Floats]:
    """Draw two starts in the box, to three digits; add those of reports."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    drawn = [np.round(rng.uniform(*box.T), 3) for _ in range(2)]
    return drawn + [np.array(start) for start in [EXTRA_STARTS.get(name)] if start]
