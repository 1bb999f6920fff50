"""A user's labelled passages: read, checked, and dealt into folds (`data/labels/README.md` has the format)."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from pipeline.label.articles import NOT_LABELLED, read_articles
from pipeline.label.store import LabelError, checked_tags
from pipeline.learn.corpus import GoldArticle
from pipeline.learn.rows import CorpusError
from pipeline.learn.shipped_rows import Rows, publisher_key
from pipeline.parse.metadata import site_of
from pipeline.records import Block
from pipeline.split import split
from pipeline.write import text_hash

#: Passages that carry it which a label needs, the shipped ones among them.
MIN_PASSAGES = 20
#: Folds in which passages must carry a new label: one to be answered, one to learn from, one to cut by.
MIN_FOLDS = 3
MAX_TOLD = 10


def read_own(paths: Sequence[Path], labels: Sequence[str], rows: Rows) -> list[GoldArticle]:
    """The labelled articles of some files, each in the fold of its publisher.

    Publishers that the rows do not know are dealt into folds by name, if there are as many as folds; else their
    articles are.

    Raises
    ------
    LabelError
        If a file holds no articles, or a passage carries a tag, or was asked about one, that is none of `labels`.
    CorpusError
        If a text has two answers, nothing is labelled, or a label has too few passages.
    """
    read = [(path, row) for path in paths for row in read_articles(path)]
    _refuse_two_answers(read, labels)
    publishers = [row.get("site") or site_of(row.get("url")) or "" for _, row in read]
    known = dict(zip(rows.publishers.tolist(), rows.folds.tolist(), strict=True))
    folds = sorted(set(rows.folds.tolist()))
    unknown = {publisher for publisher in publishers if publisher_key(publisher) not in known and publisher}
    many = len(unknown) >= len(folds)
    articles = []
    for (path, row), publisher in zip(read, publishers, strict=True):
        name = publisher if publisher and many else row["id"]
        fold = known.get(publisher_key(publisher), folds[zlib.crc32(name.encode()) % len(folds)])
        article = _article(row, labels, publisher, fold, str(path))
        if any(article.answered):
            articles.append(article)
    if paths and not articles:
        raise CorpusError(f"{', '.join(map(str, paths))}: no passage has tags; `label attach` joins labels to texts")
    _refuse_few(articles, labels, rows)
    return articles


def _article(row: Mapping[str, Any], labels: Sequence[str], publisher: str, fold: int, path: str) -> GoldArticle:
    blocks = [
        (place, Block(block["text"], block["kind"], block.get("level") or 0))
        for place, block in enumerate(row["blocks"])
        if block["kind"] != "junk"
    ]
    sections = tuple(split(blocks))
    tags, asked = [], []
    for section in sections:
        for passage in section.passages:
            where = f"{path}, article {row['id']}, block {passage.block}"
            carried, about = _answer(row, row["blocks"][passage.block], labels, where)
            tags.append(carried)
            asked.append(about)
    return GoldArticle(
        article_id=row["id"],
        group="explainer" if any(section.heading for section in sections) else "news",
        fold=fold,
        publisher=publisher,
        title=row.get("title") or "",
        sections=sections,
        labels=tuple(tags),
        missed=(),
        asked=tuple(asked),
    )


def _answer(
    row: Mapping[str, Any], block: Mapping[str, Any], labels: Sequence[str], where: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags of a passage, and the labels that it was asked about: none where nobody has answered."""
    if block["tags"] is None:
        return (), ()
    tags = checked_tags(block["tags"], labels, where)
    told = block.get("asked", row.get("asked"))
    asked = tuple(labels) if told is None else checked_tags(told, labels, f"{where}, asked")
    if not set(tags) <= set(asked):
        more = ", ".join(sorted(set(tags) - set(asked)))
        raise LabelError(f"{where}: carries {more}, but was asked about {', '.join(asked) or 'nothing'} only")
    return tags, asked


def _refuse_two_answers(read: Sequence[tuple[Path, Mapping[str, Any]]], labels: Sequence[str]) -> None:
    """Two answers differ if one says yes and the other no of a label that both were asked about."""
    given: dict[str, dict[tuple[frozenset[str], frozenset[str]], str]] = defaultdict(dict)
    texts = {}
    for path, row in read:
        for place, block in enumerate(row["blocks"]):
            if block["kind"] not in NOT_LABELLED and block["tags"] is not None:
                digest, where = text_hash(block["text"]), f"{path}, article {row['id']}, block {place}"
                texts[digest] = block["text"]
                tags, asked = _answer(row, block, labels, where)
                given[digest].setdefault((frozenset(tags), frozenset(asked)), where)
    wrong = [
        f"{texts[digest][:60]!r}: "
        + "; ".join(f"{', '.join(sorted(tags)) or 'none'} in {where}" for (tags, _), where in answers.items())
        for digest, answers in given.items()
        if any((one ^ other) & asked & about for (one, asked), (other, about) in combinations(answers, 2))
    ]
    if wrong:
        more = [f"... and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        listed = "\n  ".join([*wrong[:MAX_TOLD], *more])
        raise CorpusError(f"{len(wrong)} texts have two answers; give each one only:\n  {listed}")


def _refuse_few(articles: Sequence[GoldArticle], labels: Sequence[str], rows: Rows) -> None:
    own = Counter(tag for article in articles for tags in article.labels for tag in tags)
    for label in labels:
        shipped = int(rows.tags[:, rows.labels.index(label)].sum()) if label in rows.labels else 0
        if shipped + own[label] < MIN_PASSAGES:
            raise CorpusError(
                f"label {label}: {shipped + own[label]} passages carry it, {own[label]} of them yours; it needs "
                f"{MIN_PASSAGES}. Label more, or take it out of labels.toml"
            )
        folds = {article.fold for article in articles for tags in article.labels if label in tags}
        if not shipped and len(folds) < MIN_FOLDS:
            raise CorpusError(
                f"label {label}: the passages that carry it are of {len(folds)} of {len(set(rows.folds.tolist()))} "
                f"folds, and it takes {MIN_FOLDS} to measure it. Label passages of more articles"
            )
