"""end to end: raw dumps of labelled articles to tagged passages, scored as one.

Part of the farm dumps of the cleaning benchmark are made from articles that the tagger's corpus labels. A dump goes
through the whole pipeline, and every passage of the article must come out with its tags: one that the cleaner lost
has none, and boilerplate that was kept counts as a passage that should have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.clean import clean, features, judge
from pipeline.learn.rows import CorpusError, read_rows
from pipeline.learn.tag_scores import macro_f1, tags_to_array
from pipeline.parse import parse
from pipeline.read import InputError
from pipeline.records import Article, ParsedPage, RawPage, Verdict
from pipeline.shard import Models, tag_article
from pipeline.write import text_hash

#: A kept block belongs to a passage if one holds the other, and so many letters and digits (menus have short words).
MIN_LETTERS = 12
#: A passage is lost if the blocks that belong to it hold less than this share of it.
MIN_SHARE = 0.5

Tags = tuple[str, ...]


class Dump(NamedTuple):
    """One dump with the labels of its article."""

    page: ParsedPage
    article: str  # id in the tagger's corpus
    passages: list[tuple[str, Tags]]  # text and tags of every labelled passage
    fold: int  # of the article's publisher


class HeldOut(NamedTuple):
    """Answers of models that had not seen the page's site, or the article's publisher."""

    scores: dict[str, list[float]]  # of the blocks, by page
    tags: dict[tuple[str, str], Tags]  # by article and hash of the passage


class Pair(NamedTuple):
    """A passage, or a kept block that is none, with the tags it should have and those it got."""

    wanted: Tags
    found: Tags
    lost: bool = False  # the passage was not kept
    leaked: bool = False  # the block is no passage of the article


class Measured(NamedTuple):
    """What all dumps give together."""

    macro_f1: float  # over passages and leaked blocks
    spread: float  # standard deviation over the folds of the publishers
    lost: float  # share of the passages that were not kept
    clean_pages: float  # share of the pages of which no other block was kept
    pages: int


def read_dumps(shared: Path) -> list[Dump]:
    """The dumps whose articles are labelled.

    Parameters
    ----------
    shared : Path
        The folder that holds `bench/text/dev_b.jsonl.gz` and `corpora/`.

    Raises
    ------
    InputError
        If the folder does not hold them.
    """
    try:
        gold = {row["id"]: row for row in read_rows(shared / "corpora" / "gold_dev.jsonl.gz")}
        folds = {row["id"]: row["fold"] for row in read_rows(shared / "corpora" / "folds.jsonl")}
        dumps = []
        for row in read_rows(shared / "bench" / "text" / "dev_b.jsonl.gz"):
            article = row["source"].replace("fakehealth:Health", "fakehealth-story-")
            if article in gold:
                raw = RawPage(row["id"], row["id"], "\n".join(row["lines"]), False, row["url"], row["site"])
                passages = [(b["text"], tuple(b["tags"])) for b in gold[article]["blocks"] if b["tags"] is not None]
                dumps.append(Dump(parse(raw), article, passages, folds[article]))
    except (CorpusError, KeyError) as error:
        raise InputError(f"--end-to-end {shared}: {error}; name the folder that holds bench/ and corpora/") from error
    return dumps


def read_held_out(folder: Path) -> HeldOut:
    """What `train cleaner --predictions` and `train tagger --predictions` have written into one folder.

    Raises
    ------
    InputError
        If the folder does not hold both.
    """
    try:
        scores = {row["id"]: row["scores"] for row in read_rows(folder / "text.jsonl")}
        tags = {
            (row["id"], passage["text_hash"]): tuple(passage["tags"])
            for row in read_rows(folder / "tags.jsonl")
            for passage in row["passages"]
        }
    except (CorpusError, KeyError) as error:
        raise InputError(
            f"--held-out {folder}: {error}; write it with `train MODEL --predictions`, both models"
        ) from error
    return HeldOut(scores, tags)


def measure(dumps: Sequence[Dump], models: Models, held_out: HeldOut | None, keep_all: bool = False) -> Measured:
    """Put the dumps through cleaning, splitting and tagging, and score what comes out.

    Parameters
    ----------
    dumps, models
    held_out
        Verdicts are made of these scores instead of the cleaner's, and passages of the article have these tags; only
        boilerplate that was kept is tagged by the tagger, which learns from none.
    keep_all
        The baseline: nothing is cleaned away.

    Raises
    ------
    InputError
        If `held_out` has no scores for a page, or for other blocks.
    """
    pairs: list[list[Pair]] = []
    for dump in dumps:
        if keep_all:
            kept = Article(dump.page, "article", tuple(Verdict(True, 1.0, "") for _ in dump.page.blocks))
        elif held_out is None:
            kept = clean(dump.page, models.cleaner)
        else:
            kept = _judged(dump.page, models, held_out)
        pairs.append(list(pairs_of(dump, kept, models, held_out)))
    folds = np.array([dump.fold for dump in dumps])
    flat = [pair for page in pairs for pair in page]
    labels = sorted({tag for pair in flat for tag in pair.wanted})  # the corpus knows nothing of further labels
    by_fold = [_f1([p for i in np.flatnonzero(folds == fold) for p in pairs[i]], labels) for fold in np.unique(folds)]
    n_passages = sum(not pair.leaked for pair in flat)
    return Measured(
        _f1(flat, labels),
        float(np.std(by_fold)),
        sum(pair.lost for pair in flat) / n_passages,
        sum(not any(pair.leaked for pair in page) for page in pairs) / len(dumps),
        len(dumps),
    )


def pairs_of(dump: Dump, article: Article, models: Models, held_out: HeldOut | None = None) -> Iterator[Pair]:
    """Every labelled passage with what it got, then every kept passage that is none of them."""
    tagged = [p for section in tag_article(article, models.tagger) for p in section.passages]
    found = [(_letters(p.passage.text), p.tags) for p in tagged]
    matched: set[int] = set()
    for text, wanted in dump.passages:
        letters = _letters(text)
        own = [i for i, (other, _) in enumerate(found) if _alike(letters, other)]
        matched.update(own)
        tags = tuple(dict.fromkeys(tag for i in own for tag in found[i][1]))
        if held_out:
            tags = held_out.tags.get((dump.article, text_hash(text)), ())
        covered = sum(min(len(found[i][0]), len(letters)) for i in own)
        lost = covered < MIN_SHARE * len(letters)
        yield Pair(wanted, () if lost else tags, lost=lost)
    for i, (_, tags) in enumerate(found):
        if i not in matched:
            yield Pair((), tags, leaked=True)


def _judged(page: ParsedPage, models: Models, held_out: HeldOut) -> Article:
    scores = held_out.scores.get(page.page_id, [])
    if len(scores) != len(page.blocks):
        raise InputError(f"--held-out: page {page.page_id} has {len(page.blocks)} blocks, but {len(scores)} scores")
    return judge(page, features(page, models.cleaner.branch(page)), np.array(scores))


def _alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= MIN_LETTERS and short in long)


def _f1(pairs: Sequence[Pair], labels: Sequence[str]) -> float:
    return macro_f1(tags_to_array([p.wanted for p in pairs], labels), tags_to_array([p.found for p in pairs], labels))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
