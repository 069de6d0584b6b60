"""Printing: signs that the output's encoding lacks, and readers that close the pipe."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

__all__ = ["CLOSED_PIPE", "robust_output"]

CLOSED_PIPE = 128 + 13
"""Exit status when nobody reads the output, as a shell reports of a program that SIGPIPE ended."""

_PLAIN = {
    "±": "+-",
    "×": "x",
    "−": "-",
    "–": "-",
    "√": "sqrt",
    "θ": "theta",
    "α": "alpha",
    "’": "'",
}
"""ASCII for the signs in tables and sentences; anything else, in names say, is escaped."""


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what cannot be encoded, as an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    sign = error.object[error.start]
    if sign in _PLAIN:
        return _PLAIN[sign], error.start + 1
    return codecs.backslashreplace_errors(error)


codecs.register_error("bootmle.ascii", _in_ascii)


@contextmanager
def robust_output() -> Iterator[None]:
    """Print whatever the encoding of the output, and exit quietly once nobody reads it."""
    streams = [each for each in (sys.stdout, sys.stderr) if isinstance(each, TextIOWrapper)]
    before = [each.errors for each in streams]
    for each in streams:
        each.reconfigure(errors="bootmle.ascii")
    try:
        try:
            yield
        finally:
            for each in streams:
                each.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end, and would complain.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for each in streams:
            os.dup2(nowhere, each.fileno())
        raise SystemExit(CLOSED_PIPE) from None
    finally:
        for each, errors in zip(streams, before, strict=True):
            each.reconfigure(errors=errors)
