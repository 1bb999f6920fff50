"""The tagger's corpora: hand-labelled articles, weakly labelled sections, and the folds.

Every hand-labelled article goes through `pipeline.split`, the code that cuts articles at run time, so that
headings and lead-ins are the same in training and in use.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.label.store import Told
from pipeline.learn.rows import CorpusError, read_rows
from pipeline.parse.metadata import site_of
from pipeline.records import Block, Section
from pipeline.split import split
from pipeline.write import text_hash

GOLD = "gold_dev.jsonl.gz"
FOLDS = "folds.jsonl"
WEAK = ("weak_heading_sections.jsonl.gz", "weak_medquad_sections.jsonl.gz")
UNLABELLED = "unlabelled_articles.jsonl.gz"
FILES = (GOLD, FOLDS, *WEAK, UNLABELLED)
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
_PASSAGES = ("paragraph", "item")
UNLABELLED_KINDS = {"heading": "heading", "paragraph": "paragraph", "list_item": "item"}
#: Kinds of article that are scored as news; all others are explainers.
NEWS_KINDS = ("news", "press_release", "web_article")

#: What the label store says, by article id and text hash.
Answers = Mapping[tuple[str, str], Told]
NO_ANSWERS: Answers = {}


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
    asked: tuple[tuple[str, ...], ...]  # of each passage: the labels that somebody has said yes or no of

    @property
    def answered(self) -> tuple[bool, ...]:
        """Of each passage whether somebody has read it."""
        return tuple(map(bool, self.asked))


class UnlabelledArticle(NamedTuple):
    """An article that nobody has labelled, cut by `split`."""

    article_id: str
    kind: str  # as its row says: "news", "press_release", "reference", ...
    publisher: str
    title: str
    sections: tuple[Section, ...]


class WeakSection(NamedTuple):
    """A section with the tags guessed from its heading."""

    article_id: str | None  # of the article it was cut from, where that is known
    texts: tuple[str, ...]  # its paragraphs
    heading: str
    tags: tuple[str, ...]
    source: str
    publisher: str


class WeakRow(NamedTuple):
    """A paragraph with the tags guessed from the heading of its section."""

    text: str
    heading: str
    tags: tuple[str, ...]
    source: str
    publisher: str


def read_gold(
    corpora: Path, labels: Sequence[str], answers: Answers = NO_ANSWERS, asked: Sequence[str] | None = None
) -> list[GoldArticle]:
    """The hand-labelled articles in the order of the file; the label store goes before what the file says.

    The file knows of the labels `asked` (None: of all): on others it is silent, and the store may add them.

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
        for block in row["blocks"]:
            block["asked"] = tuple(labels if asked is None else asked)
            told = answers.get((row["id"], text_hash(block["text"]))) if block["kind"] in _PASSAGES else None
            if told:
                kept = [tag for tag in block["tags"] or () if tag not in told.asked]
                more = [label for label in block["asked"] if label not in told.asked and block["tags"] is not None]
                block.update(tags=[*told.tags, *kept], asked=(*told.asked, *more))
        article = _article(row, folds[row["id"]], labels, corpora / GOLD)
        if article.labels:
            articles.append(article)
    return articles


def read_added(corpora: Path, labels: Sequence[str], answers: Answers) -> list[GoldArticle]:
    """The articles of the unlabelled ones that the label store has answers for.

    Their fold is that of their publisher, or, where `folds.jsonl` does not know it, a hash of its name: no publisher
    is ever in two folds.

    Raises
    ------
    CorpusError
        If a file cannot be read.
    """
    folds = {row["publisher"]: row["fold"] for row in read_rows(corpora / FOLDS)}
    n_folds = 1 + max(folds.values(), default=0)
    read = {article for article, _ in answers}
    added = []
    for row in read_rows(corpora / UNLABELLED):
        if row["id"] not in read:
            continue
        blocks: list[dict[str, Any]] = []
        for part in row["paragraphs"]:
            kind = UNLABELLED_KINDS[part["type"]]
            said = answers.get((row["id"], text_hash(part["text"]))) if kind in _PASSAGES else None
            answer = {"tags": said.tags, "asked": said.asked} if said else {"tags": None}
            blocks.append({"kind": kind, "text": part["text"], **answer})
        publisher = _publisher(row)
        fold = folds.get(publisher, zlib.crc32(publisher.encode()) % n_folds)
        group = "news" if row["kind"] in NEWS_KINDS else "explainer"
        told = {"publisher": publisher, "group": group, "fold": fold}
        article = _article({**row, "blocks": blocks}, told, labels, corpora / UNLABELLED)
        if any(article.answered):
            added.append(article)
    return added


def read_written(
    labels: Sequence[str], folder: Path = WRITTEN, asked: Sequence[str] | None = None
) -> list[GoldArticle]:
    """The articles written for the project, to learn from; they are never scored. `asked` is as for `read_gold`.

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
            for block in row["blocks"]:
                block["asked"] = tuple(labels if asked is None else asked)
            articles.append(_article(row, told, labels, path))
    return articles


def read_weak(corpora: Path, without: set[str]) -> list[WeakRow]:
    """Paragraphs of the weakly labelled sections, leaving out those cut from the articles in `without`."""
    return [
        WeakRow(text, section.heading, section.tags, section.source, section.publisher)
        for section in read_weak_sections(corpora)
        if section.article_id not in without
        for text in section.texts
    ]


def read_weak_sections(corpora: Path) -> list[WeakSection]:
    """The weakly labelled sections that can be trusted, some sources thinned."""
    sections = []
    seen: dict[str, int] = defaultdict(int)
    for name in WEAK:
        for row in read_rows(corpora / name):
            if row["tags"] is None or row["confidence"] not in TRUSTED:
                continue
            source = row["source"]
            seen[source] += 1
            if seen[source] % THINNED_SOURCES.get(source, 1):
                continue
            lines = [line.strip() for line in row["text"].split("\n")]
            kept = tuple(line for line in lines if len(line.split()) >= MIN_WEAK_WORDS)[:MAX_WEAK_PARAGRAPHS]
            publisher = PUBLISHERS.get(source) or site_of(row["url"]) or ""
            heading = row["heading"] or row["question"] or ""
            if kept:
                tags = tuple(row["tags"])
                sections.append(WeakSection(row.get("article_id"), kept, heading, tags, source, publisher))
    return sections


def read_unlabelled(corpora: Path) -> list[UnlabelledArticle]:
    """The unlabelled articles in the order of the file."""
    articles = []
    for row in read_rows(corpora / UNLABELLED):
        blocks = [Block(p["text"], UNLABELLED_KINDS[p["type"]]) for p in row["paragraphs"]]
        sections = tuple(split(list(enumerate(blocks))))
        articles.append(UnlabelledArticle(row["id"], row["kind"], _publisher(row), row["title"] or "", sections))
    return articles


def _publisher(row: dict[str, Any]) -> str:
    return site_of(row["url"]) or row["source"] or ""


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
        asked=tuple(() if row["blocks"][i]["tags"] is None else tuple(row["blocks"][i]["asked"]) for i in answered),
        missed=tuple(tags[index] for index, block in blocks if block.kind != "heading" and index not in set(answered)),
    )
