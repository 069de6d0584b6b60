"""Results in notebooks: the cells and lines of print, whole, escaped, and without a colour."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from bootmle import (
    Bootstrap,
    Coverage,
    Crosscheck,
    Fit,
    Status,
    Verdict,
    bootstrap,
    crosscheck,
    fit,
)
from bootmle.display import html
from bootmle.display.html import Flagged
from bootmle.display.text import align
from bootmle.simulation.simulated_fits import SimulatedFits
from models import poisson

MODEL = poisson(1)
NAMES = ("const", '<b>dose</b> & "age"')


class Reader(HTMLParser):
    """Reads tables, lines and what stands out; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.lines: list[str] = []
        self.bold: list[str] = []
        self.titles: dict[str, str] = {}
        self.title = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        found = [(key, value or "") for key, value in attrs]
        self.attributes += found
        self.title = dict(found).get("title", "") if tag == "td" else self.title
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
        elif tag == "li":
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        elif "li" in self.open:
            self.lines[-1] += data
        else:
            assert not data.strip()
        if "b" in self.open:
            self.bold.append(data)
            self.titles[data] = self.title


@cache
def mle() -> Fit:
    """Overdispersed counts, with a covariate of scale 1e4."""
    rng = np.random.default_rng(0)
    x = 1e4 * rng.normal(size=300)
    y = rng.poisson(np.exp(1 + 3e-5 * x) * rng.gamma(1.0, 1.0, 300)).astype(float)
    X = np.column_stack([np.ones(300), x])
    return fit(MODEL.nll, [1.0, 0.0], (X, y), names=NAMES)


@cache
def boot() -> Bootstrap:
    return bootstrap(mle(), n_resamples=499, rng=0)


@cache
def check() -> Crosscheck:
    given = {"<i>mine</i>": np.diag([-1.0, 1e-10])}
    return crosscheck(boot(), given, profile=True)


@cache
def flat() -> Fit:
    """Only the sum of a and b is identified."""
    y = np.random.default_rng(0).normal(size=50)

    def nll(params: Any, y: Any) -> Any:
        a, b, log_sigma = params
        return log_sigma + 0.5 * ((y - a - b) / np.exp(log_sigma)) ** 2

    return fit(nll, {"a": 1.0, "b": 0.0, "log_sigma": 0.1}, args=y)


@cache
def flat_boot() -> Bootstrap:
    return bootstrap(flat(), n_resamples=199, rng=0)


@cache
def study() -> Coverage:
    """Of 100 intervals of each quantity, 95 and 80 hold the truth, which is 0."""
    estimates = np.random.default_rng(0).normal(size=(100, 2)) * [1.0, 1e4]
    misses = np.arange(100)[:, None] < [5, 20]
    low = np.where(misses, 1.0, -1.0)[:, None, :]
    none = np.zeros(100, dtype="U1")
    data = SimulatedFits(
        estimates,
        np.full(100, Status.CERTIFIED, dtype=np.int8),
        np.abs(estimates)[:, None, :],
        low,
        low + 2,
        np.full((100, 2), np.nan),
        np.zeros(100, dtype=np.int64),
        *(none, none),
    )
    about: dict[str, Any] = {"n_resamples": 99, "sampling": "Cases()", "seed": 0, "seconds": 1.0}
    return Coverage(NAMES, np.zeros(2), data, ("hessian",), ("percentile",), 0.95, **about)


RESULTS: dict[str, Callable[[], Any]] = {
    "coverage": study,
    "fit": mle,
    "bootstrap": boot,
    "crosscheck": check,
    "flat fit": flat,
    "flat bootstrap": flat_boot,
    "flat crosscheck": lambda: crosscheck(flat_boot()),
}


def test_cells_and_lines_come_back_as_they_were_given() -> None:
    header = ["<th>", "a & b", ""]
    rows = [["<b>", "1 < 2", ""], ['"q"', Flagged("nan", 'a "reason" <i>'), "’"]]
    found = Reader(html.table(header, rows))
    assert found.tables == [[header, *rows]]
    assert found.titles == {"nan": 'a "reason" <i>'}
    listed = ["<p>: x", "  an indented one", "! an alarm & more"]
    found = Reader(html.lines(listed, ["<p>:"]))
    assert found.lines == listed
    assert found.bold == ["<p>:", "!"]


@pytest.mark.parametrize("title", ["95%", "a title that is wider than its columns"])
def test_a_title_stands_above_the_columns_it_is_of(title: str) -> None:
    header, rows = ["", "SE", "low", "high"], [["mu", "1.0", "0.5", "1.5"]]
    lines = align(header, rows, (title, 2)).splitlines()
    assert {len(line) for line in lines} == {len(lines[1])}
    assert lines[0].strip() == title
    assert lines[1].split() == header[1:]
    assert lines[0].index(title) >= lines[1].index("SE") + len("SE") + 2
    shown = html.table(header, rows, (title, 2))
    assert re.findall(r'colspan="(\d)"', shown) == ["2", "2"]
    assert Reader(shown).tables == [[["", title], header, *rows]]


def test_a_flagged_cell_prints_as_its_text() -> None:
    flagged = [["mu", Flagged("nan", "a long reason")]]
    assert align(["", "SE"], flagged) == align(["", "SE"], [["mu", "nan"]])


def test_numbers_are_to_the_right_in_figures_of_one_width_and_names_to_the_left() -> None:
    shown = html.table(["", "SE"], [["mu", "1.0"]])
    sides = re.findall(r"<t[hd] [^>]*text-align:(\w+)", shown)
    assert sides == ["left", "right", "left", "right"]
    assert "font-variant-numeric:tabular-nums" in shown


@pytest.mark.parametrize("which", RESULTS)
def test_a_notebook_shows_what_print_shows(which: str) -> None:
    result = RESULTS[which]()
    found = Reader(result._repr_html_())
    cells = [cell for table in found.tables for row in table for cell in row]
    # Without blanks, since print pads cells and wraps lines.
    lines = found.lines
    if "fit" in which:
        cells, lines = [lines[0], *cells], lines[1:]
    assert "".join("".join([*cells, *lines]).split()) == "".join(str(result).split())


@pytest.mark.parametrize("which", ["fit", "bootstrap", "crosscheck", "coverage"])
def test_the_prompt_shows_what_print_shows(which: str) -> None:
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    result = RESULTS[which]()
    assert pretty(result) == str(result)
    assert len(repr(result)) < 1000


@pytest.mark.parametrize("which", RESULTS)
def test_there_is_nothing_in_it_but_text_in_the_pages_own_colours(which: str) -> None:
    found = Reader(RESULTS[which]()._repr_html_())
    assert found.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "b"}
    assert {key for key, _ in found.attributes} <= {"style", "scope", "title", "colspan"}
    styles = " ".join(value for key, value in found.attributes if key == "style")
    assert not re.search(r"color|background|#|rgb|url|font-family|font-size", styles)


@pytest.mark.parametrize("which", ["fit", "bootstrap", "crosscheck", "coverage"])
def test_names_are_escaped(which: str) -> None:
    shown = RESULTS[which]()._repr_html_()
    assert NAMES[1] not in shown
    assert "&lt;b&gt;dose&lt;/b&gt; &amp; &quot;age&quot;" in shown


def test_what_disagrees_is_bold_and_says_why() -> None:
    found = Reader(check()._repr_html_())
    ratios = [text for text in found.bold if text.startswith("×")]
    printed = re.findall(r"×[\d.]+(?=\s*$|\s\s)", str(check()).split("95% interval")[0], re.M)
    assert sorted(ratios) == sorted(printed)
    assert len(ratios) >= 4
    reasons = {verdict.reason for verdict in check().verdicts.values() if not verdict.agrees}
    assert {found.titles[ratio] for ratio in ratios} <= reasons
    assert found.titles["nan"] == check().verdicts["<i>mine</i>"].reason
    sources = {text for text in found.bold if text.endswith(":")}
    assert sources == {f"{name}:" for name, each in check().verdicts.items() if not each.agrees}
    assert "sandwich:" not in sources


def test_a_ratio_that_chance_explains_is_not_bold() -> None:
    by_chance = replace(check(), verdicts={**check().verdicts, "opg": Verdict(True, "agrees")})
    ratios = [
        [text for text in Reader(one._repr_html_()).bold if text.startswith("×")]
        for one in (check(), by_chance)
    ]
    assert len(ratios[1]) == len(ratios[0]) - 2
    assert "opg:" not in Reader(by_chance._repr_html_()).bold


def test_agreement_is_not_bold() -> None:
    X, y = MODEL.data(300, rng=1)
    agreed = crosscheck(fit(MODEL.nll, MODEL.truth, (X, y)))
    assert all(verdict.agrees for verdict in agreed.verdicts.values())
    assert set(Reader(agreed._repr_html_()).bold) <= {"!"}


def test_a_withheld_error_says_why() -> None:
    assert Reader(flat()._repr_html_()).titles["nan"] == "the Hessian: singular"
    assert Reader(flat_boot()._repr_html_()).titles["nan"] == "not identified by the data"
    assert "Hessian:" in Reader(flat()._repr_html_()).bold


def test_ends_that_are_off_centre_and_errors_of_heavy_tails_say_so(
    boot_of: Callable[..., Bootstrap],
) -> None:
    rng = np.random.default_rng(0)
    estimates = np.column_stack(
        [rng.normal(size=999), rng.exponential(size=999), rng.normal(size=999)]
    )
    estimates[0, 2] = 1e3
    found = Reader(
        boot_of([0.0, 1.0, 0.0], estimates, names=["good", "skewed", "heavy"])._repr_html_()
    )
    rows = {row[0]: row[1:] for row in found.tables[0]}
    assert not set(rows["good"]) & set(found.bold)
    assert {rows["skewed"][-2], rows["skewed"][-1]} <= set(found.bold)
    assert "off center or skewed" in found.titles[rows["skewed"][-1]]
    assert "heavy tails" in found.titles[rows["heavy"][1]]
    assert rows["skewed"][1] not in found.bold


def test_alarms_have_a_bold_mark_and_plain_text() -> None:
    assert boot().alarms
    found = Reader(boot()._repr_html_())
    assert found.bold.count("!") == len(boot().alarms)
    assert not {f" {alarm}" for alarm in boot().alarms} & set(found.bold)


def test_a_coverage_that_is_off_is_bold() -> None:
    found = Reader(study()._repr_html_())
    assert found.bold == ["80.0"]
    assert found.titles == {"80.0": "less than 95%"}
