"""export: a run in the forms that others read, and nothing a page says acts in any of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import LABELS
from test_report import HOSTILE, dropped, page, passage, section, write_run

from pipeline.cli import main
from pipeline.export.dataset import card
from pipeline.export.markdown import escape, file_name
from pipeline.export.spreadsheet import CELL_CHARACTERS, to_cell
from pipeline.write import schemas

TABLES = {
    "pages": [
        page("numb", url="https://knees.example/numb", author="Ada Vale", date="2025-02-03", text="so\nmuch"),
        page("evil/1", title=HOSTILE, url="javascript:x", site="=cmd()", text=HOSTILE),
        page("schlaf", language="de", title=None, text="Ein Glas Wasser hilft.\nUnd Ruhe."),
        page("empty", page_kind="none", text=""),
    ],
    "sections": [
        section("numb", 1, "What causes it? #1 ##", ("causes",)) | {"section_id": "numb#0", "text": "Bent wrists."},
        section("numb", 3, "What helps", ("remedies",)) | {"section_id": "numb#1", "level": 3, "text": "+ 2 splints\nRest."},
        section("evil/1", 0, HOSTILE, ("causes",)) | {"section_id": "evil/1#0", "text": HOSTILE},
    ],
    "passages": [
        passage("numb", 2, "Bent wrists.", {"causes": 0.9}, section_id="numb#0"),
        passage("numb", 4, "+ 2 splints", {"remedies": 0.8}, section_id="numb#1", kind="item"),
        passage("numb", 5, "Rest.", {"remedies": 0.8}, section_id="numb#1", kind="item"),
        passage("numb", 6, "“Sleep,” she says.", section_id="numb#1", kind="quote"),
        passage("evil/1", 1, HOSTILE, {"causes": 0.7}, section_id="evil/1#0"),
    ],
    "dropped": [dropped("numb", 0, "title"), dropped("schlaf", 1, "teaser")],
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", TABLES, healthsift="0.1.0", spec={"models": {"tagger": "ab12"}})


@pytest.fixture
def export(run: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command; gives what it printed."""

    def call(*options: str | Path, status: int = 0) -> str:
        assert main(["export", str(run), *map(str, options)]) == status
        captured = capsys.readouterr()
        return captured.err if status else captured.out

    return call


def test_markdown_has_head_title_and_sections(export: Callable[..., str], tmp_path: Path) -> None:
    assert export("--markdown", tmp_path / "md") == f"{tmp_path / 'md'}: 3 articles\n"
    assert sorted(path.name for path in (tmp_path / "md").iterdir()) == [file_name("evil/1"), "numb.md", "schlaf.md"]
    assert (
        (tmp_path / "md" / "numb.md").read_text("utf-8")
        == """---
page_id: "numb"
title: "Title of numb"
url: "https://knees.example/numb"
source: "numb.html"
site: "knees.example"
date: "2025-02-03"
author: "Ada Vale"
language: "en"
page_kind: "article"
tags: ["causes", "remedies"]
---

# Title of numb

## What causes it? #1 \\##

Bent wrists.

### What helps

- \\+ 2 splints
- Rest.

> “Sleep,” she says.
"""
    )


def test_a_page_without_sections_keeps_its_text(export: Callable[..., str], tmp_path: Path) -> None:
    export("--markdown", tmp_path / "md")
    text = (tmp_path / "md" / "schlaf.md").read_text("utf-8")
    assert text.endswith("tags: []\n---\n\nEin Glas Wasser hilft.\n\nUnd Ruhe.\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, with a dash - and 1. inside", "plain, with a dash - and 1. inside"),
        ("# no heading", "\\# no heading"),
        ("- no item", "\\- no item"),
        ("+1 for it", "\\+1 for it"),
        ("12. no item", "12\\. no item"),
        ("12) no item", "12\\) no item"),
        ("===", "\\==="),
        ("> quote", "\\> quote"),
        ("<script>x</script> &lt;", "\\<script\\>x\\</script\\> \\&lt;"),
        ("![x](javascript:y) [z]", "!\\[x\\](javascript:y) \\[z\\]"),
        ("`code` *bold* _it_ ~~no~~ a|b \\", "\\`code\\` \\*bold\\* \\_it\\_ \\~\\~no\\~\\~ a\\|b \\\\"),
        ("one\nline \x00 only", "one line \ufffd only"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_names_of_files_are_safe_and_differ() -> None:
    ids = ["a", "A", "a/b", "a\\b", "../etc", "..", ".hidden", "é" * 300, "é" * 301, "x" * 300, "", "con:"]
    names = [file_name(page_id) for page_id in ids]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(len(name.encode()) < 130 and "/" not in name and not name.startswith(".") for name in names)


def test_jsonld_is_one_graph(export: Callable[..., str], tmp_path: Path) -> None:
    target = tmp_path / "articles.jsonld"
    assert export("--jsonld", target) == f"{target}: 3 articles\n"
    text = target.read_text("utf-8")
    assert "<" not in text  # it may stand in a script element
    graph = json.loads(text)
    assert graph["@context"] == "https://schema.org"
    assert graph["@graph"][0] == {
        "@type": "Article",
        "identifier": "numb",
        "url": "https://knees.example/numb",
        "headline": "Title of numb",
        "datePublished": "2025-02-03",
        "author": {"@type": "Person", "name": "Ada Vale"},
        "publisher": {"@type": "Organization", "name": "knees.example"},
        "inLanguage": "en",
        "wordCount": 12,
        "keywords": ["causes", "remedies"],
        "articleBody": "so\nmuch",
        "hasPart": [
            {
                "@type": "WebPageElement",
                "headline": "What causes it? #1 ##",
                "keywords": ["causes"],
                "text": "Bent wrists.",
            },
            {
                "@type": "WebPageElement",
                "headline": "What helps",
                "keywords": ["remedies"],
                "text": "+ 2 splints\nRest.\n“Sleep,” she says.",
            },
        ],
    }
    evil = graph["@graph"][1]
    assert evil["headline"] == HOSTILE and "url" not in evil


def test_csv_opens_in_a_spreadsheet(export: Callable[..., str], tmp_path: Path) -> None:
    target = tmp_path / "sections.csv"
    assert export("--csv", target) == f"{target}: 3 sections\n"
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfpage_id,url,site,") and raw.endswith(b"\r\n")
    with open(target, encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == ["Bent wrists.", "'+ 2 splints\nRest.", HOSTILE]
    assert [row["site"] for row in rows] == ["knees.example"] * 2 + ["'=cmd()"]
    assert [row["tags"] for row in rows] == ["causes", "remedies", "causes"]
    assert [float(row["remedies"]) for row in rows] == [0.1, 0.9, 0.1]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(first: str) -> None:
    assert to_cell(f"{first}1+1") == f"'{first}1+1"
    assert to_cell([f"{first}causes"]) == f"'{first}causes"
    assert to_cell(f"1{first}1") == f"1{first}1"


def test_a_text_too_long_for_a_cell_is_cut_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["x" * (CELL_CHARACTERS + more) for more in (0, 1)]
    sections = [section("a", at) | {"section_id": f"a#{at}", "text": text} for at, text in enumerate(texts)]
    run = write_run(tmp_path / "run", {"pages": [page("a", text="x")], "sections": sections})
    assert main(["export", str(run), "--csv", str(tmp_path / "s.csv")]) == 0
    assert "2 sections, 1 of them cut to the 32,767 characters of a cell" in capsys.readouterr().out
    with open(tmp_path / "s.csv", encoding="utf-8-sig", newline="") as stream:
        assert [row["text"] for row in csv.DictReader(stream)] == [texts[0], texts[0][:-1] + "…"]


def test_a_dataset_has_every_row_and_a_card(
    export: Callable[..., str], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.export.dataset.FILE_ROWS", 1)
    target = tmp_path / "ds"
    assert export("--dataset", target) == f"{target}: 3 sections, 5 passages, 4 pages, 2 dropped\n"
    for table in ("sections", "passages", "pages", "dropped"):
        files = sorted((target / table).glob("train-*.parquet"))
        assert [row for file in files for row in pq.read_table(file).to_pylist()] == pq.read_table(
            run / table
        ).to_pylist()
        assert pq.read_schema(files[0]).equals(schemas(LABELS)[table])
    text = (target / "README.md").read_text("utf-8")
    assert text.startswith("---\n") and text.count("default: true") == 1
    assert (
        "- config_name: sections\n  default: true\n  data_files:\n  - split: train\n    path: sections/*.parquet\n"
        in text
    )
    assert "tagger `ab12`" in text and "| `passages` | 5 |" in text


def test_a_card_names_only_tables_with_rows() -> None:
    text = card({"sections": 0, "passages": 0, "pages": 3, "dropped": 0}, {}, LABELS)
    assert text.count("config_name") == 1 and "- config_name: pages\n  default: true" in text
    assert "configs:" not in card(dict.fromkeys(("sections", "passages", "pages", "dropped"), 0), {}, LABELS)


def test_datasets_loads_it(export: Callable[..., str], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    export("--dataset", tmp_path / "ds")
    loaded: Any = datasets.load_dataset(str(tmp_path / "ds"), cache_dir=str(tmp_path / "cache"))["train"]
    assert loaded["section_id"] == ["numb#0", "numb#1", "evil/1#0"]


def test_several_forms_at_once(export: Callable[..., str], tmp_path: Path) -> None:
    printed = export("--csv", tmp_path / "s.csv", "--markdown", tmp_path / "md")
    assert [line.split(": ")[1] for line in printed.splitlines()] == ["3 articles", "3 sections"]


def test_standard_output_holds_the_form_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "--jsonld", "-"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["@graph"]) == 3
    assert captured.err == "-: 3 articles\n"


def test_wrong_use(export: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "say in which form: --markdown DIR" in export(status=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    for form in ("--markdown", "--dataset"):
        assert "full: is there already; name a folder that is new or empty" in export(form, tmp_path / "full", status=2)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert "no.csv: cannot be written" in export("--csv", tmp_path / "none" / "no.csv", status=2)
    assert main(["export", str(tmp_path / "full"), "--csv", str(tmp_path / "s.csv")]) == 2
    assert "full: holds no run; make one with: python -m pipeline run INPUT -o" in capsys.readouterr().err
