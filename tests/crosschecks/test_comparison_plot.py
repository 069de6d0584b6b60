"""The check's picture: marks, bands and bars lie where the numbers are, and nothing is lost."""

import re
import sys
from dataclasses import replace
from functools import cache
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from bootmle import Bootstrap, Crosscheck, Flag, Verdict, bootstrap, crosscheck, fit
from bootmle.crosschecks import comparison_plot
from bootmle.crosschecks.comparison_plot import plot_crosscheck
from models import logit, poisson

Floats = NDArray[np.float64]
MODEL = poisson(1)
NAMES = ("const", "per_$10^4$")


@cache
def boot() -> Bootstrap:
    """Overdispersed counts, with a covariate of scale 1e4."""
    rng = np.random.default_rng(0)
    x = 1e4 * rng.normal(size=300)
    y = rng.poisson(np.exp(1 + 3e-5 * x) * rng.gamma(1.0, 1.0, 300)).astype(float)
    X = np.column_stack([np.ones(300), x])
    return bootstrap(fit(MODEL.nll, [1.0, 0.0], (X, y), names=NAMES), n_resamples=499, rng=0)


@cache
def check() -> Crosscheck:
    return crosscheck(boot(), {"_mine": boot().covariance * 1e4})


def with_mine(*errors: float) -> Crosscheck:
    """The check with other standard errors for the user's source."""
    known = check().standard_errors
    return replace(check(), standard_errors={**known, "_mine": np.array(errors)})


@cache
def twelve() -> Crosscheck:
    """Twelve parameters with long names, and a source that is 100 times too small."""
    model = logit(11)
    names = [f"C(occupation, Treatment('none'))[T.level_{j}]" for j in range(12)]
    mle = fit(model.nll, model.truth, model.data(300, rng=3), names=names)
    return crosscheck(
        mle, {"a matrix for dollars where the data are in cents": 1e-4 * mle.information.covariance}
    )


def legend(panel: Axes) -> dict[str, Any]:
    """What stands for each source, by its name."""
    box = panel.get_legend()
    assert box is not None
    texts = [text.get_text().replace("\n", " ") for text in box.get_texts()]
    return dict(zip(texts, box.legend_handles, strict=True))


def marks(panel: Axes, source: str) -> tuple[Floats, Floats]:
    """A source's ratios and heights."""
    (found,) = [each for each in panel.lines if each.get_label() == source]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def rings(panel: Axes) -> set[tuple[float, float]]:
    found = [each.get_xydata() for each in panel.lines if each.get_markersize() == 10]
    return {(x, y) for each in found for x, y in np.asarray(each)}


def bands(panel: Axes) -> Floats:
    """Left end, right end and height of every band."""
    boxes = [each.get_path().get_extents(each.get_patch_transform()) for each in panel.patches]
    return np.array([[box.x0, box.x1, (box.y0 + box.y1) / 2] for box in boxes])


def notes(panel: Axes) -> dict[float, str]:
    """What stands at the edge of each row."""
    texts = [text for text in panel.texts if not text.get_text().startswith("×")]
    return {text.get_position()[1]: text.get_text().replace("\n", " ") for text in texts}


def test_a_row_for_each_parameter_and_a_mark_for_each_source() -> None:
    figure, panel = plot_crosscheck(check())
    assert isinstance(figure, Figure)
    assert figure.axes == [panel]
    assert [label.get_text() for label in panel.get_yticklabels()] == list(NAMES)
    assert list(panel.get_yticks()) == [0, 1]
    errors = check().standard_errors
    for source in errors:
        ratios, heights = marks(panel, source)
        assert_allclose(ratios, errors[source] / errors["bootstrap"])
        assert_allclose(heights, [0, 1], atol=0.45)


def test_marks_of_different_sources_do_not_share_a_height_nor_a_look() -> None:
    _, panel = plot_crosscheck(check())
    sources = list(check().standard_errors)
    heights = [marks(panel, source)[1][0] for source in sources]
    assert heights == sorted(heights)
    assert np.diff(heights).min() > 0.1
    lines = [each for each in panel.lines if each.get_label() in sources]
    assert len({each.get_marker() for each in lines}) == len(sources)
    assert len({each.get_color() for each in lines}) == len(sources)


def test_the_axis_is_logarithmic_and_holds_sources_orders_of_magnitude_off() -> None:
    errors = boot().standard_error * [1e-6, 1e3]
    figure, panel = plot_crosscheck(with_mine(*errors))
    assert panel.get_xscale() == "log"
    left, right = panel.get_xlim()
    assert_allclose(marks(panel, "_mine")[0], [1e-6, 1e3])
    assert left < 1e-6
    assert right > 1e3
    figure.draw_without_rendering()
    ratios = [text for text in panel.texts if text.get_text().startswith("×")]
    for text in ratios:
        box = text.get_window_extent()
        assert panel.bbox.x0 < box.x0 < box.x1 < panel.bbox.x1


def test_bands_are_the_tolerance_around_the_reference() -> None:
    _, panel = plot_crosscheck(check())
    reference = check().standard_errors["bootstrap"]
    found = bands(panel)
    for source in list(check().standard_errors)[1:]:
        half = check().tolerance[source] / reference
        for row, height in enumerate(marks(panel, source)[1]):
            (band,) = found[np.abs(found[:, 2] - height) < 1e-9]
            assert_allclose(band[:2], [1 - half[row], 1 + half[row]])


def test_a_band_that_reaches_below_zero_ends_with_the_axis() -> None:
    wide = {**check().tolerance, "hessian": 3 * boot().standard_error}
    _, panel = plot_crosscheck(replace(check(), tolerance=wide))
    heights = marks(panel, "hessian")[1]
    found = bands(panel)
    for height in heights:
        (band,) = found[np.abs(found[:, 2] - height) < 1e-9]
        assert_allclose(band[:2], [panel.get_xlim()[0], 4.0])


@pytest.mark.parametrize("derived", [False, True])
def test_the_bootstraps_bars_are_two_monte_carlo_errors_to_each_side(derived: bool) -> None:
    reference = boot().derive(lambda params: 1000 * np.exp(params), NAMES) if derived else boot()
    _, panel = plot_crosscheck(crosscheck(reference))
    (bars,) = panel.collections
    assert isinstance(bars, LineCollection)
    half = 2 * reference.standard_error_mcse / reference.standard_error
    for (start, end), relative in zip(bars.get_segments(), half, strict=True):
        assert_allclose([start[0], end[0]], [1 - relative, 1 + relative], rtol=1e-9)


def test_marks_outside_their_bands_are_ringed_and_their_ratios_written() -> None:
    _, panel = plot_crosscheck(check())
    errors, tolerance = check().standard_errors, check().tolerance
    expected = {
        (marks(panel, source)[0][row], marks(panel, source)[1][row])
        for source in errors
        for row in range(2)
        if abs(errors[source][row] - errors["bootstrap"][row]) > tolerance[source][row]
    }
    assert rings(panel) == expected
    assert 2 < len(expected) < 2 * len(errors)
    shown = sorted(float(text.get_text()[1:]) for text in panel.texts)
    # Two digits are right within 5%.
    assert_allclose(shown, sorted(ratio for ratio, _ in expected), rtol=0.05)


@pytest.mark.parametrize(
    ("error", "why"), [(np.nan, "withheld"), (np.inf, "infinite"), (0.0, "zero")]
)
def test_what_has_no_place_on_the_axis_is_listed_at_its_edge(error: float, why: str) -> None:
    figure, panel = plot_crosscheck(with_mine(boot().standard_error[0], error))
    assert notes(panel) == {1: f"{why}: _mine"}
    hollow = [each for each in panel.lines if each.get_fillstyle() == "none"]
    (edge,) = [each for each in hollow if each.get_markersize() < 10]
    assert np.asarray(edge.get_xdata()) == [1]
    assert np.asarray(edge.get_ydata()) == marks(panel, "_mine")[1][[1]]
    assert edge.get_transform() == panel.get_yaxis_transform()
    figure.draw_without_rendering()
    assert panel.texts[-1].get_window_extent().x1 < figure.bbox.x1


def test_without_a_reference_all_sources_are_listed() -> None:
    nothing = np.array([np.nan, 2.0])
    sources = {name: nothing.copy() for name in check().standard_errors} | {"_mine": np.ones(2)}
    _, panel = plot_crosscheck(replace(check(), standard_errors=sources))
    assert list(notes(panel)) == [0]
    withheld, mine = re.split(" no reference for: ", notes(panel)[0])
    assert withheld == f"withheld: {', '.join(list(sources)[:-1])}"
    assert mine == "_mine"


def test_held_parameters_have_no_row() -> None:
    X, y = poisson(2).data(200, rng=0)
    mle = fit(poisson(2).nll, poisson(2).truth, (X, y), names=["a", "b", "c"], fixed={"b": 0.1})
    checked = crosscheck(mle)
    _, panel = plot_crosscheck(checked)
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a", "c"]
    errors = {name: own[[0, 2]] for name, own in checked.standard_errors.items()}
    assert_allclose(marks(panel, "hessian")[0], errors["hessian"] / errors["sandwich"])


def test_one_source_alone_has_its_row() -> None:
    y = np.random.default_rng(0).poisson(3.0, 300)
    total = fit(lambda p, y: float((np.exp(p[0]) - y * p[0]).sum()), [0.0], y)
    _, panel = plot_crosscheck(crosscheck(total))
    assert_allclose(marks(panel, "hessian")[0], [1.0])
    assert list(legend(panel)) == ["hessian: the reference"]


def test_the_legend_gives_each_sources_verdict_in_the_order_of_the_marks() -> None:
    _, panel = plot_crosscheck(check())
    expected = []
    for source, verdict in check().verdicts.items():
        words = "the reference" if source == "bootstrap" else "agrees"
        expected.append(f"{source}: {words if verdict.flag is None else verdict.flag.value}")
    assert list(legend(panel)) == [*expected, "within 2 standard errors of the bootstrap"]
    assert any(verdict.agrees for verdict in list(check().verdicts.values())[1:])
    assert not check().verdicts["_mine"].agrees


def test_rings_of_a_source_that_agrees_are_put_down_to_chance() -> None:
    agreed = {**check().verdicts, "hessian": check().verdicts["sandwich"]}
    assert agreed["hessian"].agrees
    _, panel = plot_crosscheck(replace(check(), verdicts=agreed))
    assert "hessian: agrees; the circled ones are within chance" in legend(panel)
    assert "sandwich: agrees" in legend(panel)


def test_signs_of_mathematics_are_taken_literally() -> None:
    _, panel = plot_crosscheck(with_mine(np.nan, 1.0))
    assert not any(label.get_parse_math() for label in panel.get_yticklabels())
    box = panel.get_legend()
    assert box is not None
    assert not any(text.get_parse_math() for text in box.get_texts())


def test_own_axes_are_drawn_on_and_pyplot_is_left_alone() -> None:
    figure = Figure()
    own = figure.subplots()
    assert plot_crosscheck(check(), own) == (figure, own)
    assert own.lines
    assert pyplot.get_fignums() == []


def test_another_number_of_axes_is_refused() -> None:
    two: Any = Figure().subplots(2)
    with pytest.raises(ValueError, match="ax: 2 Axes, where one is needed"):
        plot_crosscheck(check(), two)
    wrong: Any = {"ax": 1}
    with pytest.raises(TypeError, match=re.escape("ax: {'ax': 1}; pass Axes")):
        plot_crosscheck(check(), wrong)


def test_without_matplotlib_the_plot_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape('pip install "bootmle[plot]"')):
        plot_crosscheck(check())


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_the_reference_has_the_themes_colour(style: str) -> None:
    with pyplot.style.context(style):
        _, panel = plot_crosscheck(check())
        text = matplotlib.rcParams["text.color"]
    (reference,) = [each for each in panel.lines if each.get_label() == "bootstrap"]
    assert same_color(reference.get_color(), text)


def test_twelve_rows_with_long_names_do_not_collide() -> None:
    figure, panel = plot_crosscheck(twelve())
    figure.draw_without_rendering()
    names = [label.get_window_extent() for label in panel.get_yticklabels()]
    ratios = [text.get_window_extent() for text in panel.texts]
    assert len(names) == 12
    assert len(ratios) >= 12
    for boxes in (names, ratios):
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    box = panel.get_legend()
    assert box is not None
    for each in [*names, *ratios, box.get_window_extent()]:
        assert figure.bbox.x0 <= each.x0 <= each.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= each.y0 <= each.y1 <= figure.bbox.y1
    assert min(each.x0 for each in ratios) > panel.bbox.x0


@pytest.mark.parametrize("size", [1.05, 2.2, 3.2, 20.0, 1e4, 1e-9])
def test_there_are_some_ticks_and_1_among_them(size: float) -> None:
    equal = dict.fromkeys(check().standard_errors, boot().standard_error)
    mine = {**equal, "_mine": size * boot().standard_error}
    figure, panel = plot_crosscheck(replace(check(), standard_errors=mine))
    figure.draw_without_rendering()
    left, right = panel.get_xlim()
    ticks = [tick for tick in panel.xaxis.get_major_ticks() if left <= tick.get_loc() <= right]
    assert 3 <= len(ticks) <= 10
    assert any(tick.get_loc() == pytest.approx(1.0) for tick in ticks)
    labels = [tick.label1.get_window_extent() for tick in ticks]
    assert not any(one.overlaps(other) for one, other in combinations(labels, 2))


@pytest.mark.parametrize(
    ("agrees", "reason", "label"),
    [
        (
            True,
            "to 6 digits it equals the sandwich: agrees with the bootstrap",
            "the sandwich; agrees",
        ),
        (False, "to 6 digits it equals half the inverse Hessian: its", "half the inverse Hessian"),
        (True, "close to the inverse Hessian here, which", "close to the inverse Hessian; agrees"),
        (False, "1.3 times the bootstrap's for b", "a skewed sampling distribution"),
    ],
)
def test_the_legend_says_what_a_given_matrix_is(agrees: bool, reason: str, label: str) -> None:
    flag = None if agrees else Flag.SKEWED
    check = SimpleNamespace(verdicts={"bootstrap": None, "mine": Verdict(agrees, reason, flag)})
    series: Any = SimpleNamespace(name="mine", outside=np.empty(0))
    words: Any = comparison_plot._in_few_words
    assert words(check, series) == label
