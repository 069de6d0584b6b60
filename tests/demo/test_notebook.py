"""The notebook of the demo: it runs as it stands, quietly, and what it says is what it shows."""

import os
import re
from importlib.resources import files
from typing import Any

import pytest

import bootmle.demo

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

PATH = "which_standard_error.ipynb"
PARAMETERS = re.compile(r"N_RESAMPLES = (\d+)")
NUMBER = r"(-?\d+\.\d+)"


def read() -> Any:
    return nbformat.reads((files(bootmle.demo) / PATH).read_text(encoding="utf-8"), as_version=4)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell_of(notebook: Any, name: str) -> Any:
    return next(cell for cell in notebook.cells if cell.id == name)


def shown(notebook: Any, name: str) -> str:
    """What a cell shows: the text of its streams, and its results as HTML, without the tags.

    Progress is left out, which a loaded machine shows and another does not.
    """
    parts = [
        output.text if output.output_type == "stream" else output.data["text/html"]
        for output in cell_of(notebook, name).outputs
        if not is_progress(output)
    ]
    return re.sub(r"<[^>]+>", "", "\n".join(parts))


def is_progress(output: Any) -> bool:
    return output.output_type == "stream" and output.name == "stderr"


def kinds(cell: Any) -> list[Any]:
    """The kind of each of a cell's outputs, but for progress."""
    return [
        output.name if output.output_type == "stream" else sorted(output.get("data", {"error": 0}))
        for output in cell.outputs
        if not is_progress(output)
    ]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook executed with 59 resamples, by a kernel that nobody has configured."""
    notebook = read()
    parameters = cell_of(notebook, "parameters")
    parameters.source = PARAMETERS.sub("N_RESAMPLES = 59", parameters.source)
    home = tmp_path_factory.mktemp("kernel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "IPYTHONDIR", str(home))
        patch.setitem(os.environ, "JUPYTER_RUNTIME_DIR", str(home))
        patch.setitem(os.environ, "JUPYTER_CONFIG_DIR", str(home))
        client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3")
        client.resources = {"metadata": {"path": str(home)}}
        client.execute()
    return notebook


def test_it_is_a_valid_notebook_that_comes_with_the_package() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert PARAMETERS.search(cell_of(notebook, "parameters").source)


def test_outputs_are_kept_of_cells_run_in_their_order() -> None:
    notebook = read()
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, 14))
    silent = [cell.id for cell in code(notebook) if not cell.outputs]
    assert silent == ["parameters"]


def test_kept_pictures_are_small() -> None:
    pictures = [
        output.data["image/png"]
        for cell in code(read())
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
    assert sum(map(len, pictures)) < 300_000


def test_every_cell_runs_and_shows_what_is_kept_and_nothing_besides(fresh: Any) -> None:
    kept = {cell.id: kinds(cell) for cell in code(read())}
    assert {cell.id: kinds(cell) for cell in code(fresh)} == kept
    allowed = {"stdout", "text/html text/plain", "image/png text/plain"}
    found = {
        kind if isinstance(kind, str) else " ".join(kind) for each in kept.values() for kind in each
    }
    assert found <= allowed


def test_the_kept_fit_is_the_fresh_one(fresh: Any) -> None:
    kept, again = (shown(notebook, "fit").partition("nll")[0] for notebook in (read(), fresh))
    assert all(name in kept for name in bootmle.demo.NAMES)
    assert kept == again


@pytest.mark.parametrize("which", ["kept", "fresh"])
def test_what_the_text_says_is_what_the_cells_show(which: str, fresh: Any) -> None:
    notebook = read() if which == "kept" else fresh
    assert "precision loss" in shown(notebook, "minimize")
    assert "h = 1e-04: 0 of 11" in shown(notebook, "second")
    assert re.search(r"h = 1e-08: [1-9]\d* of 11", shown(notebook, "second"))
    assert "certified optimum" in shown(notebook, "fit")
    check = shown(notebook, "check")
    assert re.search(r"BFGS: .* times the bootstrap.*: a quasi-Newton approximation", check)
    assert which == "fresh" or "to 14 times the bootstrap" in check
    assert re.search(r"h = 1e-04: (to \d digits it )?equals the inverse Hessian", check)
    assert re.search(r"h = 1e-08: .*rounding error in an nll of 43384 swamps", check)
    assert "sandwich: agrees with the bootstrap" in check
    assert "scores of neighboring rows are correlated" in check
    assert "3,101 of 3 rows" in shown(notebook, "persons")
    assert "1,238 of 5 rows" in shown(notebook, "persons")
    again = shown(notebook, "recheck")
    assert "cluster: agrees with the bootstrap" in again
    assert again.count("it treats rows within a cluster as independent") >= 3
    rows, persons = re.findall(rf"{NUMBER} to {NUMBER}", shown(notebook, "intervals"))
    assert float(rows[0]) > 0
    assert float(persons[0]) < 0 < float(persons[1])
