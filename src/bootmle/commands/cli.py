"""The `bootmle` command: its options and their values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence

from bootmle import __version__
from bootmle.commands.output import robust_output

__all__ = ["main"]

DEMO = """\
Fit a negative binomial regression with 11 parameters to the 20,190 rows of the RAND Health
Insurance Experiment, bootstrap it, and compare the standard errors with SciPy's hess_inv.
"""

EXAMPLES = """\
examples:
  bootmle demo --n-resamples 499
  bootmle run job.py:model --out runs/a -n 9999 --jobs 8
  bootmle status runs/a
  bootmle report runs/a --model job.py:model
"bootmle run --help" shows what a job.py holds.
"""

RUN = """\
Bootstrap the model of a job file into a directory that keeps what is
finished: repeat the command to resume it. Exit status: 0 finished, 1 failed,
2 invalid arguments, 3 stopped early (deadline, Ctrl-C, SIGTERM, SIGHUP) with
the finished part saved.
"""

RUN_EXAMPLE = """\
example: bootmle run job.py:model --out runs/a -n 9999 --jobs 8 --deadline 3h
with a job.py such as

    import numpy as np
    from bootmle import fit

    y = np.random.default_rng(1).exponential(3.0, 200)

    def nll(params, y):
        return params[0] + y / np.exp(params[0])

    def model():
        return fit(nll, {"log_mean": 1.0}, args=y)
"""

REPORT = """\
Print the table of a run, finished or not, and with --model the cross-check. Several directories
are merged as parts of one run.
"""

STATUS = "Show the progress of a run, its rate, when it will end, and what failed."

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None
        The arguments; None takes those the process was started with.

    Returns
    -------
    int
        The exit status: 0 finished; 2 if no command was given; of `run`, 1 failed, 2 invalid
        arguments, 3 stopped early with the finished part saved.

    Raises
    ------
    SystemExit
        After --help and --version, with status 0; for invalid arguments, with 2; with 141 when
        the reader of the output has closed the pipe.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    with robust_output():
        parser = _parser()
        arguments = parser.parse_args(argv)
        if arguments.command is None:
            parser.print_help()
            return 2
        status: int = arguments.handler(arguments)
        return status


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="bootmle",
        description="Bootstrap standard errors and intervals for maximum-likelihood fits.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bootmle {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command")
    for add in (_add_demo, _add_run, _add_report, _add_status):
        add(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` and its options."""
    command = commands.add_parser(
        "demo",
        help="bootstrap a regression on the RAND Health Insurance Experiment",
        description=DEMO,
        epilog="example: bootmle demo --n-resamples 499 --n-jobs 2 --rng 1",
    )
    command.set_defaults(handler=_demo)
    _add_usual(command, n_jobs=-1, rng=0)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `run` and its options."""
    command = commands.add_parser(
        "run",
        help="bootstrap a model into a directory, from which it can be resumed",
        description=RUN,
        epilog=RUN_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(handler=_run)
    add = command.add_argument
    add("job", metavar="FILE:MODEL", help="a Fit or Estimator, or a function that returns one")
    add("--out", required=True, metavar="DIR", help="directory for what is finished")
    add("--sampling", metavar="NAME", help="name of a plan in the job file (default: Cases())")
    add(
        "--shard",
        type=_shard,
        metavar="I/K",
        help="only the I-th of K parts of the run, such as 3/16",
    )
    _add_limits(add)
    add(
        "--refit",
        choices=("verified", "corrected", "expansion"),
        default="verified",
        help="how to refit",
    )
    _add_usual(command, n_jobs=1, rng=None, progress=True)


def _add_limits(add: Callable[..., object]) -> None:
    """Add what stops `run` or one of its refits."""
    add(
        "--deadline",
        type=_duration,
        metavar="T",
        help="stop after this time: seconds, or 90m, 3h, 2h30m",
    )
    add(
        "--timeout",
        type=_duration,
        metavar="T",
        help="what one refit may take; one that takes longer has failed",
    )
    add(
        "--precision",
        type=float,
        metavar="P",
        help="stop when each SE's relative Monte Carlo error is below P, such as 0.02",
    )


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `report` and its options."""
    command = commands.add_parser(
        "report",
        help="print a run's table and cross-check",
        description=REPORT,
        epilog="example: bootmle report runs/a runs/b --model job.py:model",
    )
    command.set_defaults(handler=_report, form="table")
    add = command.add_argument
    add("paths", nargs="+", metavar="DIR", help="run directories, or files written by save()")
    model = "the model, for the cross-check; nothing that DIR names is run"
    add("--model", "--job", dest="job", metavar="FILE:MODEL", help=model)
    add("--sampling", metavar="NAME", help="name of the plan in the model's file")
    level = "level of the percentile intervals in JSON and CSV (default: %(default)s)"
    add("--confidence-level", type=_level, default=0.95, metavar="L", help=level)
    for form, what in (("json", "print everything as JSON"), ("csv", "print the table as CSV")):
        add(f"--{form}", dest="form", action="store_const", const=form, help=what)


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `status`."""
    command = commands.add_parser(
        "status",
        help="show the progress of a run",
        description=STATUS,
        epilog="example: bootmle status runs/a",
    )
    command.set_defaults(handler=_status)
    command.add_argument("paths", nargs="+", metavar="DIR", help="run directories")


def _add_usual(
    command: argparse.ArgumentParser, *, n_jobs: int, rng: int | None, progress: bool | None = None
) -> None:
    """Add the options that `demo` and `run` share."""
    add = command.add_argument
    count = "number of bootstrap samples (default: %(default)s)"
    jobs = "number of processes, -1 for all cores (default: %(default)s)"
    seed = "seed (default: %(default)s)" if rng is not None else "seed (default: a random one)"
    add("-n", "--n-resamples", type=_samples, default=1999, metavar="N", help=count)
    add("--jobs", "--n-jobs", dest="n_jobs", type=_jobs, default=n_jobs, metavar="J", help=jobs)
    add("--rng", "--seed", dest="rng", type=_seed, default=rng, metavar="R", help=seed)
    quiet = "do not show progress"
    add("--no-progress", dest="progress", action="store_false", default=progress, help=quiet)


def _samples(text: str) -> int:
    """Read the number of samples."""
    return _at_least(2, text)


def _seed(text: str) -> int:
    """Read the seed."""
    return _at_least(0, text)


def _jobs(text: str) -> int:
    """Read the number of processes."""
    if _whole(text) == 0:
        raise argparse.ArgumentTypeError(f"got {text}; pass 1 or more, or -1 for all cores")
    return int(text)


def _level(text: str) -> float:
    """Read a confidence level."""
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 0 < level < 1:
        raise argparse.ArgumentTypeError(f"got {text}; pass a level such as 0.95")
    return level


def _at_least(least: int, text: str) -> int:
    """Read an integer that is not too small."""
    if _whole(text) < least:
        raise argparse.ArgumentTypeError(f"got {text}; pass {least} or more")
    return int(text)


def _whole(text: str) -> int:
    """Read an integer."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}; pass an integer") from None


def _shard(text: str) -> tuple[int, int]:
    """Read which part of how many."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"got {text}; pass I/K with I from 1 to K, such as 3/16")
    return int(found[1]), int(found[2])


def _duration(text: str) -> float:
    """Read seconds, or a duration such as 2h30m."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        parts = [(text, "s")]
    elif "".join(number + unit for number, unit in parts) != text or not text:
        raise argparse.ArgumentTypeError(f"got {text}; pass seconds, or 90m, 3h or 2h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


# Each command imports what it needs, so that --help does not wait for SciPy.


def _demo(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from bootmle.demo import run

    run(arguments.n_resamples, arguments.n_jobs, arguments.progress, arguments.rng)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    """Run a job."""
    from bootmle.commands.run import run

    return run(arguments)


def _report(arguments: argparse.Namespace) -> int:
    """Report a run."""
    from bootmle.commands.report import report

    return report(arguments)


def _status(arguments: argparse.Namespace) -> int:
    """Show the progress of a run."""
    from bootmle.commands.run_status import status

    return status(arguments)
