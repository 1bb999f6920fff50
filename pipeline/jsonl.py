"""Articles as JSON Lines: what `clean` prints, and what `tag` reads and prints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline.read import InputError, PageError
from pipeline.records import BLOCK_KINDS, Article, Block, TaggedPassage, TaggedSection
from pipeline.write import evidence_row

Row = dict[str, Any]


def clean_row(article: Article) -> Row:
    """One cleaned page, every block with its verdict."""
    page = article.page
    return {
        "id": page.page_id,
        "url": page.url,
        "canonical": page.canonical,
        "site": page.site,
        "site_name": page.site_name,
        "title": page.title,
        "date": page.date,
        "modified": page.modified,
        "author": page.author,
        "language": page.language,
        "page_kind": article.page_kind,
        "text": article.text,
        "blocks": [
            {
                "text": block.text,
                "kind": block.kind,
                "level": block.level,
                "keep": verdict.keep,
                "score": verdict.score,
                "reason": verdict.reason or None,
                "span": list(block.span) if block.span else None,
            }
            for block, verdict in zip(page.blocks, article.verdicts, strict=True)
        ],
        "error": None,
    }


def error_row(error: PageError) -> Row:
    """A page that came to nothing, in the shape of `clean_row`."""
    empty = dict.fromkeys(("url", "canonical", "site", "site_name", "title", "date", "modified", "author", "language"))
    cause = f"{error.stage}: {error.error}: {error.message}"
    return {"id": error.page_id, **empty, "page_kind": "none", "text": "", "blocks": [], "error": cause}


def read_articles(lines: Iterable[str | bytes], source: str) -> Iterator[tuple[Row, list[tuple[int, Block]]]]:
    """The articles of a JSON Lines stream, each with its blocks and their indexes; dropped blocks are left out.

    Raises
    ------
    InputError
        If a line is no article; the message names the line and what is missing.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{source}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where}: is no JSON ({error})") from error
        if not isinstance(row, dict) or not isinstance(row.get("blocks"), list):
            raise InputError(f'{where}: needs an object with a list "blocks", as `clean` writes it')
        yield row, list(_blocks(row["blocks"], where))


def _blocks(blocks: Sequence[Any], where: str) -> Iterator[tuple[int, Block]]:
    for i, block in enumerate(blocks):
        if (
            not isinstance(block, dict)
            or not isinstance(block.get("text"), str)
            or block.get("kind") not in BLOCK_KINDS
        ):
            raise InputError(f'{where}: block {i} needs a "text" and a "kind" of {", ".join(BLOCK_KINDS)}')
        if block.get("keep", True) and block["text"].strip():
            yield i, Block(" ".join(block["text"].split()), block["kind"], int(block.get("level") or 0))


def tag_row(row: Row, sections: Sequence[TaggedSection], labels: Sequence[str]) -> Row:
    """One tagged article."""
    return {
        "id": row.get("id"),
        "title": row.get("title"),
        "sections": [
            {
                "heading": tagged.section.heading,
                "tags": list(tagged.tags),
                "scores": dict(zip(labels, tagged.scores, strict=True)),
                "passages": [_passage_row(passage, labels) for passage in tagged.passages],
            }
            for tagged in sections
        ],
    }


def _passage_row(tagged: TaggedPassage, labels: Sequence[str]) -> Row:
    return {
        "block": tagged.passage.block,
        "text": tagged.passage.text,
        "tags": list(tagged.tags),
        "scores": dict(zip(labels, tagged.scores, strict=True)),
        "evidence": [evidence_row(evidence) for evidence in tagged.evidence],
        "unsure": list(tagged.unsure),
    }
