"""bench metadata: how finds are compared with the truth, counted and shown."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from pipeline.bench.metadata import Found, Row, count, measure, same, table
from pipeline.cli import main
from pipeline.read import InputError

SAME = [
    ("title", "Night cramps: what helps", "NIGHT CRAMPS – what helps", True),
    ("title", "Night cramps", "Night cramps | Harbor", False),
    ("author", "Ada Wren and Jo Field", "Jo Field, Ada Wren", True),
    ("author", "Ada Wren", "Ada Wren, Jo Field", False),
    ("date", "2024-05-06", "2024-05-07", False),
    ("date", "2024-05", "2024-05-07", True),
]


@pytest.mark.parametrize(("field", "wanted", "found", "agree"), SAME)
def test_same(field, wanted, found, agree):
    assert same(field, wanted, found) is agree


def test_a_find_where_the_truth_has_none_counts_against_precision():
    truths = [{"title": "A b", "author": None, "publish_date": "2024-01-02"}] * 2
    title, author, date = count("t", "all", truths, [Found("A b", "Jo", None), Found("c", None, "2024-01-02")])
    assert title == Row("t", "all", "title", 2, 2, 1)
    assert author == Row("t", "all", "author", 0, 1, 0)
    assert date == Row("t", "all", "date", 2, 1, 1)
    assert date.f1 == pytest.approx(2 / 3)


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "html" / "dev").mkdir(parents=True)
    truth = {"id": "1", "url": None, "page_type": "article", "title": "Night cramps: what helps", "author": "Ada Wren"}
    with gzip.open(tmp_path / "html" / "dev_truth.jsonl.gz", "wt") as stream:
        stream.write(json.dumps({**truth, "publish_date": None}) + "\n")
    page = (
        '<html><head><meta name="author" content="Ada Wren"></head><body><h1>Night cramps: what helps</h1><p>A b.</p>'
    )
    (tmp_path / "html" / "dev" / "1.html.gz").write_bytes(gzip.compress(page.encode()))
    return tmp_path


def test_both_tools_run_on_the_same_pages(bench):
    rows = measure(bench)
    assert Row("healthsift", "article", "author", 1, 1, 1) in rows
    assert {row.group for row in rows} == {"article", "all"}
    assert len(table(rows).splitlines()) == len(rows) + 1


def test_the_command_prints_the_table_and_writes_the_figures(bench, capsys):
    assert main(["bench", "metadata", "--corpus", str(bench), "--json", str(bench / "out.json")]) == 0
    assert re.search(r"^author  article  healthsift +1 +1 +1 +1.000", capsys.readouterr().out, re.M)
    written = [Row(**row) for row in json.loads((bench / "out.json").read_text())]
    assert written == measure(bench)


def test_a_folder_without_the_benchmark_is_named(tmp_path):
    with pytest.raises(InputError, match="dev_truth.jsonl.gz: cannot be read"):
        measure(tmp_path)
