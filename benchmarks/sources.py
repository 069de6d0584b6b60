"""Whose standard errors does a package print, and does `crosscheck` know?

    python benchmarks/sources.py --cache DIR --csv benchmarks/results --readme

Each package runs on data of a correct model (`software_problems.py`), in a virtual environment of
its own below DIR, made with pip where it is not there yet; one that cannot be installed is skipped
by name, and so are R's where `Rscript` or its package is missing. Its numbers are passed to
`crosscheck` with a fit of the same likelihood; the formula is known (`software_rows.py`) and
computed without bootmle (`software_truths.py`). Then it runs on degenerate data, and in other
units.

What packages print is kept in DIR/printed: remove that to run them anew.

`named`: crosscheck gives the formula. `truth`: largest relative difference of the printed errors
from that formula's. `result`: what `covariances=` makes of the package's own result.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bootmle import crosscheck, fit
from software_problems import PROBLEMS, Data, Problem
from software_rows import Row, read_rows
from software_truths import columns
from tables import Row as Line
from tables import report

HERE = Path(__file__).parent
SOFTWARE = HERE / "software"
LIMIT = 180
"""Seconds that a package may take on one data set."""
SAME = 0.01
"""Relative difference of standard errors that counts as the same."""
LATER = ("tastes",)
"""Problems that were added later, in order: the seeds of the others stay."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
BEGIN, END = "<!-- made by benchmarks/sources.py -->", "<!-- end -->"
Printed = dict[str, Any]


def main() -> None:
    """Run the packages, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True, help="where environments are kept")
    parser.add_argument("--only", default="", help="names of packages, separated by commas")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--readme", action="store_true", help="write the README's table")
    options = parser.parse_args()
    chosen = [
        row for row in read_rows() if not options.only or row.package in options.only.split(",")
    ]
    lines = []
    for row in chosen:
        missing = _prepare(row, options.cache)
        if missing:
            print(f"skipped: {row.package} {row.version} {row.call}: {missing}", flush=True)
            continue
        lines.append(_line(row, options.cache))
        print(f"{row.package} {row.call}: {lines[-1]['crosscheck']}", flush=True)
    report("sources", lines, options.csv)
    if options.readme and not options.only:
        _write_readme(lines)


def _prepare(row: Row, folder: Path) -> str:
    """Install a package where it is not; return why it cannot run, else nothing."""
    if row.module == "rows":
        found = _r_version(row.package.removeprefix("R "))
        return "" if found == row.version else f"Rscript with {row.version} is not there ({found})"
    python = _python(row, folder)
    if _installed(python, row.package) == row.version:
        return ""
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
    pins = [f"{row.package}=={row.version}", *row.needs]
    done = subprocess.run([python, "-m", "pip", "install", "-q", *pins], capture_output=True)
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return "" if done.returncode == 0 else f"not installed: {' '.join(last)}"


def _python(row: Row, folder: Path) -> Path:
    return folder.absolute() / row.package / "bin" / "python"


def _installed(python: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    if not python.exists():
        return ""
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


@cache
def _r_version(package: str) -> str:
    if shutil.which("Rscript") is None:
        return "no Rscript"
    code = f"cat(format(packageVersion('{package}')))"
    return subprocess.run(["Rscript", "-e", code], capture_output=True, text=True).stdout.strip()


def _line(row: Row, folder: Path) -> Line:
    """Run a row on all its data sets."""
    problem = PROBLEMS[row.problem]
    names = [*sorted(set(PROBLEMS) - set(LATER)), *LATER]
    rng = np.random.default_rng([7, names.index(row.problem)])
    data = problem.draw(rng)
    degenerate = problem.degenerate(data, rng)
    printed = _run(row, data, folder, "regular")
    formula, away, said, agrees = _judge(row, problem, data, printed)
    named = not row.formula or any(each.startswith(row.formula) for each in formula.split(" or "))
    return {
        "package": row.package,
        "version": row.version,
        "call": row.call,
        "model": row.problem,
        "formula": formula,
        "named": "yes" if named else "NO",
        "truth": away,
        "agrees": agrees,
        "result": _of_result(row, data, printed, folder) if row.result else "",
        "fault": problem.fault,
        "then": _then(_run(row, degenerate, folder, "degenerate"), printed, problem.fault),
        "units": _in_units(_run(row, problem.units(data), folder, "units"), printed, problem),
        "crosscheck": said,
    }


def _run(row: Row, data: Data, folder: Path, kind: str) -> Printed:
    """Run a package on data, unless what it prints is kept from before."""
    kept = folder / "printed" / f"{row.function}-{row.version}-{kind}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(_run_anew(row, data, folder)), encoding="utf-8")
    found: Printed = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _run_anew(row: Row, data: Data, folder: Path) -> Printed:
    """Run a package on data; return what it prints."""
    with TemporaryDirectory() as work:
        if row.module == "rows":
            return _run_r(row, data, Path(work))
        np.savez(Path(work) / "data.npz", **data)  # type: ignore[arg-type]
        output = Path(work) / "printed.json"
        script = [str(SOFTWARE / "run.py"), row.module, row.function]
        script += [str(Path(work) / "data.npz"), str(output)]
        try:
            done = subprocess.run(
                [str(_python(row, folder)), *script],
                capture_output=True,
                timeout=LIMIT,
                env={**os.environ, **ONE_THREAD},
                cwd=work,
            )
        except subprocess.TimeoutExpired:
            return {"raised": f"no end within {LIMIT} s", "warned": []}
        if done.returncode:
            return {"raised": done.stderr.decode(errors="replace")[-200:], "warned": []}
        found: Printed = json.loads(output.read_text(encoding="utf-8"))
        return found


def _run_r(row: Row, data: Data, work: Path) -> Printed:
    """Run one of R's functions."""
    for name, values in data.items():
        np.savetxt(work / f"{name}.txt", np.atleast_1d(values))
    script = ["Rscript", str(SOFTWARE / "rows.R"), row.function, str(work)]
    subprocess.run(script, capture_output=True, check=True, timeout=LIMIT)
    printed: Printed = {"estimates": {}, "errors": {}, "warned": []}
    for line in (work / "printed.txt").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(" ")
        if name in {"warned", "raised"}:
            printed |= {"raised": rest} if name == "raised" else {"warned": [f"warning: {rest}"]}
            continue
        pair = [float("nan") if each == "NA" else float(each) for each in rest.split()]
        printed["estimates"][name], printed["errors"][name] = pair
    return printed


def _judge(
    row: Row, problem: Problem, data: Data, printed: Printed
) -> tuple[str, float | str, str, str]:
    """Return the formula that crosscheck names, how far from the truth, and all that it says."""
    errors = {k: v for k, v in printed.get("errors", {}).items() if v is not None}
    if not errors:
        return "none", "", printed.get("raised", "prints none"), ""
    args, start = problem.args(data), _start(row, problem, printed)
    mle = fit(problem.nll, start, args)
    check = crosscheck(mle, {"given": errors}, simulate=problem.simulate, progress=False)
    verdict = check.verdicts["given"]
    said = re.search(
        r"(?:equals|is close to) (.*?)(?:, which cannot|, within|: |$)", verdict.reason
    )
    unknown = "none of the known" in verdict.reason
    formula = "unknown" if unknown or said is None else said[1]
    away: float | str = ""
    if row.truth:
        places = [problem.names.index(name) for name in errors]
        truth = columns(row.problem, problem, mle.estimate, args)[row.truth][places]
        away = float(np.abs(np.log(np.array(list(errors.values())) / truth)).max())
    return formula, away, verdict.reason, "yes" if verdict.agrees else "no"


def _start(row: Row, problem: Problem, printed: Printed) -> dict[str, float]:
    """Start where the package did, if that is what its numbers depend on; else where it ended."""
    known = problem.start if row.same_start else {**problem.start, **printed["estimates"]}
    return {name: known[name] for name in problem.names}


def _of_result(row: Row, data: Data, printed: Printed, folder: Path) -> str:
    """Pass a package's own result to crosscheck, in its environment."""
    problem = PROBLEMS[row.problem]
    start = json.dumps(list(_start(row, problem, printed).values()))
    with TemporaryDirectory() as work:
        np.savez(Path(work) / "data.npz", **data)  # type: ignore[arg-type]
        output = Path(work) / "judged.json"
        script = [str(SOFTWARE / "objects.py"), row.module, row.result, row.problem]
        script += [str(Path(work) / "data.npz"), str(output), start]
        path = os.pathsep.join([str(HERE.parent / "src"), str(SOFTWARE)])
        try:
            done = subprocess.run(
                [str(_python(row, folder)), *script],
                capture_output=True,
                timeout=LIMIT,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                cwd=work,
            )
        except subprocess.TimeoutExpired:
            return f"no end within {LIMIT} s"
        if done.returncode:
            return "raised: " + done.stderr.decode(errors="replace").strip().splitlines()[-1][:200]
        found = json.loads(output.read_text(encoding="utf-8"))
    return f"{found['source']}: {found['reason'][:160]}"


def _warned(printed: Printed, before: Printed) -> str:
    """Name the kind of the first warning that is not always there."""
    told = [each.split(":")[0] for each in printed["warned"] if each not in before["warned"]]
    own = [each for each in told if each != "RuntimeWarning"]
    return f", {(own or told)[0]}" if told else ""


def _then(printed: Printed, before: Printed, fault: str) -> str:
    """State what is printed on degenerate data, of the parameter in question."""
    if "raised" in printed:
        return f"raises: {printed['raised'].split(': ')[0][:60]}"
    errors = {k: v for k, v in printed["errors"].items() if v is not None}
    told = _warned(printed, before)
    if not errors:
        return f"none{told}"
    gone = [k for k, v in before["errors"].items() if v is not None and k not in errors]
    if gone:
        return f"drops {', '.join(gone)}{told}"
    lost = [name for name, one in errors.items() if not np.isfinite(one)]
    if lost:
        return f"NaN{'' if len(lost) == len(errors) else ' for ' + ', '.join(lost)}{told}"
    named = [each for each in re.findall(r"\w+", fault) if each in errors]
    name = named[-1] if named else max(errors, key=lambda k: errors[k] / before["errors"][k])
    return f"{name} = {printed['estimates'][name]:.3g} ± {errors[name]:.3g}{told}"


def _in_units(printed: Printed, before: Printed, problem: Problem) -> str:
    """State by what factor standard errors change that should not."""
    if "raised" in printed:
        return f"raises: {printed['raised'].split(': ')[0][:60]}"
    scale = problem.scales
    errors = {k: v * scale.get(k, 1.0) for k, v in printed["errors"].items() if v is not None}
    told = _warned(printed, before)
    if not errors:
        return f"none{told}"
    ratios = np.array([one / before["errors"][name] for name, one in errors.items()])
    moved = max(
        abs(printed["estimates"][name] * scale.get(name, 1.0) - before["estimates"][name]) / error
        for name, error in before["errors"].items()
        if error is not None
    )
    if np.isnan(ratios).any():
        return f"NaN{told}"
    off = "" if moved < SAME else ", estimates off"
    if np.abs(ratios - 1).max() < SAME:
        return f"the same{off}{told}"
    return f"× {ratios.min():.2g} to {ratios.max():.2g}{off}{told}"


def _write_readme(lines: list[Line]) -> None:
    """Put the table between its marks: of each package one call for each formula."""
    titles = ("package", "call", "standard errors", "without a regular optimum", "in other units")
    rows = {("", ""): titles, ("-", ""): ("---",) * len(titles)}
    for line in lines:
        formula = re.split(r" \(?or ", str(line["formula"]))[0].removeprefix("the ")
        # Numbers and names of these data say nothing of the package.
        numbers = r", \d+/\d+| \(HC1\)| with k = .*|, zero between .*| = [\d.]+$"
        formula = re.sub(numbers, "", formula)
        formula = re.sub(
            r"times the dispersion .*, Pearson.*", "times Pearson's dispersion", formula
        )
        shown = "prints none" if formula == "none" else formula
        then = f"{line['fault']}: {line['then']}"
        package = f"{line['package']} {line['version']}"
        cells = (package, str(line["call"]), shown, then, str(line["units"]))
        rows.setdefault((package, formula), cells)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows.values())
    path = HERE.parent / "README.md"
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    if not rest:
        sys.exit(f"README.md has no {BEGIN}")
    path.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
