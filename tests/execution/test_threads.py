"""One thread for linear algebra, whoever else computes, and the former number afterwards."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

CODE = """
import threading
import numpy as np
from threadpoolctl import threadpool_info
from bootmle.execution.threads import computation

def threads():
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

def first():
    with computation():
        entered.set()
        inside.wait()
    left.set()

entered, inside, left = (threading.Event() for _ in range(3))
seen = [threads()]
other = threading.Thread(target=first)
other.start()
entered.wait()
with computation():
    with computation():
        seen.append(threads())
    seen.append(threads())
    inside.set()
    left.wait()
    seen.append(threads())  # the first one has left, this one still computes
other.join()
print(*seen, threads())
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="the library has one thread anyway")
def test_a_thread_that_ends_leaves_the_others_and_the_process_as_they_were() -> None:
    two = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    code = [sys.executable, "-c", dedent(CODE)]
    shown = subprocess.run(code, env={**os.environ, **two}, capture_output=True, text=True)
    assert shown.stdout.split() == ["2", "1", "1", "1", "2"], shown.stderr
