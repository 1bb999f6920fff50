"""What one page and one worker may take, and how a worker is held to it.

Parsers are C code, which no Python handler can interrupt: the defence is a timer whose signal ends the process. The
worker is replaced, and after so many deaths the page is a row in `errors` (see `blame` and `workers`).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from typing import NamedTuple

#: The error class of a page at which workers die.
KILLED = "killed_worker"


class Limits(NamedTuple):
    """The defaults of every limit; each is an option of `run`."""

    page_mb: int = 16  # megabytes of one page, unpacked; a larger one is an error before it is parsed
    cpu_seconds: float = 5.0  # one page, from parsing to its rows; serial runs have no such limit
    worker_mb: int = 2048  # memory of one worker of the local engine (a cluster has limits of its own)
    tries: int = 3  # a page at which so many workers died is not tried again


def start_timer(seconds: float) -> None:
    """End this process by SIGPROF once it has used so many more CPU seconds, unless the timer is stopped."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def stop_timer() -> None:
    """Stop the timer of `start_timer`."""
    signal.setitimer(signal.ITIMER_PROF, 0)


def follow(parent: int) -> None:
    """End this process soon after its parent: a run that was killed leaves no workers behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _NoPandas:
    """Among the finders of modules: says that there is no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def collect_seldom() -> None:
    """Look for garbage in circles once in 20,000 new records rather than in 700: pages are small records by the
    hundred, none of them in a circle. It saves a twentieth of the CPU."""
    gc.set_threshold(20_000, 20, 20)


def one_thread() -> None:
    """Let this process multiply matrices in one thread: a page's are small, and a second thread spins in between, so
    that tagging takes twice the CPU and half as long again."""
    import numpy as np  # noqa: F401  what is not loaded yet would not be limited
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def spare_pandas() -> None:
    """Keep Arrow in this process from importing pandas, as it does for its first array: 32 MB that no worker needs."""
    import pyarrow as pa

    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_NoPandas)


def cap_memory(megabytes: int) -> None:
    """Let this process ask for no more data memory: Python then raises MemoryError, C code fails or aborts."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    size = megabytes << 20
    resource.setrlimit(resource.RLIMIT_DATA, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))
