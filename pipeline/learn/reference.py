"""What pages look like that the models know, for `compare` to hold a batch against.

Words and confidence are measured on whole articles that gave no label to the tagger, publisher by publisher; pages
without an article on the article pages of the cleaner's HTML benchmark.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.clean import clean, load_cleaner
from pipeline.drift import REFERENCE, Sum, unknown_words
from pipeline.learn.rows import digests, read_rows
from pipeline.parse import parse
from pipeline.records import Block, RawPage
from pipeline.shard import is_tagged
from pipeline.split import split
from pipeline.tag import load_tagger, tag

ARTICLES = "corpora/unlabelled_articles.jsonl.gz"
PAGES = "bench/html/dev_truth.jsonl.gz"
#: Publishers with fewer articles say too little by themselves.
MIN_ARTICLES = 5
#: How many more pages without an article a batch may hold than the benchmark's article pages: as many as may fail.
MORE_PAGES = 0.10
_KINDS = {"list_item": "item"}


def write_reference(shared: Path, tagger: Path, cleaner: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure, and write `reference.json` beside the tagger.

    Parameters
    ----------
    shared
        Folder with `corpora/` and `bench/`.
    tagger, cleaner
        Model folders.
    say
        Called with one line at each step.

    Returns
    -------
    dict
        What was written.

    Raises
    ------
    CorpusError
        If a file is missing or broken.
    """
    model = load_tagger(tagger)
    unknown: dict[str, list[Sum]] = defaultdict(list)
    sureness: dict[str, list[Sum]] = defaultdict(list)
    say(f"reading {shared / ARTICLES}")
    for row in read_rows(shared / ARTICLES):
        blocks = [(i, Block(b["text"], _KINDS.get(b["type"], b["type"]))) for i, b in enumerate(row["paragraphs"])]
        passages = [p for section in tag(row["title"], split(blocks), model) for p in section.passages]
        unknown[row["source"]].append(unknown_words((p.passage.text for p in passages), model))
        sure = sum(min(max(score, 1 - score) for score in p.scores) for p in passages)
        sureness[row["source"]].append(Sum(sure, len(passages)))
    say(f"reading {shared / PAGES}")
    known = load_cleaner(cleaner)
    told = []
    for row in read_rows(shared / PAGES):
        if row["page_type"] == "article":
            path = shared / "bench" / "html" / "dev" / f"{row['id']}.html.gz"
            raw = RawPage(row["id"], str(path), gzip.decompress(path.read_bytes()), True, url=row["url"])
            told.append(is_tagged(clean(parse(raw), known)))
    lacking = 1 - sum(told) / len(told)
    reference = {
        "tagger": model.digest,
        "cleaner": known.digest,
        "sha256": digests(shared, (ARTICLES, PAGES)),
        "articles": sum(map(len, unknown.values())),
        "publishers": len(_large(unknown)),
        "article_pages": len(told),
        "measures": {
            "unknown words": {"usual": _usual(unknown), "limit": round(max(_large(unknown)), 4)},
            "mean confidence": {"usual": _usual(sureness), "limit": round(min(_large(sureness)), 4)},
            "pages without an article": {"usual": round(lacking, 4), "limit": round(lacking + MORE_PAGES, 4)},
        },
    }
    (tagger / REFERENCE).write_text(json.dumps(reference, indent=1) + "\n", encoding="utf-8")
    return reference


def _usual(sums: dict[str, list[Sum]]) -> float:
    return round(_ratio([s for of_publisher in sums.values() for s in of_publisher]), 4)


def _large(sums: dict[str, list[Sum]]) -> list[float]:
    """The figure of every publisher that has enough articles."""
    return [_ratio(of_publisher) for of_publisher in sums.values() if len(of_publisher) >= MIN_ARTICLES]


def _ratio(sums: list[Sum]) -> float:
    return sum(s.over for s in sums) / sum(s.under for s in sums)
