"""Printing: signs that the output's encoding lacks, closed pipes and full disks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from bootmle.display.encoding import IN_ASCII

__all__ = ["CLOSED_PIPE", "NOT_WRITTEN", "robust_output"]

CLOSED_PIPE = 128 + 13
"""Exit status when nobody reads the output, as a shell reports of a program that SIGPIPE ended."""
NOT_WRITTEN = 1
"""Exit status when the output could not be written."""


@contextmanager
def robust_output() -> Iterator[None]:
    """Print whatever the encoding of the output; exit quietly once nobody reads it.

    Commands name the errors of files themselves, so any other OSError is one of the output.
    """
    streams = [each for each in (sys.stdout, sys.stderr) if isinstance(each, TextIOWrapper)]
    before = [each.errors for each in streams]
    for each in streams:
        each.reconfigure(errors=IN_ASCII)
    try:
        try:
            yield
        finally:
            for each in streams:
                each.flush()
    except BrokenPipeError:
        _silence(streams)
        raise SystemExit(CLOSED_PIPE) from None
    except OSError as error:
        why = f"bootmle: cannot write the output ({error.strerror or error}); what is in a run's"
        with suppress(OSError):
            print(f"{why} directory is safe: bootmle report DIR prints it", file=sys.stderr)
        _silence(streams)
        raise SystemExit(NOT_WRITTEN) from None
    finally:
        for each, errors in zip(streams, before, strict=True):
            each.reconfigure(errors=errors)


def _silence(streams: Sequence[TextIOWrapper]) -> None:
    """Send what is left nowhere: the interpreter flushes once more at its end, and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for each in streams:
        with suppress(OSError):  # one in memory has no descriptor
            os.dup2(nowhere, each.fileno())
