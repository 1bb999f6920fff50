"""run: the whole way from folders to tables, twice the same; every page accounted for; broken-off runs go on."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import LABELS, SAMPLE

from pipeline.engine import RunOptions, run
from pipeline.model_store import SHIPPED
from pipeline.places import Places
from pipeline.plan import plan
from pipeline.read import Columns, Source, find
from pipeline.workers import RunError
from pipeline.write import TABLES, passage_id, schemas, text_hash

MODELS = (SHIPPED / "cleaner", SHIPPED / "tagger")
KEYS = {"pages": ["page_id"], "sections": ["section_id"], "passages": ["passage_id"],
        "dropped": ["page_id", "position"], "errors": ["page_id", "source"]}  # fmt: skip


def do_run(inputs, out, **options):
    out = Path(out)
    steps = []
    summary = run([str(i) for i in inputs], out, RunOptions(**options), MODELS, lambda *step: steps.append(step))
    return summary, steps


def tables(out):
    return {name: pd.read_parquet(out / name).sort_values(KEYS[name]).reset_index(drop=True) for name in TABLES}


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    summary, steps = do_run([SAMPLE], out, engine="serial")
    return out, summary, steps


def test_every_page_is_a_row_and_counts_agree(sample_run):
    out, summary, steps = sample_run
    found = tables(out)
    assert summary["counts"] == {name: len(table) for name, table in found.items()}
    assert len(found["pages"]) == 19
    assert len(found["errors"]) == 0
    shards = len(list((out / "shards").glob("*.json")))
    assert steps[0] == (0, 0, 3 * shards)
    assert steps[-1] == (19, 3 * shards, 3 * shards)


def test_columns_are_those_of_the_schemas(sample_run):
    for name, table in tables(sample_run[0]).items():
        assert list(table.columns) == schemas(LABELS)[name].names


def test_offsets_point_into_the_page_text(sample_run):
    found = tables(sample_run[0])
    text = found["pages"].set_index("page_id")["text"]
    assert len(found["passages"]) > 100
    for row in found["passages"].itertuples():
        assert text[row.page_id][row.start : row.end] == row.text


def test_passages_have_ids_of_their_own_and_sections(sample_run):
    found = tables(sample_run[0])
    assert found["passages"]["passage_id"].is_unique
    assert set(found["passages"]["section_id"]) <= set(found["sections"]["section_id"])


def test_only_english_articles_are_tagged(sample_run):
    found = tables(sample_run[0])
    pages = found["pages"].set_index("page_id")
    tagged = set(found["passages"]["page_id"])
    assert pages.loc["manos-dormidas", "language"] == "es"
    assert pages.loc["manos-dormidas", "words"] > 200
    assert pages.loc["health-front", "page_kind"] == "list"
    assert tagged == set(pages.index) - {"manos-dormidas", "health-front"}


def test_evidence_stands_in_the_passage(sample_run):
    passages = tables(sample_run[0])["passages"]
    some = 0
    for row in passages.itertuples():
        assert [e["tag"] for e in row.evidence] == list(row.tags)
        for evidence in row.evidence:
            assert 0 <= evidence["start"] < evidence["end"] <= len(row.text)
            some += len(evidence["terms"])
    assert some > 100


def test_scores_are_rounded_probabilities(sample_run):
    passages = tables(sample_run[0])["passages"]
    for label in ("causes", "remedies", "warning_signs"):
        assert passages[label].between(0, 1).all()
        assert (passages[label] == passages[label].round(4)).all()


def test_a_second_run_and_two_workers_give_equal_tables(sample_run, tmp_path):
    do_run([SAMPLE], tmp_path / "local", engine="local", workers=2)
    first, second = tables(sample_run[0]), tables(tmp_path / "local")
    for name in TABLES:
        pd.testing.assert_frame_equal(first[name], second[name])


def test_a_finished_run_has_nothing_to_do(sample_run):
    out, _, _ = sample_run
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*.parquet")}
    _, steps = do_run([SAMPLE], out, engine="serial")
    assert len(steps) == 1
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/*.parquet")} == before


@pytest.fixture
def many(tmp_path):
    """Three shards: a table of its own, and pages before and after it."""
    folder = tmp_path / "in"
    folder.mkdir()
    page = (SAMPLE / "harborwell" / "muscle-twitching.txt").read_text(encoding="utf-8")
    (folder / "a.txt").write_text(page, encoding="utf-8")
    rows = [{"id": f"row{n}", "text": page, "site": "rows.example"} for n in range(3)]
    (folder / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "c.txt").write_text(page, encoding="utf-8")
    return folder


def test_a_broken_run_goes_on_where_it_was(many, tmp_path):
    do_run([many], tmp_path / "whole", engine="serial")
    whole = tables(tmp_path / "whole")
    out = tmp_path / "out"
    do_run([many], out, engine="serial")
    shards = sorted(path.stem for path in (out / "shards").glob("*.json"))
    assert len(shards) == 3
    Places(out).marker(shards[1]).unlink()  # as if the shard had been cut off before its marker
    (out / "pages" / f"{shards[1]}.parquet").write_bytes(b"half a part")
    (out / "pages" / f".{shards[1]}.parquet").write_bytes(b"another")
    untouched = (out / "pages" / f"{shards[0]}.parquet").stat().st_mtime_ns
    _, steps = do_run([many], out, engine="serial")
    assert steps == [(2, 6, 9), (2, 7, 9), (5, 9, 9)]
    assert (out / "pages" / f"{shards[0]}.parquet").stat().st_mtime_ns == untouched
    for name, table in tables(out).items():
        pd.testing.assert_frame_equal(table, whole[name])


def test_another_run_in_the_same_folder_is_refused_and_replaced_on_request(many, tmp_path):
    out = tmp_path / "out"
    do_run([many], out, engine="serial")
    with pytest.raises(RunError, match="other limit; use --replace"):
        do_run([many], out, engine="serial", limit=2)
    summary, _ = do_run([many], out, engine="serial", limit=2, replace=True)
    assert summary["counts"]["pages"] == 2
    assert len(tables(out)["pages"]) == 2
    assert not list(tmp_path.glob(".out*"))


def test_a_changed_file_makes_another_run(many, tmp_path):
    do_run([many], tmp_path / "out", engine="serial")
    (many / "c.txt").write_text("now it says something else")
    with pytest.raises(RunError, match="other sources"):
        do_run([many], tmp_path / "out", engine="serial")


def test_a_folder_with_other_things_is_left_alone(many, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("precious")
    with pytest.raises(RunError, match="holds no run"):
        do_run([many], tmp_path / "out", replace=True)
    assert (tmp_path / "out" / "thesis.doc").exists()


@pytest.mark.parametrize(("limit", "pages"), [(1, 1), (3, 3), (4, 4), (99, 5)])
def test_limit_counts_pages(many, tmp_path, limit, pages):
    summary, _ = do_run([many], tmp_path / "out", engine="serial", limit=limit)
    assert summary["counts"]["pages"] == pages


BAD = {
    "empty.html": b"",
    "blank.txt": b" \n\n ",
    "binary.html": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "nul.txt": b"\0" * 5000,
    "cut.html.gz": gzip.compress(bytes(range(256)) * 4000)[:-400],
    "rows.jsonl": b'{"id": "good", "text": "Some words."}\nno json\n{"id": "bad"}\n',
}


def test_bad_input_becomes_error_rows_and_the_rest_is_unharmed(many, tmp_path):
    for name, data in BAD.items():
        (many / name).write_bytes(data)
    summary, _ = do_run([many], tmp_path / "out", engine="serial")
    found = tables(tmp_path / "out")
    assert summary["counts"]["pages"] == 6
    causes = found["errors"].set_index("page_id")[["stage", "error"]].apply(tuple, axis=1).to_dict()
    assert causes == {
        "empty": ("parse", "NoText"),
        "blank": ("parse", "NoText"),
        "binary": ("parse", "NoText"),
        "nul": ("parse", "NoText"),
        "cut": ("read", "EOFError"),
        "rows:2": ("read", "BadJson"),
        "bad": ("read", "BadRow"),
    }
    messages = found["errors"].set_index("page_id")["message"]
    assert messages["binary"] == "the page is binary data, neither HTML nor text"
    assert "cut short after" in messages["cut"]


def test_a_run_of_nothing_but_errors_has_readable_tables_and_a_report(tmp_path):
    (tmp_path / "empty.html").write_bytes(b"")
    do_run([tmp_path / "empty.html"], tmp_path / "out", engine="serial")
    assert [len(table) for table in tables(tmp_path / "out").values()] == [0, 0, 0, 0, 1]
    assert "NoText" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_shards_hold_every_source_once_and_not_too_much(tmp_path):
    for n in range(450):
        (tmp_path / f"p{n:03}.txt").write_text("x")
    sources = find([str(tmp_path)])
    shards = list(plan(sources, None))
    assert [len(shard.sources) for shard in shards] == [200, 200, 50]
    assert [s for shard in shards for s in shard.sources] == sources


def test_a_table_is_cut_into_shards(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "x"}\n' * 450)
    shards = list(plan(find([str(tmp_path / "rows.jsonl")]), None))
    assert [(s.sources[0].row, s.sources[0].rows) for s in shards] == [(1, 200), (201, 200), (401, 50)]
    assert isinstance(shards[0].sources[0], Source)


def test_ids_name_texts_whatever_their_white_space():
    assert text_hash("a  b\n c") == text_hash("a b c") != text_hash("a b d")
    assert passage_id("p", "0" * 16, 0) != passage_id("p", "0" * 16, 1)


def test_the_replaced_run_is_swapped_in_whole(many, tmp_path, monkeypatch):
    out = tmp_path / "out"
    do_run([many], out, engine="serial")
    before = (out / "run.json").read_text()
    shutil.copy(many / "a.txt", many / "d.txt")
    monkeypatch.setattr("pipeline.passes.clean_shard", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        do_run([many], out, engine="serial", replace=True)
    assert (out / "run.json").read_text() == before  # the old run stands until the new one is whole


def stdin(monkeypatch, data: bytes):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))


@pytest.mark.parametrize("options", [{"engine": "serial"}, {"workers": 2}])
def test_standard_input_runs_beside_files_and_is_told(many, tmp_path, monkeypatch, options):
    stdin(monkeypatch, b'{"id": "from stdin", "text": "Some words."}\n')
    summary, _ = do_run([many, "-"], tmp_path / "out", **options)
    assert summary["spec"]["stdin"]
    assert summary["counts"]["pages"] == 6
    assert "from stdin" in set(tables(tmp_path / "out")["pages"]["page_id"])


def test_a_run_on_standard_input_is_never_resumed(tmp_path, monkeypatch):
    stdin(monkeypatch, b'{"id": "one", "text": "Some words."}')
    do_run(["-"], tmp_path / "out")
    stdin(monkeypatch, b'{"id": "another", "text": "Some words."}')
    with pytest.raises(RunError, match="standard input cannot go on; use --replace"):
        do_run(["-"], tmp_path / "out")
    summary, _ = do_run(["-"], tmp_path / "out", replace=True)
    assert summary["counts"]["pages"] == 1
    assert tables(tmp_path / "out")["pages"]["page_id"].tolist() == ["another"]


def test_the_names_of_columns_belong_to_the_run(tmp_path):
    (tmp_path / "t.csv").write_text("name,text\nfirst,Some words.\n")
    do_run([tmp_path / "t.csv"], tmp_path / "out", engine="serial", columns=Columns(id="name"))
    assert tables(tmp_path / "out")["pages"]["page_id"].tolist() == ["first"]
    with pytest.raises(RunError, match="other columns"):
        do_run([tmp_path / "t.csv"], tmp_path / "out", engine="serial", columns=Columns(title="name"))
