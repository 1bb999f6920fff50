"""A Dask cluster gives what one process gives; deaths in it are tried in tests/faults."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pandas as pd
import pytest
from conftest import ROOT
from test_run import SAMPLE, do_run, tables

from pipeline.workers import RunError
from pipeline.write import TABLES

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")


@contextmanager
def cluster():
    """A scheduler and a worker, as one starts them by hand; gives the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    commands = [
        ["scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"],
        ["worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "20"],
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{name}", *rest], env=environment, stderr=subprocess.DEVNULL
        )
        for name, *rest in commands
    ]
    try:
        yield address
    finally:
        for process in reversed(started):
            process.kill()
        for process in started:
            process.wait()


def test_a_cluster_gives_the_tables_of_one_process(tmp_path, monkeypatch):
    (tmp_path / "sample").symlink_to(SAMPLE)
    with cluster() as address:
        monkeypatch.chdir(tmp_path)  # the worker stands elsewhere: paths are as the driver sees them
        summary, _ = do_run(["sample"], "cluster", engine=address)
    assert summary["engine"] == address
    do_run(["sample"], "serial", engine="serial")
    one, many = tables(tmp_path / "serial"), tables(tmp_path / "cluster")
    for name in TABLES:
        pd.testing.assert_frame_equal(one[name], many[name])


def test_workers_with_more_than_one_thread_are_refused(tmp_path, monkeypatch):
    class TwoThreads:
        def __init__(self, address, timeout):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def scheduler_info(self, n_workers):
            return {"workers": {"tcp://a": {"nthreads": 1}, "tcp://b": {"nthreads": 2}}}

    monkeypatch.setattr(distributed, "Client", TwoThreads)
    with pytest.raises(RunError, match="start its workers with --nthreads 1"):
        do_run([SAMPLE], tmp_path / "out", engine="tcp://127.0.0.1:9")


def test_a_scheduler_that_does_not_answer_is_said(tmp_path, monkeypatch):
    def silent(address, timeout):
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", silent)
    with pytest.raises(RunError, match="no scheduler answers"):
        do_run([SAMPLE], tmp_path / "out", engine="tcp://127.0.0.1:9")
