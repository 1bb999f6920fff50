"""attach: labels to the texts they are about, by hash, or by likeness where a text has changed a little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.label.articles import NOT_LABELLED, Row
from pipeline.label.sketch import likeness, sketch
from pipeline.label.store import Answer, Key, Told, by_passage, merged
from pipeline.write import text_hash

#: A text that shares at least so much of its pairs of words with the labelled one is the same text, changed. Of real
#: passages, 98 in 100 stay as alike as that when they lose a word, 93 when they lose two, and 2 in 1,000 have another
#: one as like them in their article.
MIN_LIKENESS = 0.5


class Labels(NamedTuple):
    """Merged labels, ready to be found."""

    told: dict[Key, Told]
    sketches: dict[str, dict[str, str]]  # of each article, text hash to sketch
    names: tuple[str, ...] = ()  # the labels: what a passage was asked is told where it is less


class Match(NamedTuple):
    """The label of one passage."""

    hash: str  # by which the label is kept
    likeness: float  # 1 where the text is the same


class Count(NamedTuple):
    """What became of the labels."""

    labels: int
    by_hash: int
    by_likeness: int
    no_article: int  # their article is not in the corpus
    no_text: int  # the article is there, the text is not
    corrected: int  # passages to which the corpus itself gives other tags
    articles: int  # written
    left_out: int  # articles without any answer


def labels_of(answers: Iterable[Answer], names: Sequence[str] = ()) -> Labels:
    """Answers of all readers, merged; `names` are the labels that there are now."""
    passages = by_passage(answers)
    sketches: dict[str, dict[str, str]] = defaultdict(dict)
    for (article, digest), of_readers in passages.items():
        known = [answer.sketch for answer in of_readers if answer.sketch]
        if known:
            sketches[article][digest] = known[-1]
    told = {key: merged(of_readers) for key, of_readers in passages.items()}
    return Labels(told, dict(sketches), tuple(names))


def match(article: str, texts: Sequence[str], labels: Labels) -> list[Match | None]:
    """The label of each passage of one article.

    A label whose text is nowhere in the article goes to the passage most like it that has none, if they are alike
    enough. The same text twice in an article has the same label.

    Parameters
    ----------
    article : str
        Its id.
    texts : sequence of str
        Its passages.
    labels : Labels

    Returns
    -------
    list of Match or None
        One for each text.
    """
    hashes = [text_hash(text) for text in texts]
    found: list[Match | None] = [Match(h, 1.0) if (article, h) in labels.told else None for h in hashes]
    lost = {h: known for h, known in labels.sketches.get(article, {}).items() if h not in set(hashes)}
    free = [place for place, hit in enumerate(found) if hit is None]
    if not lost or not free:
        return found
    sketches = {place: sketch(texts[place]) for place in free}
    pairs = [(likeness(known, sketches[place]), place, h) for h, known in lost.items() for place in free]
    taken: set[str] = set()
    for like, place, digest in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if like >= MIN_LIKENESS and found[place] is None and digest not in taken:
            found[place] = Match(digest, round(like, 2))
            taken.add(digest)
    return found


def attach(articles: Iterable[Row], labels: Labels, counts: dict[str, int]) -> Iterator[Row]:
    """The articles with tags at their passages; those in which nothing has an answer are left out.

    Parameters
    ----------
    articles : iterable of dict
        From `read_articles`.
    labels : Labels
    counts : dict
        Gets what `Count` holds, by field, as the articles go through.
    """
    counts.update(dict.fromkeys(Count._fields, 0), labels=len(labels.told))
    waiting = defaultdict(set)
    for article, digest in labels.told:
        waiting[article].add(digest)
    for row in articles:
        passages = [block for block in row["blocks"] if block["kind"] not in NOT_LABELLED]
        matches = match(row["id"], [block["text"] for block in passages], labels)
        for block, hit in zip(passages, matches, strict=True):
            if hit:
                _put(block, labels.told[row["id"], hit.hash], labels.names, hit, counts)
        hits = {hit.hash: hit.likeness for hit in matches if hit}
        counts["by_hash"] += sum(like == 1.0 for like in hits.values())
        counts["by_likeness"] += sum(like < 1.0 for like in hits.values())
        counts["no_text"] += len(waiting.pop(row["id"], set()) - set(hits))
        answered = any(block["tags"] is not None for block in passages)
        counts["articles" if answered else "left_out"] += 1
        if answered:
            yield row
    counts["no_article"] = sum(len(digests) for digests in waiting.values())


def told(count: Count) -> str:
    """The counts for people."""
    missing = count.no_article + count.no_text
    lines = [
        f"{count.by_hash + count.by_likeness} of {count.labels} labels found, {count.by_likeness} of them by likeness"
    ]
    if missing:
        lines.append(
            f"{missing} belong elsewhere: {count.no_article} to articles of another corpus, "
            f"{count.no_text} to texts that their articles here do not hold"
        )
    lines.append(
        f"{count.articles} articles written, {count.left_out} without an answer left out; "
        f"{count.corrected} passages have other tags than before"
    )
    return "\n".join(lines)


def _put(block: dict[str, Any], told: Told, names: Sequence[str], hit: Match, counts: dict[str, int]) -> None:
    before = block["tags"]
    counts["corrected"] += before is not None and tuple(before) != told.tags
    block["tags"] = list(told.tags)
    if not set(names) <= set(told.asked):
        block["asked"] = list(told.asked)
    if hit.likeness < 1.0:
        block["anchored"] = hit.likeness
