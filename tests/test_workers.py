"""Workers die and the run goes on: the page that kills is an error row, every other page is there once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import threadpoolctl
from conftest import ROOT
from test_run import MODELS, SAMPLE, do_run, tables

from pipeline.blame import Begun, deaths
from pipeline.cli import main
from pipeline.limits import Limits
from pipeline.model_store import model_digest
from pipeline.passes import Bucket, Job, work
from pipeline.places import Places
from pipeline.plan import plan
from pipeline.read import find
from pipeline.shard import Settings
from pipeline.workers import RunError, drive, open_workers

TEXT = (SAMPLE / "harborwell" / "muscle-twitching.txt").read_text(encoding="utf-8")
#: More CPU time than the test's limit, less than the tests' patience.
SLOW = "<!doctype html><p>word</p>" + "".join(f"<b id=x{i}><p>word" for i in range(1_990))


def test_places_of_death_are_counted_and_survive(tmp_path):
    path = tmp_path / "shards" / ".x.begun"
    for place in ("0 1 page", "0 1 page", "0 7 read"):
        begun = Begun(path)  # never left: as if the process had died
        begun.note("0 0 read")
        begun.note(place)
    assert deaths(path) == 3
    with pytest.raises(ValueError, match="no death"), Begun(path) as begun:
        begun.note("0 9 page")
        assert begun.deaths == {"0 1 page": 2, "0 7 read": 1}
        raise ValueError("no death")
    assert deaths(path) == 3
    with Begun(path):
        pass
    assert deaths(path) == 0


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}


def test_this_process_multiplies_in_one_thread(tmp_path):
    article = tmp_path / "article.jsonl"
    article.write_text('{"id": "a", "blocks": []}')
    with threadpoolctl.threadpool_limits(2):
        with open_workers("serial", 1, 2048):
            assert blas_threads() == {1}
    with threadpoolctl.threadpool_limits(2):
        assert main(["tag", str(article), "-o", str(tmp_path / "out.jsonl")]) == 0
        assert blas_threads() == {1}


def test_a_page_that_kills_its_worker_becomes_an_error_row(tmp_path):
    rows = [{"id": f"row{n}", "text": TEXT} for n in range(3)]
    rows.insert(1, {"id": "slow", "html": SLOW})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    limits = Limits(cpu_seconds=0.5, tries=2)
    summary, _ = do_run([tmp_path / "in.jsonl"], tmp_path / "out", workers=2, limits=limits)
    found = tables(tmp_path / "out")
    assert summary["counts"]["pages"] == 3
    assert found["pages"]["page_id"].tolist() == ["row0", "row1", "row2"]
    (error,) = found["errors"].to_dict("records")
    assert (error["page_id"], error["stage"], error["error"]) == ("slow", "parse", "killed_worker")
    assert "2 workers died at it: it takes more than 0.5 CPU seconds" in error["message"]
    assert not list((tmp_path / "out" / "shards").glob(".*"))


class Named(NamedTuple):
    """A task, of which the loop knows no more than its name."""

    name: str


def work_or_die(folder, task, times=2):
    """Die at the task called "victim", a few times, at different pages."""
    begun = Begun(folder / task.name)
    begun.note(f"0 {sum(begun.deaths.values())} page")
    if task.name == "victim" and sum(begun.deaths.values()) < times:
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    with begun:
        (folder / f"{task.name}.{os.getpid()}").touch()
    return {"name": task.name}


def test_a_death_costs_other_tasks_nothing(tmp_path):
    tasks = [Named(name) for name in ("one", "victim", "two", "three", "four")]
    with open_workers("local", 2, 2048) as workers:
        results = list(drive(tasks, partial(work_or_die, tmp_path), workers, tmp_path.joinpath, 3))
    assert sorted(result["name"] for result in results) == ["four", "one", "three", "two", "victim"]
    assert len(list(tmp_path.glob("*.[0-9]*"))) == 5  # each was worked on once to its end


def test_workers_do_not_outlive_a_killed_driver(tmp_path):
    driver = f"""
import os, pathlib, time
from pipeline.workers import open_workers
def say(task):
    import os
    pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
with open_workers("local", 1, 2048) as workers:
    workers.submit(say, None).result()
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", driver], cwd=ROOT, timeout=60)
    status, patience = Path(f"/proc/{(tmp_path / 'pid').read_text()}/status"), time.time() + 20

    def lives():
        return status.exists() and "State:\tZ" not in status.read_text()

    while lives() and time.time() < patience:
        time.sleep(0.1)
    assert not lives()


def die(task):
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_never_begin_end_the_run(tmp_path):
    with open_workers("local", 1, 2048) as workers, pytest.raises(RunError, match="before they begin a page"):
        list(drive([Named("one")], die, workers, tmp_path.joinpath, 3))


def test_memory_is_capped():
    with open_workers("local", 1, 800) as workers:
        assert workers.submit(partial(fill, 100), Named("x")).result() == 100
        with pytest.raises(MemoryError):
            workers.submit(partial(fill, 900), Named("x")).result()


def fill(megabytes, task):
    return len(bytearray(megabytes << 20)) >> 20


def test_an_unknown_engine_is_named(tmp_path):
    with pytest.raises(RunError, match="--engine spark: unknown; known are serial, local, and the tcp://HOST:PORT"):
        do_run([SAMPLE], tmp_path / "out", engine="spark")


def test_the_driver_loads_no_models_and_no_heavy_package(tmp_path):
    """They cost 150 MB, which only workers need."""
    look = f"""
import sys, pipeline
from pathlib import Path
from pipeline.engine import RunOptions, run
from pipeline.model_store import SHIPPED
run([{str(SAMPLE / "harborwell")!r}], Path({str(tmp_path / "out")!r}), RunOptions(workers=1),
    (SHIPPED / "cleaner", SHIPPED / "tagger"), lambda *step: None)
print(*sorted({{"pandas", "scipy", "sklearn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@contextmanager
def worked(source, out):
    """A worker that took all pages of a source through both passes; gives a function that evaluates a term in it."""
    (shard,) = plan(find([str(source)]), None)
    digests = model_digest(MODELS[0], "cleaner"), model_digest(MODELS[1], "tagger")
    job = Job(str(ROOT), Places(out), MODELS, digests, Settings())
    with open_workers("local", 1, 2048) as workers:
        for pass_, task in (("parse", shard), ("count", Bucket("sites-0", 0)), ("clean", shard)):
            workers.submit(partial(work, job, pass_), task).result()
        yield lambda term: workers.submit(eval, term).result()


def test_a_worker_loads_no_package_that_it_does_not_need(tmp_path):
    """Of scikit-learn only the compiled kernel for trees; the rest of it and pandas cost 126 MB and a second, each worker."""
    with worked(SAMPLE / "harborwell", tmp_path / "out") as look:
        assert look("sorted({'pandas', 'scipy', 'sklearn'} & set(__import__('sys').modules))") == []
    assert len(pd.read_parquet(tmp_path / "out" / "passages")) > 20


def test_a_worker_stays_small(tmp_path):
    """Its peak, shared libraries included, with the model of languages loaded; tests/scale/memory.py measures whole runs."""
    words = (
        "krampf nacht wasser salz dehnen arzt schmerz schlaf kissen nerv knöchel schwellung fieber tee ingwer".split()
    )
    rows = [{"id": str(n), "text": "\n\n".join([" ".join(words[n % 7 :]) + "."] * 60), "site": "a"} for n in range(150)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with worked(tmp_path / "in.jsonl", tmp_path / "out") as look:
        peak = re.search(r"VmHWM:\s+(\d+) kB", look("open('/proc/self/status').read()"))
    assert int(peak[1]) < 350_000


def test_an_attempt_given_up_for_lost_does_no_harm(tmp_path):
    """Two attempts on one shard write beside each other; the parts of both are equal, and none is left over."""
    do_run([SAMPLE], tmp_path / "out", engine="serial")
    before = tables(tmp_path / "out")
    for path in (tmp_path / "out").glob("*/part-*.parquet"):
        path.with_name(f".{path.stem}.0badcafe").write_bytes(b"half a part")
    for path in (tmp_path / "out" / "shards").glob("*.json"):
        path.unlink()
    do_run([SAMPLE], tmp_path / "out", engine="serial")
    assert not list((tmp_path / "out").glob("*/.*"))
    for name, table in tables(tmp_path / "out").items():
        pd.testing.assert_frame_equal(table, before[name])
