"""The commands: what they print and write, and with which status they end."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE

import pipeline.parse
from pipeline.cli import main
from pipeline.model_store import SHIPPED

PAGE = SAMPLE / "harborwell" / "muscle-twitching.txt"


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_clean_writes_one_row_a_page_in_input_order(tmp_path):
    out = tmp_path / "clean.jsonl"
    assert main(["clean", str(PAGE), str(SAMPLE / "feed.jsonl"), "-o", str(out)]) == 0
    rows = lines(out)
    assert [row["id"] for row in rows] == ["muscle-twitching", "feed-hiccups", "feed-blisters", "feed-teens-sleep"]
    row = rows[0]
    assert list(row) == [
        "id", "url", "canonical", "site", "site_name", "title", "date", "modified", "author", "language", "page_kind",
        "text", "blocks", "error",
    ]  # fmt: skip
    assert list(row["blocks"][0]) == ["text", "kind", "level", "keep", "score", "reason", "span"]
    assert row["text"] == "\n".join(b["text"] for b in row["blocks"] if b["keep"])
    source = PAGE.read_text(encoding="utf-8")
    assert all(source[b["span"][0] : b["span"][1]] == b["text"] for b in row["blocks"])
    assert all((b["reason"] is None) == b["keep"] for b in row["blocks"])
    assert [b["span"] for b in rows[2]["blocks"]] == [None] * len(rows[2]["blocks"])  # HTML


def test_tag_reads_what_clean_writes(tmp_path):
    cleaned, tagged = tmp_path / "clean.jsonl", tmp_path / "tagged.jsonl"
    main(["clean", str(PAGE), "-o", str(cleaned)])
    assert main(["tag", str(cleaned), "-o", str(tagged)]) == 0
    (row,), (article,) = lines(tagged), lines(cleaned)
    assert (row["id"], row["title"]) == (article["id"], article["title"])
    tags = {section["heading"]: section["tags"] for section in row["sections"]}
    assert tags["What causes muscle twitching?"][0] == "causes"
    assert tags["When should you see a doctor?"][0] == "warning_signs"
    for section in row["sections"]:
        assert set(section["scores"]) == {"causes", "remedies", "warning_signs"}
        for passage in section["passages"]:
            assert article["blocks"][passage["block"]]["text"] == passage["text"]
            assert article["blocks"][passage["block"]]["keep"]


def test_tag_takes_bare_blocks_from_standard_input(monkeypatch, capsys):
    blocks = [
        {"kind": "heading", "text": "What causes hiccups?"},
        {"kind": "paragraph", "text": "Eating too fast is the most common cause of hiccups, because air is swallowed with the food."},
    ]  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps({"id": "x", "blocks": blocks}).encode())))
    assert main(["tag", "-"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["sections"][0]["tags"] == ["causes"]
    assert row["sections"][0]["passages"][0]["block"] == 1


def test_explain_shows_every_block_and_every_passage(capsys):
    assert main(["explain", str(PAGE)]) == 0
    out = capsys.readouterr().out
    assert "0 drop" in out
    assert "[breadcrumb]" in out
    assert "[headline list] Ranking" in out
    assert "Section 3: What causes muscle twitching?  [causes" in out
    assert "warning_signs: " in out


def test_run_prints_counts_and_the_report(tmp_path, capsys):
    assert main(["run", str(PAGE), "-o", str(tmp_path / "out"), "--engine", "serial"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("1 pages, ")
    assert printed.out.endswith("report.html\n")
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(("max_failed", "status"), [("0.1", 1), ("0.4", 1), ("0.5", 0)])
def test_status_1_where_too_many_pages_failed(tmp_path, max_failed, status):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty.html").write_bytes(b"")
    shutil.copy(PAGE, tmp_path / "in")
    assert (
        main(
            ["run", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--engine", "serial", "--max-failed", max_failed]
        )
        == status
    )


def test_clean_takes_columns_by_name_from_standard_input(tmp_path, monkeypatch):
    row = json.dumps({"key": "k", "body": "Some words of a page."}) + "\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(row.encode()))))
    assert main(["clean", "-", "--id-column", "key", "--text-column", "body", "-o", str(tmp_path / "out.jsonl")]) == 0
    (row,) = lines(tmp_path / "out.jsonl")
    assert (row["id"], row["blocks"][0]["text"]) == ("k", "Some words of a page.")


def test_clean_gives_a_bad_page_a_row_and_goes_on(tmp_path, capsys):
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(b"x" * 100_000)[:-20])
    (tmp_path / "b.txt").write_text("Some words of a page.")
    assert main(["clean", str(tmp_path), "-o", str(tmp_path / "out.jsonl")]) == 1
    bad, good = lines(tmp_path / "out.jsonl")
    assert bad["error"].startswith("read: EOFError: damaged or cut short")
    assert (bad["id"], bad["text"], bad["blocks"]) == ("a", "", [])
    assert (good["id"], good["error"]) == ("b", None)
    assert "1 of 2 pages failed" in capsys.readouterr().err


@pytest.fixture
def corrupt(tmp_path):
    shutil.copytree(SHIPPED / "cleaner", tmp_path / "corrupt")
    arrays = tmp_path / "corrupt" / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:1000])
    return tmp_path / "corrupt"


def test_status_2_on_wrong_use(tmp_path, corrupt, capsys):
    (tmp_path / "bad.jsonl").write_text("no json\n")
    (tmp_path / "kind.jsonl").write_text('{"blocks": [{"kind": "poem", "text": "x"}]}\n')
    out = str(tmp_path / "out")
    cases = [
        (["run", "nowhere", "-o", out], "pipeline run: nowhere: no such file or folder"),
        (["clean", str(ROOT / "LICENSE"), "-o", out], "no known format"),
        (["run", str(PAGE), "-o", out, "--cleaner", str(corrupt)], "arrays.npz: damaged"),
        (["clean", str(PAGE), "-o", out, "--cleaner", str(tmp_path / "none")], "manifest.json: cannot be read"),
        (["run", str(PAGE), "-o", str(ROOT / "LICENSE")], "is a file; name a folder"),
        (["tag", str(tmp_path / "bad.jsonl"), "-o", out], "bad.jsonl:1: is no JSON"),
        (["tag", str(tmp_path / "kind.jsonl"), "-o", out], 'block 0 needs a "text" and a "kind" of heading, paragraph'),
        (["tag", str(tmp_path / "missing.jsonl"), "-o", out], "missing.jsonl: cannot be read"),
        (["clean", str(PAGE), "-o", str(tmp_path / "no" / "folder" / "x")], "cannot be written"),
        (["explain", str(SAMPLE / "feed.jsonl")], "holds 3 pages; explain takes a file with one"),
        (["train", "cleaner", "--corpus", str(tmp_path / "none"), "-o", out], "cannot be read"),
        (["train", "tagger", "--corpus", str(tmp_path / "none"), "-o", out], "cannot be read"),
        (["evaluate", "--sample", str(tmp_path / "none")], "no such file or folder"),
    ]
    for argv, message in cases:
        assert main(argv) == 2, argv
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists(), argv


def test_an_output_is_never_left_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.jsonl.clean_row", lambda article: 1 / 0)
    out = tmp_path / "out.jsonl"
    out.write_text("old\n")
    main(["clean", str(PAGE), "-o", str(out)])
    assert json.loads(out.read_text())["error"].startswith("clean: ZeroDivisionError")
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["run"],
        ["frobnicate"],
        ["run", "x", "-o", "y", "--limit", "0"],
        ["run", "x", "-o", "y", "--max-failed", "2"],
    ],
)
def test_argparse_ends_with_status_2(argv):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2


def test_help_is_quick_to_import():
    """Neither scikit-learn nor pandas is needed to tell what the commands are."""
    code = "import sys; from pipeline.cli import build_parser; build_parser(); sys.exit(bool({'sklearn', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_clean_counts_what_a_site_repeats_and_takes_the_table_back(tmp_path, capsys):
    for n, topic in enumerate(("knee", "back", "hip", "neck")):
        story = (
            f"The {topic} clinic told its patients what to do when {topic} pain comes back in the middle of the night."
        )
        page = f"Our promise to every reader of these pages\n\n{story}\n\n{story.replace('told', 'asked')}\n"
        (tmp_path / "pages").mkdir(exist_ok=True)
        (tmp_path / "pages" / f"{n}.txt").write_text(page, encoding="utf-8")
    rows = [{"id": p.stem, "text": p.read_text(), "site": "a.example"} for p in sorted((tmp_path / "pages").iterdir())]
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    table, one, two = (str(tmp_path / name) for name in ("table.jsonl", "one.jsonl", "two.jsonl"))
    assert main(["clean", str(feed), "-o", one, "--save-site-table", table]) == 0
    row = {"site": "a.example", "pages": 4, "count": 4, "text": "our promise to every reader of these pages"}
    assert [json.loads(line) for line in Path(table).read_text().splitlines()] == [row]
    assert main(["clean", str(feed), "-o", two, "--site-table", table]) == 0
    assert Path(one).read_bytes() == Path(two).read_bytes()
    assert main(["clean", str(feed), "-o", two, "--site-table", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_clean_counts_pages_of_standard_input_and_parses_each_once(tmp_path, monkeypatch, capsys):
    rows = [
        {"id": topic, "text": f"Ask us.\n\nAll of the {topic}.", "site": "a.example"}
        for topic in ("knee", "hip", "back")
    ]
    lines = "".join(json.dumps(row) + "\n" for row in [*rows, {"id": "no page"}]).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(lines))))
    parsed, parse = [], pipeline.parse.parse
    monkeypatch.setattr("pipeline.parse.parse", lambda raw, parser: parsed.append(raw.page_id) or parse(raw, parser))
    assert main(["clean", "-", "--save-site-table", str(tmp_path / "table.jsonl")]) == 1
    assert parsed == ["knee", "hip", "back"]
    table = {"site": "a.example", "pages": 3, "count": 3, "text": "ask us."}
    assert json.loads((tmp_path / "table.jsonl").read_text()) == table
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in said if row["error"] is None] == parsed
    assert [row["id"] for row in said if row["error"]] == ["no page"]
