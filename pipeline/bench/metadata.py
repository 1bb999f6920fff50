"""bench metadata: title, author and date of the benchmark's pages, beside what trafilatura finds on the same pages.

These are development pages: the rules of `parse.metadata` were written with them in sight, so the figures say how the
rules fit and not how they carry over. Articles and all pages are counted apart; where the truth names no author or
date, a find counts against precision.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.parse import NoText, parse
from pipeline.read import InputError
from pipeline.records import RawPage

#: Field of a page, and its name in the truth.
FIELDS = {"title": "title", "author": "author", "date": "publish_date"}
_AND = re.compile(r"[,;]\s*(?:and\s+)?|\s+and\s+|\s+&\s+")
_NOT_LETTERS = re.compile(r"[\W_]+")


class Found(NamedTuple):
    """What a tool says of one page; None where it says nothing."""

    title: str | None
    author: str | None
    date: str | None


class Row(NamedTuple):
    """One field of one group of pages, as one tool finds it."""

    tool: str
    group: str  # "all" or a kind of page
    field: str  # a key of `FIELDS`
    wanted: int  # pages whose truth has it
    found: int  # pages where the tool gives it
    right: int  # pages where the two agree

    @property
    def f1(self) -> float:
        """Of precision (right of found) and recall (right of wanted)."""
        return 2 * self.right / max(1, self.wanted + self.found)


def same(field: str, wanted: str, found: str) -> bool:
    """Whether two values agree: dates to the day (or month, if the truth has no day), authors as sets.

    >>> same("title", "Night cramps: what helps", "Night Cramps – What helps"), same("date", "2024-05", "2024-05-06")
    (True, True)
    """
    if field == "date":
        return found[: len(wanted)] == wanted
    if field == "author":
        return {_letters(name) for name in _AND.split(wanted)} == {_letters(name) for name in _AND.split(found)}
    return _letters(wanted) == _letters(found)


def count(tool: str, group: str, truths: Sequence[dict[str, Any]], finds: Sequence[Found]) -> list[Row]:
    """A row for each field; `truths` and `finds` go side by side, both of length n_pages."""
    rows = []
    for field, name in FIELDS.items():
        pairs = [(truth[name] or "", getattr(find, field) or "") for truth, find in zip(truths, finds, strict=True)]
        right = sum(bool(wanted and found and same(field, wanted, found)) for wanted, found in pairs)
        rows.append(
            Row(tool, group, field, sum(bool(w) for w, _ in pairs), sum(bool(f) for _, f in pairs), right),
        )
    return rows


def measure(bench: Path) -> list[Row]:
    """Both tools on every HTML page of the benchmark; without trafilatura installed, only our own rows.

    Raises
    ------
    InputError
        If the folder holds no benchmark.
    """
    truths: list[dict[str, Any]] = []
    finds: dict[str, list[Found]] = {"healthsift": [], "trafilatura": []}
    for truth, page in _pages(bench):
        truths.append(truth)
        finds["healthsift"].append(healthsift(page))
        theirs = trafilatura(page)
        if theirs:
            finds["trafilatura"].append(theirs)
    rows = []
    for tool, found in finds.items():
        if not found:
            continue
        for group in ("article", "all"):
            chosen = [i for i, truth in enumerate(truths) if group in ("all", truth["page_type"])]
            rows += count(tool, group, [truths[i] for i in chosen], [found[i] for i in chosen])
    return rows


def healthsift(page: RawPage) -> Found:
    """What `parse` finds."""
    try:
        parsed = parse(page)
    except NoText:
        return Found(None, None, None)
    return Found(parsed.title, parsed.author, parsed.date)


def trafilatura(page: RawPage) -> Found | None:
    """What trafilatura finds; None if it is not installed."""
    try:
        from trafilatura.metadata import extract_metadata
    except ImportError:
        return None
    found = extract_metadata(page.content, default_url=page.url)
    return Found(found.title, found.author, found.date) if found else Found(None, None, None)


def table(rows: Iterable[Row]) -> str:
    """The rows for people."""
    lines = [
        f"{'field':7} {'pages':8} {'tool':12} {'wanted':>6} {'found':>6} {'right':>6} {'precision':>9} recall    F1"
    ]
    for row in sorted(rows, key=lambda row: (row.group != "article", list(FIELDS).index(row.field))):
        precision, recall = row.right / max(1, row.found), row.right / max(1, row.wanted)
        lines.append(
            f"{row.field:7} {row.group:8} {row.tool:12} {row.wanted:6} {row.found:6} {row.right:6} "
            f"{precision:9.3f} {recall:6.3f} {row.f1:.3f}"
        )
    return "\n".join(lines)


def _pages(bench: Path) -> Iterator[tuple[dict[str, Any], RawPage]]:
    path = bench / "html" / "dev_truth.jsonl.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            truths = [json.loads(line) for line in lines]
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); name the folder that holds the benchmark") from error
    for truth in truths:
        source = bench / "html" / "dev" / f"{truth['id']}.html.gz"
        content = gzip.decompress(source.read_bytes())
        yield truth, RawPage(truth["id"], str(source), content, True, truth["url"])


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text.casefold())
