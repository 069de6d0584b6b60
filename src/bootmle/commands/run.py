"""``bootmle run``: bootstrap a job into a directory."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from bootmle.bootstrapping.bootstrap import bootstrap
from bootmle.commands.jobs import JobError, read_job
from bootmle.execution.checkpoint import is_run
from bootmle.execution.raised import describe_raised
from bootmle.execution.stopping import Interrupted, signals_interrupt

__all__ = ["BAD_ARGUMENTS", "DONE", "FAILED", "STOPPED", "run"]

DONE, FAILED, BAD_ARGUMENTS, STOPPED = 0, 1, 2, 3


def run(arguments: Namespace) -> int:
    """Run a job, print its result, and return the exit status."""
    try:
        with signals_interrupt():
            return _run(arguments)
    except SystemExit as error:
        print(f"bootmle run: the model's code raised {describe_raised(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as stop:
        what = str(stop) or "Ctrl-C"
        print(f"bootmle run: stopped by {what}; repeat the command to resume", file=sys.stderr)
        return STOPPED


def _run(arguments: Namespace) -> int:
    """Run a job and print its result."""
    out = Path(arguments.out)
    if out.exists() and not out.is_dir():
        print(f"bootmle run: --out: {out} is a file; name a directory", file=sys.stderr)
        return BAD_ARGUMENTS
    try:
        job = read_job(arguments.job, arguments.sampling)
        fit, plan = job.load()
    except JobError as error:
        print(f"bootmle run: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    options: dict[str, Any] = {} if plan is None else {"sampling": plan}
    for name in ("n_resamples", "n_jobs", "shard", "deadline", "precision", "refit", "rng"):
        options[name] = getattr(arguments, name)
    options["timeout"] = arguments.timeout
    try:
        job.remember(out)
        boot = bootstrap(fit, checkpoint=out, progress=arguments.progress, **options)
    except Interrupted as stop:
        print(f"bootmle run: {stop}", file=sys.stderr)
        if stop.partial is not None and not is_run(out):  # it was removed: nothing else is left
            print(stop.partial)
        return STOPPED
    except (ValueError, TypeError) as error:
        print(f"bootmle run: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    except (RuntimeError, OSError) as error:
        print(f"bootmle run: {error}", file=sys.stderr)
        return FAILED
    print(boot)
    return STOPPED if boot.stopped == "the deadline" else DONE
