"""Signs that the output's encoding lacks, and what stands in for them."""

from __future__ import annotations

import codecs
import sys

__all__ = ["IN_ASCII", "printable"]

IN_ASCII = "bootmle.ascii"
"""Name of the error handler of `codecs` that puts in the stand-ins."""

_PLAIN = {
    "±": "+-",
    "×": "x",
    "·": "*",
    "−": "-",
    "–": "-",
    "√": "sqrt",
    "²": "^2",
    "→": "->",
    "∞": "inf",
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


codecs.register_error(IN_ASCII, _in_ascii)


def printable(text: str) -> str:
    """Return a text that print can show: what standard output cannot encode is replaced."""
    encoding = getattr(sys.stdout, "encoding", None)
    if text.isascii() or not isinstance(encoding, str):
        return text
    try:
        return text.encode(encoding, IN_ASCII).decode(encoding)
    except (UnicodeError, LookupError):  # an encoding that nobody knows
        return text
