"""The printed check: a table to read, sentences that fit the screen, and its other forms."""

import pickle
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bootmle import Bootstrap, Crosscheck, Flag, bootstrap, crosscheck, fit
from models import poisson

MODEL = poisson(1)
NAMES = ("const", "a_much_longer_name_of_a_slope")


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
    return crosscheck(boot(), {"mine": np.diag([1e-3, 1e-10])})


def table(shown: Any) -> list[str]:
    """The lines of the table, its blocks side by side where the width took several."""
    blocks = [part.splitlines() for part in str(shown).split("\n\n") if part.startswith("SE of")]
    width = max(len(name) for name in ["SE of", *NAMES])
    first = [line.ljust(max(map(len, blocks[0]))) for line in blocks[0]]
    rest = ["".join(block[k][width:] for block in blocks[1:]) for k in range(len(first))]
    return [(line + more).rstrip() for line, more in zip(first, rest, strict=True)]


def test_a_row_for_each_parameter_and_a_column_for_each_source() -> None:
    lines = table(check())
    assert lines[0].split() == [
        "SE",
        "of",
        "bootstrap",
        "±",
        "s",
        *list(check().standard_errors)[1:],
    ]
    assert [line.split()[0] for line in lines[1:]] == list(NAMES)


def test_columns_are_aligned() -> None:
    lines = table(check())
    for source in check().standard_errors:
        end = lines[0].index(source) + len(source)
        for line in lines[1:]:
            # Numbers end where the source's name ends, and a gap follows.
            assert line[end - 1].isdigit()
            assert line[end : end + 2].strip() == ""


def test_numbers_are_those_of_the_sources_to_the_references_digits() -> None:
    for j, line in enumerate(table(check())[1:]):
        cells = [cell for cell in line.split()[1:] if not cell.startswith("×")]
        errors = check().standard_errors
        expected = [errors["bootstrap"][j], check().sampling_error[j]]
        expected += [errors[source][j] for source in list(errors)[1:]]
        place = 10.0 ** (np.floor(np.log10(expected[0])) - 2)
        assert np.abs(np.array(cells, dtype=float) - expected).max() <= 0.5001 * place


def test_ratios_are_shown_where_the_rule_is_broken_and_nowhere_else() -> None:
    errors, tolerance = check().standard_errors, check().tolerance
    for j, line in enumerate(table(check())[1:]):
        shown = re.findall(r"×([\d.]+)", line)
        ratios = [
            f"{errors[source][j] / errors['bootstrap'][j]:.2f}"
            for source in errors
            if abs(errors[source][j] - errors["bootstrap"][j]) > tolerance[source][j]
        ]
        assert shown == ratios
    assert "×" in str(check())


def test_a_check_without_disagreement_shows_no_ratio() -> None:
    X, y = MODEL.data(300, rng=1)
    agreed = crosscheck(fit(MODEL.nll, MODEL.truth, (X, y)))
    apart = [
        np.any(np.abs(errors - agreed.standard_errors["sandwich"]) > agreed.tolerance[source])
        for source, errors in agreed.standard_errors.items()
    ]
    assert not any(apart)
    assert "×" not in str(agreed)


def test_every_source_has_its_sentence_and_every_diagnosis() -> None:
    flat = " ".join(str(check()).split())
    for source, verdict in check().verdicts.items():
        assert f"{source}: {' '.join(verdict.reason.split())}" in flat
    for diagnosis in check().diagnoses:
        assert f"! {diagnosis}" in flat
    assert check().diagnoses


def test_sentences_fit_the_width() -> None:
    sentences = str(crosscheck(boot(), {"mine": np.eye(2)}, profile=True)).split("\n\n")[1:]
    assert max(len(line) for part in sentences for line in part.splitlines()) <= 100


def test_no_line_ends_in_blanks() -> None:
    assert all(line == line.rstrip() for line in str(check()).splitlines())


def test_missing_errors_are_shown_as_such() -> None:
    shown = crosscheck(boot(), {"mine": np.diag([-1.0, 1e-10])})
    assert table(shown)[1].split()[-1] == "nan"
    assert "×nan" not in str(shown)


def test_flags_are_a_frozen_set_of_every_flag_given() -> None:
    flags = check().flags
    assert isinstance(flags, frozenset)
    assert all(isinstance(flag, Flag) for flag in flags)
    given = {verdict.flag for verdict in check().verdicts.values()} - {None}
    assert flags == given | {diagnosis.flag for diagnosis in check().diagnoses}
    assert Flag.MISSPECIFIED in flags


def test_agreement_has_no_flag_and_disagreement_a_reason() -> None:
    for verdict in check().verdicts.values():
        assert verdict.reason == str(verdict)
        if verdict.agrees:
            assert verdict.flag is None


def test_a_frame_has_the_numbers_of_the_table() -> None:
    pytest.importorskip("pandas")
    frame = check().to_frame()
    assert list(frame.index) == list(NAMES)
    assert list(frame.columns) == ["estimate", *check().standard_errors, "sampling_error"]
    assert_array_equal(frame["estimate"], check().estimate)
    assert_array_equal(frame["sampling_error"], check().sampling_error)
    for source, errors in check().standard_errors.items():
        assert_array_equal(frame[source], errors)


def test_a_check_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(check()))
    assert isinstance(again, Crosscheck)
    assert str(again) == str(check())
    assert again.flags == check().flags
    assert_array_equal(again.hessian.matrix, check().hessian.matrix)


def test_a_check_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        check().names = ("a", "b")  # type: ignore[misc]
