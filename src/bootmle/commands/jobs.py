"""Job files: Python files with a model, named as ``file.py:name``."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from bootmle.display.text import brief
from bootmle.execution.checkpoint import is_run
from bootmle.execution.files import write_whole
from bootmle.execution.raised import describe_raised, unless_interrupted
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.sampling import Plan

__all__ = ["Job", "JobError", "read_job"]

_NAME = "job.json"


class JobError(ValueError):
    """A job that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Job:
    """The names of a model and a plan in a Python file."""

    file: Path
    model: str
    """Name of a Fit or Estimator, or of a function that returns one."""
    sampling: str | None = None
    """Name of a plan; None for Cases()."""

    def load(self) -> tuple[Fit | Estimator, Plan | None]:
        """Run the file and return its model and plan; JobError if they are not there."""
        module = _module(self.file)
        found = self._named(module, self.model)
        fit = found if isinstance(found, Fit | Estimator) else self._called(found)
        if not isinstance(fit, Fit | Estimator):
            raise JobError(
                f"{self.model} in {self.file} returned {brief(fit)}; return a Fit or an Estimator"
            )
        plan = None if self.sampling is None else self._named(module, self.sampling)
        if plan is not None and not isinstance(plan, Plan):
            raise JobError(
                f"{self.sampling} in {self.file} is {brief(plan)}; name a plan, such as "
                f"Clustered(labels)"
            )
        return fit, plan

    def _named(self, module: Any, name: str) -> Any:
        """Return what a name in the file refers to."""
        if not hasattr(module, name):
            raise JobError(f"{self.file} has no {name!r}; define it there, or use another name")
        return getattr(module, name)

    def _called(self, function: Any) -> Any:
        """Call the function that returns the model."""
        if not callable(function):
            raise JobError(
                f"{self.model} in {self.file} is {brief(function)}; name a Fit, an Estimator, or a "
                f"function that returns one"
            )
        try:
            return function()
        except BaseException as error:  # the user's code may raise anything
            unless_interrupted(error)
            raise JobError(f"{self.model} in {_told(error, self.file)}") from error

    def remember(self, run: Path) -> None:
        """Store the job in the run's directory unless it is there already."""
        known = self.remembered(run)
        if known is not None and known.file.is_file() and is_run(run):
            return
        run.mkdir(parents=True, exist_ok=True)
        held = {"file": str(self.file), "model": self.model, "sampling": self.sampling}
        write_whole(run / _NAME, lambda file: file.write(json.dumps(held).encode()))

    @classmethod
    def remembered(cls, run: Path) -> Job | None:
        """Read the job of a run from its directory; None if it is not there or not readable."""
        try:
            held = json.loads((run / _NAME).read_text())
            return cls(Path(held["file"]), held["model"], held["sampling"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    @property
    def options(self) -> str:
        """The options of `report` that name this job, safe to print and to paste."""
        named = f"{self.file}:{self.model}"
        named += "" if self.sampling is None else f" --sampling {self.sampling}"
        plain = named if re.fullmatch(r"[\w ./\\:-]+", named) else ascii(named)
        return f"--model {plain}"


def read_job(text: str, sampling: str | None = None) -> Job:
    """Read ``file.py:name``; JobError for another form or a file that does not exist."""
    file, _, name = text.rpartition(":")
    if not file or not name.isidentifier():
        raise JobError(f"got {text!r}; name a file and a model in it, such as job.py:model")
    path = Path(file).resolve()
    if not path.is_file():
        raise JobError(f"{path}: no such file; name a Python file")
    return Job(path, name, sampling)


def _module(path: Path) -> Any:
    """Run a file as a module that is pickled by value, since workers cannot import it."""
    name = f"bootmle_job_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise JobError(f"{path} is not a Python file; name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # a job file may raise anything
        unless_interrupted(error)
        raise JobError(_told(error, path)) from error
    cloudpickle.register_pickle_by_value(module)
    return module


def _told(error: BaseException, path: Path) -> str:
    """Describe what the user's code raised, and in which line of the file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    line = f", line {lines[-1]}" if lines else ""
    return f"{path}{line}: raised {describe_raised(error)}"
