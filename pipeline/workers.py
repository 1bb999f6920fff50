"""The processes that work on shards, and the one loop that keeps them busy, whatever they are.

    serial    this process: nothing is guarded
    local     one pool of one worker for every core, so that a death touches no other worker's shard
    tcp://…   the workers of a Dask cluster

A shard whose worker died is tried again. Its attempts note each page they begin (see `blame`), so that the
next attempt knows which page to leave alone, and the loop need not.
"""

from __future__ import annotations

import logging
import os
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.blame import deaths
from pipeline.limits import cap_memory, collect_seldom, follow, one_thread, spare_pandas

SERIAL, LOCAL, CLUSTER = "serial", "local", "tcp://"
#: Shards that a cluster is given ahead, for each of its workers.
WINDOW = 2
#: Numeric libraries use one thread a worker: pages are many, and each is small.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1")

Marker = dict[str, Any]
log = logging.getLogger("pipeline.run")


class RunError(Exception):
    """A run that cannot begin or go on; the message says why and what to do."""


class Task(Protocol):
    """A shard, or something else that is done by one worker."""

    @property
    def name(self) -> str:
        """No two tasks of a pass have one name."""


class Workers(NamedTuple):
    """An executor, with what the loop must know of it."""

    submit: Callable[[Callable[..., Any], Any], Future[Any]]
    window: int  # so many shards are given to it at once
    deaths: tuple[type[BaseException], ...]  # what a future raises whose worker died


def drive(
    tasks: Sequence[Task],
    work: Callable[[Any], Marker],
    workers: Workers,
    begun: Callable[[str], Path],
    tries: int,
) -> Iterator[Marker]:
    """Do all tasks, and give the result of each as it is done.

    Parameters
    ----------
    tasks : sequence of Task
    work : callable
        Does one task; it must be possible to pickle it.
    workers : Workers
    begun : callable
        Gives, for a task's name, where its attempts note what they begin.
    tries : int
        The run is ended if so many attempts on a task die in a row without having begun anything.

    Raises
    ------
    RunError
        In that case, or if files cannot be read or written.
    """
    waiting = deque(tasks)
    working: dict[Future[Marker], Task] = {}
    noted = {task.name: 0 for task in tasks}  # deaths that have a page to blame ...
    unnoted: Counter[str] = Counter()  # ... and those in a row that have none
    while waiting or working:
        while waiting and len(working) < workers.window:
            task = waiting.popleft()
            noted[task.name] = deaths(begun(task.name))
            working[workers.submit(work, task)] = task
        done, _ = wait(working, return_when=FIRST_COMPLETED)
        for future in done:
            task = working.pop(future)
            try:
                yield future.result()
            except workers.deaths as error:
                log.warning("a worker died at %s, which is tried again", task.name)
                unnoted[task.name] = 0 if deaths(begun(task.name)) > noted[task.name] else unnoted[task.name] + 1
                if unnoted[task.name] == tries:
                    message = "workers die before they begin a page; is --worker-mb too small?"
                    raise RunError(f"{message} ({error})") from error
                waiting.appendleft(task)
            except OSError as error:
                raise RunError(f"{task.name}: {error}; the same command goes on from here") from error


@contextmanager
def open_workers(engine: str, count: int, worker_mb: int) -> Iterator[Workers]:
    """The workers of an engine.

    Parameters
    ----------
    engine : str
        "serial", "local", or the address of a Dask scheduler.
    count, worker_mb : int
        How many processes, and how much memory each may use; local only.
    """
    if engine == SERIAL:
        one_thread()
        yield Workers(_here, 1, ())
    elif engine == LOCAL:
        with _local(count, worker_mb) as workers:
            yield workers
    else:
        with _cluster(engine) as workers:
            yield workers


def check_engine(engine: str) -> None:
    """Raises RunError for an engine that nobody knows."""
    if engine not in (SERIAL, LOCAL) and not engine.startswith(CLUSTER):
        raise RunError(
            f"--engine {engine}: unknown; known are serial, local, and the tcp://HOST:PORT of a Dask scheduler"
        )


def _here(function: Callable[..., Any], task: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(function(task))
    return future


def _prepare(driver: int, worker_mb: int) -> None:
    follow(driver)
    cap_memory(worker_mb)
    spare_pandas()
    collect_seldom()


@contextmanager
def _local(count: int, worker_mb: int) -> Iterator[Workers]:
    from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

    def new() -> Any:
        told = os.getpid(), worker_mb
        return ProcessPoolExecutor(1, timeout=None, env=ONE_THREAD, initializer=_prepare, initargs=told)

    pools = [new() for _ in range(count)]
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(count):
        idle.put(slot)

    def submit(function: Callable[..., Any], task: Any) -> Future[Any]:
        slot = idle.get()
        try:
            future = pools[slot].submit(function, task)
        except BrokenProcessPool:  # its worker died, in its last shard or since
            pools[slot].shutdown(kill_workers=True)
            pools[slot] = new()
            future = pools[slot].submit(function, task)
        future.add_done_callback(lambda _: idle.put(slot))
        return future

    try:
        yield Workers(submit, count, (BrokenProcessPool,))
    finally:
        for pool in pools:
            pool.shutdown(kill_workers=True)


@contextmanager
def _cluster(address: str) -> Iterator[Workers]:
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise RunError(f"--engine {address}: needs Dask; install healthsift[cluster]") from error
    try:
        client = Client(address, timeout=10)
    except OSError as error:
        raise RunError(f"--engine {address}: no scheduler answers ({error})") from error
    with client:
        threads = [worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
        if any(number != 1 for number in threads):
            raise RunError(f"--engine {address}: start its workers with --nthreads 1; a limit ends a whole process")
        submit = client.get_executor(pure=False, retries=0).submit
        yield Workers(submit, WINDOW * max(1, len(threads)), (KilledWorker,))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
