"""explain: one page, every block with its verdict and what weighed most, every passage with its tags and why.

article + models --gather--> Explanation --explain--> text for a terminal
                                         --explain_page.render--> one page for the browser
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np

from pipeline.clean import page_threshold
from pipeline.clean.site import NO_TABLE, SiteTable
from pipeline.clean.weigh import Weighed, Weight, weigh
from pipeline.records import Article, TaggedPassage, TaggedSection
from pipeline.shard import Models, tag_article
from pipeline.webpage import why_untagged, writable

#: Dropped texts are cut to this many characters in the terminal.
DROPPED_CHARS = 160
#: Narrower terminals are written to as if they had so many columns.
MIN_WIDTH = 30

_COLOURS = {
    "keep": "32", "drop": "2", "title": "1", "quiet": "2", "for": "32", "against": "31",
}  # fmt: skip
#: Of the labels, in their order.
_LABEL_COLOURS = ("33", "36", "35", "34", "93", "94", "95", "96")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")  # would turn the lines of a terminal round

Paint = Callable[[str, str], str]  # a text, and a key of `_COLOURS` or a label, to a text


class Explanation(NamedTuple):
    """A page with all that is to be told of it."""

    article: Article
    threshold: float  # the score from which this page's blocks are kept
    weighed: list[Weighed]  # one for each block
    sections: list[TaggedSection]  # none for a page that is not tagged
    labels: tuple[str, ...]  # of the tagger, in the order of the scores


def gather(article: Article, models: Models, site: SiteTable = NO_TABLE) -> Explanation:
    """Weigh and tag one cleaned page with the models and the site table that cleaned it."""
    weighed = weigh(article.page, models.cleaner, site)
    threshold = page_threshold(article.page, np.array([verdict.score for verdict in article.verdicts]))
    return Explanation(article, threshold, weighed, tag_article(article, models.tagger), models.tagger.labels)


def explain(explanation: Explanation, width: int, colour: bool) -> str:
    """The page as text.

    Parameters
    ----------
    explanation : Explanation
    width : int
        Columns of the terminal; lines are readable from 60 on.
    colour : bool
        Whether to use ANSI colours.
    """
    paint = _painter(explanation.labels) if colour else _plain
    width = max(MIN_WIDTH, width)
    article = explanation.article
    lines = [*_head(article, width, paint), "", *_blocks(explanation, width, paint), ""]
    if explanation.sections:
        lines += _sections(explanation, width, paint)
    else:
        lines += _fold(untagged_note(article), width, 0)
    return "\n".join(lines) + "\n"


def _head(article: Article, width: int, paint: Paint) -> Iterator[str]:
    page = article.page
    for line in _fold(page.title or "(no title)", width, 0):
        yield paint(line, "title")
    facts = (page.site, page.date, page.author, page.language, article.page_kind)
    yield from _fold(" · ".join(fact for fact in facts if fact), width, 0)
    if page.url:
        yield _safe(page.url)  # whole, however narrow the terminal, so that it can be followed


def _blocks(explanation: Explanation, width: int, paint: Paint) -> Iterator[str]:
    verdicts = explanation.article.verdicts
    kept = sum(verdict.keep for verdict in verdicts)
    told = (
        f"{len(verdicts)} blocks, {kept} kept: those from {explanation.threshold:.2f} on, "
        "but for the title and repeats. Each with its number, verdict, probability, and why it was dropped; "
        "below it what weighed most, as parts of the logit (0.69 doubles the odds):"
    )
    yield from _fold(told, width, 0)
    blocks = explanation.article.page.blocks
    for i, (block, verdict, weighed) in enumerate(zip(blocks, verdicts, explanation.weighed, strict=True)):
        style = "keep" if verdict.keep else "drop"
        head = f"{i:4} {style} {verdict.score:.2f} "
        note = block.kind if verdict.keep else verdict.reason
        text = block.text if verdict.keep or len(block.text) <= DROPPED_CHARS else block.text[:DROPPED_CHARS] + " …"
        for line in _fold(f"{head}[{note}] {text}", width, len(head)):
            yield paint(line, style)
        indent = " " * len(head)
        if weighed.path:
            yield paint(indent + _safe(shorten_path(weighed.path, width - len(indent))), "quiet")
        for weight in weighed.weights:
            side = "for" if weight.amount > 0 else "against"
            first, *more = _fold(indent + _weight(weight), width, len(indent) + 6)
            yield first.replace(amount := amount_text(weight.amount), paint(amount, side), 1)
            yield from more


def _weight(weight: Weight) -> str:
    return f"{amount_text(weight.amount)} {weight.phrase}" + (f": {weight.detail}" if weight.detail else "")


def amount_text(amount: float) -> str:
    """A part of a logit as it is shown, with a true minus.

    >>> amount_text(-1.204)
    '−1.20'
    """
    return f"{amount:+.2f}".replace("-", "−")


def shorten_path(path: tuple[str, ...], width: int) -> str:
    """The steps of a path in one line of at most `width` columns, cut in the middle, then in the last step.

    >>> shorten_path(("html", "body", "div.wrap", "div.post-body", "p"), 36)
    'html > body > … > div.post-body > p'
    """
    line = " > ".join(path)
    for kept in range(len(path) - 1, 0, -1):
        if len(line) <= width:
            break
        head, tail = kept // 2, kept - kept // 2
        line = " > ".join((*path[:head], "…", *path[len(path) - tail :]))
    return line if len(line) <= width else line[: width - 1] + "…"


def _sections(explanation: Explanation, width: int, paint: Paint) -> Iterator[str]:
    for number, tagged in enumerate(explanation.sections, 1):
        tags = ", ".join(tagged.tags) or "no tag"
        for line in _fold(f"Section {number}: {tagged.section.heading or '(no heading)'}  [{tags}]", width, 2):
            yield paint(line, "title")
        for passage in tagged.passages:
            yield from _passage(passage, explanation.labels, width, paint)
        yield ""


def _passage(tagged: TaggedPassage, labels: Sequence[str], width: int, paint: Paint) -> Iterator[str]:
    names = re.compile(rf"\b(?:{'|'.join(labels)})\b")
    scores = "  ".join(f"{label} {p:.2f}" for label, p in zip(labels, tagged.scores, strict=True))
    yield from _fold(f"{tagged.passage.block:4} {tagged.passage.text}", width, 5)
    for line in _fold(f"     {', '.join(tagged.tags) or 'no tag'}   ({scores})", width, 7):
        yield names.sub(lambda m: paint(m[0], m[0]) if m[0] in tagged.tags else m[0], line)
    for evidence in tagged.evidence:
        terms = ", ".join(f"{term} {weight:+.2f}" for term, weight in evidence.terms)
        yield from _fold(f"     {evidence.tag}: {terms}", width, 7)
        sentence = tagged.passage.text[evidence.start : evidence.end]
        if sentence != tagged.passage.text:
            yield from _fold(f"     carried by: “{sentence}”", width, 7)


def untagged_note(article: Article) -> str:
    """Why there are no sections to show."""
    return why_untagged(article.page_kind, article.page.language) or "Not tagged: nothing was kept but headings."


def _fold(text: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(_safe(text), width, subsequent_indent=" " * indent, break_on_hyphens=False) or [""]


def _safe(text: str) -> str:
    """Page text is hostile: what a terminal would obey is replaced."""
    return _DIRECTION.sub("\ufffd", writable(text))


def _painter(labels: Sequence[str]) -> Paint:
    colours = {**dict(zip(labels, cycle(_LABEL_COLOURS), strict=False)), **_COLOURS}
    return lambda text, style: f"\033[{colours[style]}m{text}\033[0m"


def _plain(text: str, style: str) -> str:
    return text
