"""The tagger's corpora: hand-labelled articles, weakly labelled sections, and the folds.

Every hand-labelled article goes through `pipeline.split`, the code that cuts articles at run time, so that
headings and lead-ins are the same in training and in use.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.learn.rows import CorpusError, read_rows
from pipeline.parse.metadata import site_of
from pipeline.records import Block, Section
from pipeline.split import split

GOLD = "gold_dev.jsonl.gz"
FOLDS = "folds.jsonl"
WEAK = ("weak_heading_sections.jsonl.gz", "weak_medquad_sections.jsonl.gz")
FILES = (GOLD, FOLDS, *WEAK)
#: Labelled articles written for the project.
WRITTEN = Path(__file__).resolve().parent.parent.parent / "data" / "written"
WRITTEN_FOLDS = 5
OURS = "healthsift"  # their publisher

#: Weak paragraphs: at least so many words, at most so many from one section.
MIN_WEAK_WORDS = 4
MAX_WEAK_PARAGRAPHS = 8
#: Sources of which only every fourth section is taken: thousands of rare diseases in the same few sentences.
THINNED_SOURCES = {"MedQuAD/GHR": 4, "MedQuAD/GARD": 4}
TRUSTED = ("high", "medium")
#: Publishers of the weak sources that give no url.
PUBLISHERS = {"Mayo": "mayoclinic.org", "Mayo-symptoms": "mayoclinic.org", "WikiDoc-patient": "wikidoc.org"}

_BULLET = re.compile(r"^(?:[-–•*·]|\d+[.)])\s+")
_KINDS = {"heading": "heading", "paragraph": "paragraph", "item": "item"}


class GoldArticle(NamedTuple):
    """A hand-labelled article, cut by `split`."""

    article_id: str
    group: str  # "news" or "explainer"
    fold: int
    publisher: str
    title: str
    sections: tuple[Section, ...]
    labels: tuple[tuple[str, ...], ...]  # of each passage in order, primary first
    missed: tuple[tuple[str, ...], ...]  # labels of paragraphs that `split` took for headings


class WeakRow(NamedTuple):
    """A paragraph with the tags guessed from the heading of its section."""

    text: str
    heading: str
    tags: tuple[str, ...]
    source: str
    publisher: str


def read_gold(corpora: Path, labels: Sequence[str]) -> list[GoldArticle]:
    """The hand-labelled articles in the order of the file.

    Raises
    ------
    CorpusError
        If an article has no fold, or a passage carries a tag that is none of `labels`.
    """
    folds = {row["id"]: row for row in read_rows(corpora / FOLDS)}
    articles = []
    for row in read_rows(corpora / GOLD):
        if row["id"] not in folds:
            raise CorpusError(f"{corpora / FOLDS}: no fold for article {row['id']}")
        article = _article(row, folds[row["id"]], labels, corpora / GOLD)
        if article.labels:
            articles.append(article)
    return articles


def read_written(labels: Sequence[str], folder: Path = WRITTEN) -> list[GoldArticle]:
    """The articles written for the project, to learn from; they are never scored.

    An article's fold tells which held-out fold it is left out with, so that level 2 learns from level-1 scores of
    models that have not seen it.

    Raises
    ------
    CorpusError
        If a file cannot be read, or a passage carries a tag that is none of `labels`.
    """
    articles = []
    for path in sorted(folder.glob("*.jsonl")):
        for row in read_rows(path):
            group = "news" if row["kind"] == "news" else "explainer"
            told = {"publisher": OURS, "group": group, "fold": zlib.crc32(row["id"].encode()) % WRITTEN_FOLDS}
            articles.append(_article(row, told, labels, path))
    return articles


def read_weak(corpora: Path, without: set[str]) -> list[WeakRow]:
    """Paragraphs of the weakly labelled sections, leaving out those cut from the articles in `without`."""
    rows = []
    seen: dict[str, int] = defaultdict(int)
    for name in WEAK:
        for row in read_rows(corpora / name):
            if row["tags"] is None or row["confidence"] not in TRUSTED or row.get("article_id") in without:
                continue
            source = row["source"]
            seen[source] += 1
            if seen[source] % THINNED_SOURCES.get(source, 1):
                continue
            lines = [line.strip() for line in row["text"].split("\n")]
            kept = [line for line in lines if len(line.split()) >= MIN_WEAK_WORDS][:MAX_WEAK_PARAGRAPHS]
            publisher = PUBLISHERS.get(source) or site_of(row["url"]) or ""
            heading = row["heading"] or row["question"] or ""
            rows += [WeakRow(line, heading, tuple(row["tags"]), source, publisher) for line in kept]
    return rows


def _article(row: dict[str, Any], told: dict[str, Any], labels: Sequence[str], path: Path) -> GoldArticle:
    """One row, cut by `split`; `told` holds its fold, group and publisher."""
    blocks = [
        (
            index,
            Block(
                _BULLET.sub("", block["text"]) if block["kind"] == "item" else block["text"],
                _KINDS[block["kind"]],
            ),
        )
        for index, block in enumerate(row["blocks"])
        if block["kind"] in _KINDS
    ]
    tags = {index: tuple(row["blocks"][index]["tags"] or ()) for index, _ in blocks}
    unknown = sorted({tag for carried in tags.values() for tag in carried} - set(labels))
    if unknown:
        raise CorpusError(f"{path}: article {row['id']} carries {unknown}; known are {list(labels)}")
    sections = split(blocks)
    answered = [passage.block for section in sections for passage in section.passages]
    return GoldArticle(
        article_id=row["id"],
        group=told["group"],
        fold=told["fold"],
        publisher=told["publisher"],
        title=row["title"] or "",
        sections=tuple(sections),
        labels=tuple(tags[index] for index in answered),
        missed=tuple(tags[index] for index, block in blocks if block.kind != "heading" and index not in set(answered)),
    )
