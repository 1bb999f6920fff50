"""explain: one page, every block with its verdict and reason, every passage with its tags and why. For a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from pipeline.records import Article, TaggedPassage, TaggedSection

_COLOURS = {"keep": "32", "drop": "2", "title": "1", "causes": "33", "remedies": "36", "warning_signs": "35"}
#: Dropped texts are cut to this many characters.
DROPPED_CHARS = 160


def explain(
    article: Article, sections: Sequence[TaggedSection], labels: Sequence[str], width: int, colour: bool
) -> str:
    """The page as text.

    Parameters
    ----------
    article : Article
    sections : sequence of TaggedSection
        Empty for a page that is not tagged.
    labels : sequence of str
        The labels in the order of the scores.
    width : int
        Columns of the terminal.
    colour : bool
        Whether to use ANSI colours.
    """
    paint = _paint if colour else _plain
    lines = [*_head(article, paint), "", *_blocks(article, width, paint), ""]
    lines += _sections(sections, labels, width, paint) if sections else [_why_untagged(article)]
    return "\n".join(lines) + "\n"


def _head(article: Article, paint) -> Iterator[str]:
    page = article.page
    yield paint(page.title or "(no title)", "title")
    facts = (page.site, page.date, page.author, page.language, article.page_kind, page.url)
    yield " · ".join(fact for fact in facts if fact)


def _blocks(article: Article, width: int, paint) -> Iterator[str]:
    kept = sum(verdict.keep for verdict in article.verdicts)
    yield f"{len(article.verdicts)} blocks, {kept} kept. Each with its number, verdict, score, and why it was dropped:"
    for i, (block, verdict) in enumerate(zip(article.page.blocks, article.verdicts, strict=True)):
        mark, style = ("keep", "keep") if verdict.keep else ("drop", "drop")
        head = f"{i:4} {mark} {verdict.score:.2f} "
        note = block.kind if verdict.keep else verdict.reason
        text = block.text if verdict.keep or len(block.text) <= DROPPED_CHARS else block.text[:DROPPED_CHARS] + " …"
        yield _fold(f"{head}[{note}] {text}", width, len(head), lambda line, style=style: paint(line, style))


def _sections(sections: Sequence[TaggedSection], labels: Sequence[str], width: int, paint) -> Iterator[str]:
    for number, tagged in enumerate(sections, 1):
        tags = ", ".join(tagged.tags) or "no tag"
        yield paint(f"Section {number}: {tagged.section.heading or '(no heading)'}", "title") + f"  [{tags}]"
        for passage in tagged.passages:
            yield from _passage(passage, labels, width, paint)
        yield ""


def _passage(tagged: TaggedPassage, labels: Sequence[str], width: int, paint) -> Iterator[str]:
    scores = "  ".join(f"{label} {p:.2f}" for label, p in zip(labels, tagged.scores, strict=True))
    yield _fold(f"{tagged.passage.block:4} {tagged.passage.text}", width, 5, str)
    tags = ", ".join(paint(tag, tag) for tag in tagged.tags) or "no tag"
    yield f"     {tags}   ({scores})"
    for evidence in tagged.evidence:
        terms = ", ".join(f"{term} {weight:+.2f}" for term, weight in evidence.terms)
        sentence = tagged.passage.text[evidence.start : evidence.end]
        yield _fold(f"     {evidence.tag}: {terms}", width, 7, str)
        if sentence != tagged.passage.text:
            yield _fold(f"     carried by: “{sentence}”", width, 7, str)


def _why_untagged(article: Article) -> str:
    if article.page_kind not in ("article", "forum"):
        return f"Not tagged: the page is of kind “{article.page_kind}”; only articles and forums are tagged."
    return f"Not tagged: the page is in “{article.page.language}”; only English is tagged."


def _fold(text: str, width: int, indent: int, style) -> str:
    lines = textwrap.wrap(text, max(30, width), subsequent_indent=" " * indent, break_on_hyphens=False) or [""]
    return "\n".join(style(line) for line in lines)


def _paint(text: str, style: str) -> str:
    return f"\033[{_COLOURS.get(style, '0')}m{text}\033[0m"


def _plain(text: str, style: str) -> str:
    return text
