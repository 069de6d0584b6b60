"""Labels: their numbers, their rows, and the columns of the data that hold them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from bootmle.sampling.labels import members_of, read_codes, resolve_labels

FIRMS = np.array(["z", "z", "b", "a", "b"])


class Table(NamedTuple):
    y: Any
    groups: Any


def test_labels_are_numbered_as_they_first_appear() -> None:
    assert_array_equal(read_codes("strata", FIRMS), [0, 0, 1, 2, 1])
    assert_array_equal(read_codes("strata", [2.5, -1.0, 2.5]), [0, 1, 0])


def test_numbers_and_labels_stand_for_each_other() -> None:
    labels = np.random.default_rng(0).integers(-7, 7, 200)
    codes = read_codes("strata", labels)
    _, expected = np.unique(codes, return_index=True)
    assert_array_equal(np.sort(expected), expected)
    assert_array_equal(codes[:, None] == codes, labels[:, None] == labels)


def test_members_are_the_rows_of_each_number_in_order() -> None:
    codes = read_codes("strata", np.random.default_rng(1).integers(9, size=100))
    members = members_of(codes)
    assert len(members) == codes.max() + 1
    for number, rows in enumerate(members):
        assert_array_equal(rows, np.flatnonzero(codes == number))


MASKED = np.ma.masked_equal([1, 2, 1], 2)


@pytest.mark.parametrize(
    "missing",
    [
        [1.0, np.nan],
        ["a", None],
        ["a", np.nan],
        np.array(["NaT"], "M8[D]"),
        MASKED,
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, None], dtype="Int64"),
    ],
)
def test_missing_labels_are_refused_under_the_name_of_their_argument(missing: Any) -> None:
    with pytest.raises(ValueError, match=r"groups: labels are missing \(NaN or None\)"):
        read_codes("groups", missing)


@pytest.mark.parametrize("text", ["nan", "<NA>", " "])
def test_labels_that_were_missing_before_they_became_text_are_refused(text: str) -> None:
    for labels in (["a", text], np.array([text, "a"]), np.array(["a", text], dtype=object)):
        with pytest.raises(ValueError, match=rf"groups: labels are missing \(as text: '{text}'\)"):
            read_codes("groups", labels)


def test_a_label_that_may_be_a_word_is_taken_with_a_warning() -> None:
    for labels in (["Some", "None", "None"], np.array(["Some", "None", "None"])):
        with pytest.warns(UserWarning, match="strata: the 2 rows of 'None' are taken as one group"):
            assert_array_equal(read_codes("strata", labels), [0, 1, 1])
        assert_array_equal(read_codes("strata", labels, again=True), [0, 1, 1])
    assert_array_equal(read_codes("strata", ["NA", "EU", "NA"]), [0, 1, 0])  # North America


@pytest.mark.parametrize("labels", [np.array([1, "a", 1], dtype=object), [1, "1", 1]])
def test_labels_of_types_without_an_order_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="groups: labels are int and str, which have no common"):
        read_codes("groups", labels)


def test_labels_that_are_only_partly_ordered_are_told_apart() -> None:
    numbers = np.random.default_rng(0).integers(8, size=60)
    sets = np.array([frozenset(np.flatnonzero([k & 4, k & 2, k & 1])) for k in numbers] + [None])
    assert_array_equal(read_codes("groups", sets[:-1]), read_codes("groups", numbers))


@pytest.mark.parametrize(("labels", "shown"), [(np.ones((2, 2)), r"\(2, 2\)"), ([], r"\(0,\)")])
def test_labels_of_another_shape_are_refused(labels: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"groups: shape {shown}; pass one label"):
        read_codes("groups", labels)


def test_labels_that_are_no_name_are_taken_as_they_are() -> None:
    assert resolve_labels("strata", FIRMS, ({"firm": np.arange(5)},)) is FIRMS
    assert resolve_labels("strata", None, ()) is None


PLACES: dict[str, Any] = {
    "dict": ({"firm": FIRMS, "y": np.arange(5)},),
    "after an array": (np.arange(5), {"firm": FIRMS}),
    "dict in a dict": ({"y": np.arange(5), "about": {"firm": FIRMS}},),
    "dict in a tuple": (np.arange(5), (np.arange(5), {"firm": FIRMS})),
    "dict in a named tuple": (Table(np.arange(5), {"firm": FIRMS}),),
    "structured array": (
        np.array([(firm, 0.0) for firm in FIRMS], [("firm", "U1"), ("y", float)]),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_column_is_found_wherever_it_is(place: str) -> None:
    assert_array_equal(resolve_labels("strata", "firm", PLACES[place]), FIRMS)


@pytest.mark.parametrize("nested", [False, True])
def test_a_column_of_a_data_frame_is_found(nested: bool) -> None:
    frame = pytest.importorskip("pandas").DataFrame({"firm": FIRMS}, index=list("vwxyz"))
    args = (np.arange(5), {"frame": frame}) if nested else (np.arange(5), frame)
    codes = read_codes("strata", resolve_labels("strata", "firm", args))
    assert_array_equal(codes, [0, 0, 1, 2, 1])


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    args = ({"y": np.arange(5), "about": {"firm": FIRMS}}, {"x": np.arange(5)})
    with pytest.raises(ValueError, match=r"strata: .* column 'town'; .*'about', 'firm', 'x', 'y'"):
        resolve_labels("strata", "town", args)


def test_a_column_of_data_without_names_is_refused() -> None:
    with pytest.raises(ValueError, match=r"strata: .* column 'town'; pass an array of labels"):
        resolve_labels("strata", "town", (np.arange(5), FIRMS))


def test_a_level_of_the_index_is_looked_up_by_its_name() -> None:
    index = pd.MultiIndex.from_arrays([FIRMS, range(5)], names=["firm", "year"])
    frame = pd.DataFrame({"y": np.arange(5.0)}, index=index)
    for args in ((frame,), (frame["y"], frame["y"])):
        assert_array_equal(resolve_labels("clusters", "firm", args), FIRMS)
    with pytest.raises(ValueError, match=r"the columns are \['firm', 'y', 'year'\]"):
        resolve_labels("clusters", "country", (frame,))
