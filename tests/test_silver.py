"""Silver labels: where independent tools agree on a block, and the strings that go before them."""

import gzip
import json

import pytest

from pipeline.bench.tools import Tool
from pipeline.learn import silver
from pipeline.learn.rows import CorpusError

ARTICLE = (
    "A leg that cramps at night wants a slow stretch and a glass of water, and then a warm bed for the rest of it."
)
ASIDE = "Our letter has news of legs every week, and a recipe or two for those who like their bread with salt and oil."
TEASER = "Why a mayor ran through the park in a swimsuit, and what the ducks on the pond had to say about it next day."


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "html" / "snippets").mkdir(parents=True)
    html = f"<p>{ARTICLE}</p><p>{ASIDE}</p><p>{TEASER}</p><p>Menu</p>"
    (tmp_path / "html" / "snippets" / "one.html.gz").write_bytes(gzip.compress(html.encode()))
    row = {"id": "one", "url": "https://www.legs.example/a", "with": ["slow stretch"], "without": ["swimsuit"]}
    (tmp_path / silver.FILE).write_bytes(gzip.compress(json.dumps(row).encode() + b"\n"))
    return tmp_path


def tools(*texts: str) -> tuple[Tool, ...]:
    return tuple(Tool(f"tool {n}", "pytest", lambda text=text: lambda html: text) for n, text in enumerate(texts))


@pytest.mark.parametrize(
    ("texts", "labels", "counted"),
    [
        # all find the article, one the aside, none the menu; the forbidden string goes before the tools
        ([f"{ARTICLE} {TEASER}"] * 3 + [f"{ARTICLE} {ASIDE} {TEASER}"], [1, 0, 0, 0], [1, 0, 1, 1]),
        # two tools found next to nothing: only the strings count
        ([ARTICLE, ARTICLE, "", "x"], [1, 0, 0, 0], [1, 0, 1, 0]),
    ],
)
def test_blocks_count_where_tools_agree(bench, monkeypatch, texts, labels, counted):
    monkeypatch.setattr(silver, "TOOLS", tools(*texts))
    monkeypatch.setattr(silver, "MIN_CHARS", 20)
    (example,) = silver.read_silver(bench, {"legs.example": 3})
    assert [int(x) for x in example.labels] == labels
    assert [int(x) for x in example.counted] == counted
    assert (example.fold, example.group) == (3, silver.GROUP)


def test_a_tool_that_breaks_has_no_vote(bench, monkeypatch):
    def broken(html: str) -> str:
        raise RuntimeError(html)

    monkeypatch.setattr(silver, "TOOLS", (*tools(*[ARTICLE * 2] * 3), Tool("broken", "pytest", lambda: broken)))
    (example,) = silver.read_silver(bench, {})
    assert example.labels[0] and not any(example.labels[1:])


def test_missing_tools_are_named(bench, monkeypatch):
    monkeypatch.setattr(silver, "TOOLS", (Tool("tool", "no-such-distribution", lambda: lambda html: ""),))
    with pytest.raises(CorpusError, match=r"labelling needs no-such-distribution; pip install healthsift\[bench\]"):
        silver.read_silver(bench, {})


def test_a_benchmark_without_such_pages_has_none(tmp_path):
    assert silver.read_silver(tmp_path, {}) == []
