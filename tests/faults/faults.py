"""Break runs on purpose and hold their tables against an undisturbed run's: python tests/faults/faults.py [NAME...]

Makes pages of the HTML below --pages (with repeats, which are duplicates), runs them in one process, and then once for
every fault, each told below. Linux; `hosts` needs root and iproute2. Prints what it found; status 1 if tables differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.write import TABLES  # noqa: E402

KEYS = {"pages": ["page_id"], "sections": ["section_id"], "passages": ["passage_id"],
        "dropped": ["page_id", "position"], "errors": ["page_id", "source"]}  # fmt: skip
#: Lost hosts are given up soon; the threads of numeric libraries are one, as in every worker; Dask does not sample what
#: its workers do, and looks seldom whether they lag.
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "12s", "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
}  # fmt: skip
Process = subprocess.Popen


class Skip(Exception):
    """Why a fault cannot be tried here."""


def start(*command: str, within: str = "") -> Process:
    inside = ["ip", "netns", "exec", within] if within else []
    loud = None if "pipeline" in command else subprocess.DEVNULL
    return subprocess.Popen(
        [*inside, sys.executable, "-m", *command], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=loud, cwd=ROOT
    )


def start_run(pages: Path, out: Path, *options: str, within: str = "") -> Process:
    return start(
        "pipeline", "run", str(pages), "-o", str(out), "--max-failed", "1", "--log", "text", *options, within=within
    )


def finish(process: Process) -> None:
    status = process.wait(3600)
    if status:
        raise SystemExit(f"the run ended with status {status}")


def cpu_seconds(*processes: Process) -> float:
    """Of living processes and all below them, the ended among these."""
    total = 0.0
    for process in processes:
        for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def done(out: Path, pass_: str) -> int:
    folder = out / ("shards" if pass_ == "clean" else ".work/parsed")
    return len(list(folder.glob("[!.]*.json")))


def wait_for(out: Path, pass_: str, number: int, process: Process) -> None:
    """Wait until so many shards are through a pass; the run must still be going on."""
    while done(out, pass_) < number:
        if process.poll() is not None:
            raise SystemExit(f"the run ended before it could be broken (status {process.returncode})")
        time.sleep(0.05)


def busy(pid: int, mark: str) -> int:
    """The process below `pid` that has used most CPU time among those whose command has a mark."""
    found = [each for each in psutil.Process(pid).children(recursive=True) if mark in " ".join(each.cmdline())]
    return max(found, key=lambda each: sum(each.cpu_times()[:2])).pid


@contextmanager
def cluster(count: int = 2) -> Iterator[tuple[str, list[Process]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    processes = [start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")]
    processes += [
        start("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard") for _ in range(count)
    ]
    try:
        time.sleep(8)
        yield address, processes
    finally:
        end(processes)


def end(processes: list[Process]) -> None:
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def local(pages: Path, out: Path) -> str:
    """Two local workers, undisturbed."""
    finish(start_run(pages, out, "--workers", "2"))
    return ""


def dask(pages: Path, out: Path) -> str:
    """A Dask cluster of two workers, undisturbed."""
    with cluster() as (address, processes):
        idle = cpu_seconds(*processes)
        run = start_run(pages, out, "--engine", address)
        used = 0.0
        while run.poll() is None:
            used = cpu_seconds(run)
            time.sleep(0.2)
        finish(run)
        return (
            f"CPU {used + cpu_seconds(*processes) - idle:.1f} s in run and workers, {idle:.1f} s to start the cluster"
        )


def kill_local(pages: Path, out: Path) -> str:
    """kill -9 of a local worker, once in each pass."""
    run = start_run(pages, out, "--workers", "2")
    for pass_ in ("parse", "clean"):
        wait_for(out, pass_, 1, run)
        os.kill(busy(run.pid, "loky"), signal.SIGKILL)
    finish(run)
    return ""


def kill_dask(pages: Path, out: Path) -> str:
    """kill -9 of a Dask worker, once in each pass."""
    with cluster() as (address, processes):
        run = start_run(pages, out, "--engine", address)
        for pass_ in ("parse", "clean"):
            wait_for(out, pass_, 1, run)
            os.kill(busy(processes[1].pid, "spawn_main"), signal.SIGKILL)
        finish(run)
    return ""


def kill_driver(pages: Path, out: Path) -> str:
    """kill -9 of the run itself, in each pass, and then the same command again."""
    for pass_ in ("parse", "clean"):
        run = start_run(pages, out, "--workers", "2")
        wait_for(out, pass_, 2, run)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    kept = done(out, "clean")
    finish(start_run(pages, out, "--workers", "2"))
    return f"{kept} shards were done when it was killed last"


def hosts(pages: Path, out: Path) -> str:
    """Two hosts (network namespaces): scheduler, run and a worker on one, a worker on the other, which is cut off."""
    if os.geteuid() or not shutil.which("ip"):
        raise Skip("needs root and iproute2")
    one, two = f"hs{os.getpid()}a", f"hs{os.getpid()}b"
    made = subprocess.run(["ip", "netns", "add", one], capture_output=True, text=True)
    if made.returncode:
        raise Skip(f"no network namespaces here ({made.stderr.strip()})")
    processes: list[Process] = []
    try:
        for command in (
            f"netns add {two}", f"link add ve{os.getpid()} netns {one} type veth peer name ve{os.getpid()} netns {two}",
            f"-n {one} addr add 10.99.0.1/24 dev ve{os.getpid()}", f"-n {two} addr add 10.99.0.2/24 dev ve{os.getpid()}",
            f"-n {one} link set ve{os.getpid()} up", f"-n {two} link set ve{os.getpid()} up",
            f"-n {one} link set lo up", f"-n {two} link set lo up",
        ):  # fmt: skip
            subprocess.run(["ip", *command.split()], check=True)
        address, worker = (
            "tcp://10.99.0.1:8786",
            ("distributed.cli.dask_worker", "tcp://10.99.0.1:8786", "--nthreads", "1", "--no-dashboard"),
        )
        scheduler = ("distributed.cli.dask_scheduler", "--host", "10.99.0.1", "--port", "8786", "--no-dashboard")
        processes = [start(*scheduler, within=one), start(*worker, within=one), start(*worker, within=two)]
        time.sleep(12)
        run = start_run(pages, out, "--engine", address, within=one)
        wait_for(out, "clean", 1, run)
        subprocess.run(["ip", "-n", two, "link", "set", f"ve{os.getpid()}", "down"], check=True)
        cut = done(out, "clean")
        finish(run)
        return f"cut off when {cut} shards were done"
    finally:
        end(processes)
        for name in (one, two):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


FAULTS: dict[str, Callable[[Path, Path], str]] = {
    each.__name__: each for each in (local, dask, kill_local, kill_dask, kill_driver, hosts)
}


def make_pages(source: Path, folder: Path, count: int) -> None:
    """So many pages; where the source has fewer, they come again under other names."""
    found = sorted(source.rglob("*.html*"))
    folder.mkdir()
    for number in range(count):
        path = found[number % len(found)]
        shutil.copy(path, folder / f"{number // len(found)}-{path.name}")


def tables(out: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(out / name).sort_values(KEYS[name]).reset_index(drop=True) for name in TABLES}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FAULTS)}; default: all")
    parser.add_argument("--pages", type=Path, default=ROOT.parent / "shared/bench/html/dev", metavar="DIR")
    parser.add_argument("--count", type=int, default=2000, metavar="N")
    options = parser.parse_args()
    differ = 0
    with tempfile.TemporaryDirectory(prefix="faults") as name:
        folder = Path(name)
        make_pages(options.pages, folder / "in", options.count)
        began = time.time()
        run = start_run(folder / "in", folder / "serial", "--engine", "serial")
        used = 0.0
        while run.poll() is None:
            used = cpu_seconds(run)
            time.sleep(0.2)
        finish(run)
        wanted = tables(folder / "serial")
        rows = ", ".join(f"{len(table)} {name}" for name, table in wanted.items())
        print(f"serial: {time.time() - began:.0f} s, CPU {used:.1f} s; {rows}", flush=True)
        for fault in options.names or FAULTS:
            began = time.time()
            out = folder / fault
            try:
                said = FAULTS[fault](folder / "in", out)
            except Skip as reason:
                print(f"{fault}: skipped, {reason}", flush=True)
                continue
            found = tables(out)
            unequal = [name for name in TABLES if not _same(found[name], wanted[name])]
            left = [str(path) for path in out.glob("*/.*")] + [str(path) for path in out.glob(".*")]
            differ += bool(unequal or left)
            verdict = f"DIFFERENT: {unequal} {left}" if unequal or left else "equal, row for row"
            print(f"{fault}: {verdict}; {time.time() - began:.0f} s {said}", flush=True)
            shutil.rmtree(out)
    return 1 if differ else 0


def _same(found: pd.DataFrame, wanted: pd.DataFrame) -> bool:
    try:
        pd.testing.assert_frame_equal(found, wanted)
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
