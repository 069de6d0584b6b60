"""Signals before the command line is there: while the package is imported."""

import signal
import subprocess
import sys
import time

import pytest

STARTED = (
    "import signal, sys, bootmle_command as command; signal.signal(signal.SIGINT, "
    "signal.default_int_handler); print('up', flush=True); "
    "sys.argv = ['bootmle', '--version']; sys.exit(command.main())"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_the_import_ends_with_3_and_a_line(name: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.1)  # the import takes several tenths
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (3, f"bootmle: {name} while starting; nothing begun\n")
