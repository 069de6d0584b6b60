"""The command `bootmle`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bootmle import __version__

__all__ = ["main"]

DEMO = """\
Fit a negative binomial regression with 11 parameters to the 20,190 rows of the RAND Health
Insurance Experiment, bootstrap it, and set the standard errors beside SciPy's hess_inv.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None
        The arguments; None takes those the process was started with.

    Returns
    -------
    int
        The exit status: 0, or 2 where no command was given.

    Raises
    ------
    SystemExit
        After --help and --version, with status 0; after arguments that make no sense, with 2.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 2
    _check(parser, arguments)
    return _demo(arguments)


def _parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="bootmle",
        description="Bootstrap-first uncertainty for maximum-likelihood fits.",
        epilog="example: bootmle demo --n-resamples 499",
    )
    parser.add_argument("--version", action="version", version=f"bootmle {__version__}")
    _add_demo(parser.add_subparsers(title="commands", dest="command"))
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the demo and its options."""
    add = commands.add_parser(
        "demo",
        help="bootstrap a regression on the RAND Health Insurance Experiment",
        description=DEMO,
        epilog="example: bootmle demo --n-resamples 499 --n-jobs 2 --rng 1",
    ).add_argument
    n_resamples = "number of bootstrap samples (default: %(default)s)"
    n_jobs = "number of processes, -1 for one a core (default: %(default)s)"
    add("--n-resamples", type=int, default=1999, metavar="N", help=n_resamples)
    add("--n-jobs", type=int, default=-1, metavar="J", help=n_jobs)
    add("--no-progress", action="store_true", help="show no progress bar")
    add("--rng", type=int, default=0, metavar="R", help="seed (default: %(default)s)")


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Exit with a message where an option's value makes no sense."""
    if arguments.n_resamples < 2:
        parser.error(f"argument --n-resamples: got {arguments.n_resamples}, give 2 or more")
    if arguments.n_jobs == 0:
        parser.error("argument --n-jobs: got 0, give 1 or more, or -1 for one a core")
    if arguments.rng < 0:
        parser.error(f"argument --rng: got {arguments.rng}, give 0 or more")


def _demo(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    # Imported here, so that --help need not wait for SciPy.
    from bootmle.demo import run

    progress = False if arguments.no_progress else None
    run(arguments.n_resamples, arguments.n_jobs, progress, arguments.rng)
    return 0
