"""The processes that work on shards, and the one loop that keeps them busy, whatever they are.

    serial    this process: nothing is guarded
    local     one pool of one worker for every core, so that a death touches no other worker's shard
    tcp://…   the workers of a Dask cluster

A shard whose worker died is tried again. Its attempts note each page they begin (see `blame`), so that the
next attempt knows which page to leave alone, and the loop need not.
"""

from __future__ import annotations

import contextlib
import os
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.blame import deaths
from pipeline.limits import cap_memory
from pipeline.shard import Models, Settings, Shard, begun_path, load_models, process_shard

SERIAL, LOCAL, CLUSTER = "serial", "local", "tcp://"
#: Shards that a cluster is given ahead, for each of its workers.
WINDOW = 2
#: Numeric libraries use one thread a worker: pages are many, and each is small.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS"), "1")

Marker = dict[str, Any]


class RunError(Exception):
    """A run that cannot begin or go on; the message says why and what to do."""


class Job(NamedTuple):
    """What a worker must know beside the shard."""

    base: str  # the folder that relative paths start from
    folder: Path
    models: tuple[Path, Path]
    digests: tuple[str, str]  # of the models, which may stand elsewhere on another host
    settings: Settings


class Workers(NamedTuple):
    """An executor, with what the loop must know of it."""

    submit: Callable[[Callable[..., Any], Shard], Future[Any]]
    window: int  # so many shards are given to it at once
    deaths: tuple[type[BaseException], ...]  # what a future raises whose worker died


def work(job: Job, shard: Shard) -> Marker:
    """What a worker does; the models are loaded once in it."""
    with contextlib.chdir(job.base):
        return process_shard(shard, job.folder, _load(job), job.settings)


def drive(shards: Sequence[Shard], job: Job, workers: Workers) -> Iterator[Marker]:
    """Work on all shards, and give the marker of each as it is done.

    Raises
    ------
    RunError
        If the workers die before they begin a page.
    """
    waiting = deque(shards)
    working: dict[Future[Marker], Shard] = {}
    noted = {shard.name: 0 for shard in shards}  # deaths that have a page to blame ...
    unnoted: Counter[str] = Counter()  # ... and those in a row that have none
    while waiting or working:
        while waiting and len(working) < workers.window:
            shard = waiting.popleft()
            noted[shard.name] = deaths(begun_path(job.folder, shard.name))
            working[workers.submit(partial(work, job), shard)] = shard
        done, _ = wait(working, return_when=FIRST_COMPLETED)
        for future in done:
            shard = working.pop(future)
            try:
                yield future.result()
            except workers.deaths as error:
                begun = deaths(begun_path(job.folder, shard.name)) > noted[shard.name]
                unnoted[shard.name] = 0 if begun else unnoted[shard.name] + 1
                if unnoted[shard.name] == job.settings.limits.tries:
                    message = "workers die before they begin a page; is --worker-mb too small?"
                    raise RunError(f"{message} ({error})") from error
                waiting.appendleft(shard)


@contextmanager
def open_workers(engine: str, count: int, job: Job) -> Iterator[Workers]:
    """The workers of an engine.

    Parameters
    ----------
    engine : str
        "serial", "local", or the address of a Dask scheduler.
    count : int
        How many processes; local only.
    job : Job
        Its models are not loaded again by a serial run.
    """
    if engine == SERIAL:
        yield Workers(_here, 1, ())
    elif engine == LOCAL:
        with _local(count, job.settings.limits.worker_mb) as workers:
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


def _here(function: Callable[..., Any], shard: Shard) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(function(shard))
    return future


@contextmanager
def _local(count: int, worker_mb: int) -> Iterator[Workers]:
    from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

    def new() -> Any:
        return ProcessPoolExecutor(1, timeout=None, env=ONE_THREAD, initializer=cap_memory, initargs=(worker_mb,))

    pools = [new() for _ in range(count)]
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(count):
        idle.put(slot)

    def submit(function: Callable[..., Any], shard: Shard) -> Future[Any]:
        slot = idle.get()
        try:
            future = pools[slot].submit(function, shard)
        except BrokenProcessPool:  # its worker died, in its last shard or since
            pools[slot].shutdown(kill_workers=True)
            pools[slot] = new()
            future = pools[slot].submit(function, shard)
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


_loaded: dict[tuple[Path, Path], Models] = {}


def _load(job: Job) -> Models:
    """The models of a run: kept in the process, and read again where they are not those that the run wants."""
    for attempt in ("kept", "read again"):
        if attempt == "read again" or job.models not in _loaded:
            _loaded[job.models] = load_models(job.models)
        models = _loaded[job.models]
        digests = models.cleaner.digest, models.tagger.digest
        if digests == job.digests:
            return models
    raise RunError(f"a worker's models are {digests}, the run's {job.digests}; install the same on every host")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
