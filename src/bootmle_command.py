"""The `bootmle` command from its first moment: a signal while the package is imported, too."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType

__all__ = ["main"]

_STOPPED = 3


def main() -> int:
    """Import the package, which takes most of a second, and run the command line."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not there on Windows
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    before = {k: signal.signal(k, _stop) for k in numbers if k not in ignored}  # as by nohup
    from bootmle.commands.cli import main as run

    for number, handler in before.items():
        signal.signal(number, handler)
    return run()


def _stop(number: int, frame: FrameType | None) -> None:
    """Say it and leave: an exception would end in the importing library's own words."""
    line = f"bootmle: {signal.Signals(number).name} while starting; nothing begun\n"
    with suppress(OSError):  # where standard error is closed
        os.write(2, line.encode())
    os._exit(_STOPPED)
