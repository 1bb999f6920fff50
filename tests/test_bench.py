"""The commands that measure: tables that can be read, and a bound on what a page may cost."""

import gzip
import json

import pytest
from conftest import SAMPLE

from pipeline.bench import clean, speed
from pipeline.bench.tools import Tool
from pipeline.cli import main
from pipeline.learn.rows import CorpusError
from pipeline.model_store import SHIPPED
from pipeline.shard import load_models

PAGES = [path.read_bytes() for path in sorted(SAMPLE.rglob("*.html"))]
DUMPS = [path.read_text(encoding="utf-8") for path in sorted(SAMPLE.rglob("*.txt"))]
#: As large as real pages are, but with four times their text for the markup: 140 times the bare parse when written.
UTF_8 = [page for page in PAGES if b"windows-1252" not in page]
LARGE = [b"".join(UTF_8[n:] + UTF_8[:n]) for n in range(len(UTF_8))]
#: Far above what it costs, far below what a step that grows with the square of the page would.
MOST_TIMES_THE_BARE_PARSE = 300


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "html" / "dev").mkdir(parents=True)
    (tmp_path / "text").mkdir()
    rows = []
    for number, page in enumerate(PAGES[:3]):
        (tmp_path / "html" / "dev" / f"{number}.html.gz").write_bytes(gzip.compress(page))
        rows.append(
            {"id": str(number), "url": None, "page_type": "article", "health": True, "main_content": "Rest it."}
        )
    (tmp_path / "html" / "dev_truth.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    dump = json.dumps({"lines": DUMPS[0].split("\n")}).encode()
    (tmp_path / "text" / "dev_a.jsonl.gz").write_bytes(gzip.compress(dump))
    (tmp_path / "ours.jsonl").write_text("\n".join(json.dumps({"id": row["id"], "text": "Rest it."}) for row in rows))
    return tmp_path


def fail(html: str) -> str:
    raise RuntimeError(html)


def test_clean_compares_on_the_same_pages(corpus, monkeypatch):
    tools = (Tool("half", "pytest", lambda: lambda html: "rest"), Tool("broken", "pytest", lambda: fail))
    monkeypatch.setattr(clean, "TOOLS", (*tools, Tool("absent", "no-such-distribution", lambda: fail)))
    said = []
    ours, half, broken = clean.bench_clean(corpus, corpus / "ours.jsonl", None, said.append)
    assert ours["f1"]["article"]["mean"] == 1.0 and ours["milliseconds"] > 0
    assert half["f1"]["article"]["mean"] == pytest.approx(2 / 3, abs=1e-4)
    assert half["difference"]["mean"] == pytest.approx(1 / 3, abs=1e-4)
    assert (broken["failures"], broken["wrecked"]) == (3, 3)
    assert "absent: is not installed; pip install healthsift[bench]" in said
    lines = list(clean.table([ours, half, broken]))
    assert len({line.count("|") for line in lines}) == 1 and "+0.333 (+0.333 to +0.333)" in lines[3]


def test_clean_wants_an_article_for_every_page(corpus):
    (corpus / "ours.jsonl").write_text(json.dumps({"id": "0", "text": ""}) + "\n")
    with pytest.raises(CorpusError, match="has no article for page 1 and 1 others; make it with: train cleaner"):
        clean.bench_clean(corpus, corpus / "ours.jsonl", None, print)


def test_a_page_costs_a_bounded_multiple_of_its_parse():
    html, *_, dumps = speed.bench_speed(LARGE, DUMPS, lambda line: None, repeats=3)
    assert html.total < MOST_TIMES_THE_BARE_PARSE * html.bare_parse
    assert all(seconds > 0 for seconds in html.stages.values())
    assert dumps.bare_parse == 0 and dumps.total / dumps.pages < 0.2


def test_pages_without_text_are_measured_too():
    models = load_models((SHIPPED / "cleaner", SHIPPED / "tagger"))
    costs = speed.measure("empty", [b"<html><body></body></html>", PAGES[0]], models, 1, others=False)
    assert costs.pages == 2 and costs.stages["features"] > 0


def test_the_commands_print_tables(corpus, capsys):
    assert (
        main(
            [
                "bench",
                "speed",
                "--corpus",
                str(corpus),
                "--pages",
                "2",
                "--repeats",
                "1",
                "--json",
                str(corpus / "out.json"),
            ]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert "| all stages |" in printed and "| text dumps | 1 |" in printed
    assert json.loads((corpus / "out.json").read_text())[0]["pages"] == 2
    command = ["bench", "clean", "--corpus", str(corpus), "--predictions", str(corpus / "ours.jsonl"), "--limit", "2"]
    assert main(command) == 0
    assert "| **healthsift** | 1.000 (1.000 to 1.000) | 0 |" in capsys.readouterr().out
