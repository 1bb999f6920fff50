"""A page's rows as the values that the report's script draws: in reading order, ready but for HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.tables import Row
from pipeline.webpage import is_web_address, mark_evidence, why_untagged

_SECTION, _PASSAGE, _DROPPED = range(3)  # a section opens before the passage at the same position


class IndexRow(NamedTuple):
    """A page's row in the table of pages, in the order in which it travels to the script."""

    id: str
    title: str  # "" where it has none
    site: str
    date: str
    language: str
    kind: str
    words: int
    kept: int
    dropped: int
    tagged: list[int]  # passages with each tag, in the order of the labels
    lowest: float | None  # least probability of a tag that was given
    file: int  # number of the data file that holds its text


def index_row(row: Row, passages: list[Row], file: int, labels: Sequence[str]) -> IndexRow:
    """One row of `pages` for the table of pages; `labels` are those of the tagger."""
    given = [(tag, passage[tag]) for passage in passages for tag in passage["tags"] or ()]
    per_tag = Counter(tag for tag, _ in given)
    return IndexRow(
        id=row["page_id"],
        title=(row["title"] or "").strip(),
        site=row["site"] or "",
        date=row["date"] or "",
        language=row["language"] or "",
        kind=row["page_kind"] or "",
        words=row["words"] or 0,
        kept=row["kept"] or 0,
        dropped=row["dropped"] or 0,
        tagged=[per_tag[tag] for tag in labels],
        lowest=min((score for _, score in given if score is not None), default=None),
        file=file,
    )


def page_view(row: Row, blocks: dict[str, list[Row]], labels: Sequence[str]) -> dict[str, Any]:
    """One page as it is shown by itself; `labels` are those of the tagger.

    Returns
    -------
    dict
        `author`, `address` (its url, else its source), `link` (whether that can be followed safely), `note` (why it
        has no tags), `original` (the page it repeats) and `parts`, as `interleave` makes them.
    """
    tagged = any(passage["tags"] for passage in blocks["passages"])
    note = "" if tagged else why_untagged(row["page_kind"], row["language"])
    return {
        "author": row["author"] or "",
        "address": row["url"] or row["source"] or "",
        "link": is_web_address(row["url"]),
        "note": note,
        "original": row["duplicate_of"] or "",
        "parts": interleave(blocks["sections"], blocks["passages"], blocks["dropped"], () if note else labels),
    }


def interleave(
    sections: list[Row], passages: list[Row], dropped: list[Row], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """A page in reading order: sections, and runs of dropped blocks (`{"dropped": [[reason, score, text], …]}`).

    Blocks dropped between two passages of a section stand inside it; those before a section's heading,
    or after the last passage, stand between the sections. Probabilities are those of `labels`;
    without any they are left out.
    """
    ranked = ((_SECTION, sections), (_PASSAGE, passages), (_DROPPED, dropped))
    events = [(row["position"], rank, row) for rank, rows in ranked for row in rows]
    parts: list[dict[str, Any]] = []
    section: dict[str, Any] | None = None
    run: list[list[Any]] = []
    for _, rank, row in sorted(events, key=lambda event: event[:2]):
        if rank == _DROPPED:
            run.append([row["reason"] or "unknown", row["score"], row["text"] or ""])
            continue
        if run:
            (parts if rank == _SECTION or section is None else section["parts"]).append({"dropped": run})
            run = []
        if rank == _SECTION or section is None:
            section = _section(row if rank == _SECTION else {}, labels)
            parts.append(section)
        if rank == _PASSAGE:
            section["parts"].append(_passage(row, labels))
    return parts + ([{"dropped": run}] if run else [])


def _section(row: Row, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "heading": row.get("heading") or "",
        "level": row.get("level") or 0,
        "tags": row.get("tags") or [],
        "scores": _scores(row, labels),
        "parts": [],
    }


def _passage(row: Row, labels: Sequence[str]) -> dict[str, Any]:
    evidence = row["evidence"] or []
    why = [[e["tag"], [[t["term"], t["weight"]] for t in e["terms"] or ()]] for e in evidence]
    return {
        "id": row["passage_id"] or "",
        "kind": row["kind"] or "",
        "tags": row["tags"] or [],
        "scores": _scores(row, labels),
        "text": [[segment.text, *segment.tags] for segment in mark_evidence(row["text"] or "", evidence)],
        "why": [[tag, terms] for tag, terms in why if terms],
    }


def _scores(row: Row, labels: Sequence[str]) -> list[float | None] | None:
    scores = [row.get(tag) for tag in labels]
    return scores if any(score is not None for score in scores) else None
