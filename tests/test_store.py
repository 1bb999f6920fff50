"""Inputs and outputs in a store: the tables are those of a run from folder to folder."""

from __future__ import annotations

import json
import re

import fsspec
import pandas as pd
import pytest
from conftest import SAMPLE
from test_accounting import FILES
from test_run import KEYS, MODELS, do_run, tables

from pipeline.batch import load_batch
from pipeline.blame import Begun, deaths
from pipeline.cli import main
from pipeline.engine import RunOptions, run
from pipeline.places import written
from pipeline.read import InputError, find
from pipeline.report import write_report
from pipeline.store import folder
from pipeline.workers import RunError
from pipeline.write import TABLES

PAGE = SAMPLE / "harborwell" / "muscle-twitching.txt"


@pytest.fixture
def memory():
    store = fsspec.filesystem("memory")

    def empty():
        store.store.clear()
        store.pseudo_dirs[:] = [""]

    empty()
    yield store
    empty()


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A folder with every format, and the tables of a run on it."""
    place = tmp_path_factory.mktemp("all")
    (place / "in").mkdir()
    for name, (data, _, _) in FILES.items():
        (place / "in" / name).write_bytes(data)
    do_run([place / "in"], place / "out", engine="serial")
    return place / "in", tables(place / "out")


def run_to(inputs, out, **options):
    return run(inputs, folder(out), RunOptions(engine="serial", **options), MODELS, lambda *step: None)


def assert_same(found, wanted):
    """But for where the pages came from."""
    for name in TABLES:
        one, other = (
            table[name].drop(columns=[c for c in ("source", "message") if c in table[name]])
            for table in (found, wanted)
        )
        pd.testing.assert_frame_equal(one, other)


def test_every_format_is_read_from_a_store_and_every_table_written_to_one(everything, memory):
    source, wanted = everything
    memory.put(f"{source}/", "/in", recursive=True)
    summary = run_to(["memory://in"], "memory://out")
    found = {}
    for name in TABLES:
        parts = [pd.read_parquet(memory.open(path)) for path in memory.glob(f"/out/{name}/*.parquet")]
        found[name] = pd.concat(parts).sort_values(KEYS[name]).reset_index(drop=True)
    assert_same(found, wanted)
    assert json.loads(memory.cat_file("/out/run.json")) == summary
    assert b"<html" in memory.cat_file("/out/report.html")
    assert not [path for path in memory.find("/out") if "/." in path]


def test_an_address_may_be_that_of_a_folder_here(everything, tmp_path):
    source, wanted = everything
    run_to([f"file://{source}"], f"file://{tmp_path}/out")
    assert_same(tables(tmp_path / "out"), wanted)
    assert len(load_batch(f"file://{tmp_path}/out").pages) == len(wanted["pages"])


def test_a_run_in_a_store_goes_on_grows_and_is_replaced(memory):
    memory.put(str(PAGE), "/in/one.txt")
    assert run_to(["memory://in"], "memory://out")["counts"]["pages"] == 1
    memory.rm_file("/out/shards/part-00000.json")
    memory.pipe_file("/out/pages/.part-00000.0badcafe", b"half a part")
    assert run_to(["memory://in"], "memory://out")["counts"]["pages"] == 1
    assert not memory.exists("/out/pages/.part-00000.0badcafe")
    memory.put(str(PAGE), "/in/two.txt")
    assert run_to(["memory://in"], "memory://out")["duplicates"] == 1
    with pytest.raises(RunError, match="other limit; use --replace"):
        run_to(["memory://in"], "memory://out", limit=1)
    assert run_to(["memory://in"], "memory://out", limit=1, replace=True)["counts"]["pages"] == 1
    assert {path.split("/")[1] for path in memory.find("/")} == {"in", "out"}


def test_pages_that_kill_are_noted_in_a_store_from_the_second_death_on(memory):
    path = folder("memory://out/shards/.x.parse")
    Begun(path).note("0 1 page")  # never left: as if the process had died
    assert deaths(path) == 1
    for _ in range(2):
        begun = Begun(path)
        begun.note("0 6 page")
        begun.note("0 7 page")
    assert deaths(path) == 3
    with pytest.raises(ValueError, match="no death"), Begun(path) as begun:
        begun.note("0 9 page")
        assert begun.deaths == {"somewhere": 1, "0 7 page": 2}
        raise ValueError("no death")
    assert deaths(path) == 3
    with Begun(path):
        pass
    assert deaths(path) == 0


def test_a_smaller_report_leaves_no_data_of_the_larger_one(memory, monkeypatch):
    monkeypatch.setattr("pipeline.report.files.FILE_CHARACTERS", 1000)
    memory.put(f"{SAMPLE}/harborwell/", "/in", recursive=True)
    run_to(["memory://in"], "memory://out")
    before = memory.glob("/out/report-data/*.js")
    write_report(folder("memory://out"), 1)
    assert len(before) > len(memory.glob("/out/report-data/*.js")) > 0


def test_other_commands_read_a_run_in_a_store(memory, tmp_path, capsys):
    memory.put(f"{SAMPLE}/harborwell/", "/in", recursive=True)
    run_to(["memory://in"], "memory://out")
    assert main(["explain", "memory://in/muscle-twitching.txt", "--run", "memory://out"]) == 0
    assert "65 blocks" in capsys.readouterr().out
    assert main(["export", "memory://out", "--csv", str(tmp_path / "out.csv")]) == 0
    assert "muscle-twitching" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    capsys.readouterr()
    assert main(["compare", "memory://out", "memory://out"]) == 0
    assert re.search(r"^0 of \d+ comparisons", capsys.readouterr().out, re.M)


def test_what_cannot_be_reached_or_used_is_named(memory, capsys):
    with pytest.raises(InputError, match="memory://nowhere: no such file or folder"):
        find(["memory://nowhere"])
    with pytest.raises(InputError, match="nix://x: cannot be reached"):
        find(["nix://x"])
    with pytest.raises(SystemExit) as stop:
        main(["run", str(PAGE), "-o", "nix://x"])
    assert stop.value.code == 2
    assert "nix://x: Protocol not known" in capsys.readouterr().err
    memory.pipe_file("/in/thesis.doc", b"precious")
    with pytest.raises(InputError, match="nothing to read in memory://in"):
        find(["memory://in"])
    with pytest.raises(RunError, match="holds no run"):
        run_to([str(PAGE)], "memory://in", replace=True)


def test_a_broken_write_leaves_no_file(memory):
    with pytest.raises(ValueError, match="broken off"), written(folder("memory://out/x")) as hidden:
        hidden.write_text("half")
        raise ValueError("broken off")
    assert memory.find("/out") == []
