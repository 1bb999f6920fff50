"""A row of a table to a page: what JSON Lines, CSV and Parquet have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.decode import decode
from pipeline.read.source import MAX_PAGE_BYTES, PageError, Source, failure
from pipeline.records import RawPage


def page_of_row(row: Mapping[str, Any], source: Source, number: int) -> RawPage | PageError:
    """The page that stands in a row; strings may be bytes, whose encoding is then told page by page."""
    columns = source.columns
    page_id, where = f"{source.page_id}:{number}", f"{source.path}:{number}"
    given = row.get(columns.id)
    if given is not None and given not in ("", b""):
        page_id = _text(given) or str(given)
    html, text = (value if isinstance(value, str | bytes) else None for value in map(row.get, columns[1:3]))
    content = html or text or (text if html is None else html)
    if content is None:
        message = f'needs a column "{columns.html}" or "{columns.text}" that holds a string'
        return PageError(page_id, where, "read", "BadRow", message)
    if len(content) > MAX_PAGE_BYTES:
        return PageError(page_id, where, "read", "TooLarge", f"more than {MAX_PAGE_BYTES:,} bytes")
    return RawPage(
        page_id,
        where,
        content,
        is_html=True if content is html else None,
        url=_text(row.get(columns.url)),
        site=_text(row.get(columns.site)) or source.site,
        title=_text(row.get(columns.title)),
    )


def holds_pages(names: Iterable[str], source: Source) -> bool:
    """Whether one of a table's columns can hold a page."""
    return not {source.columns.html, source.columns.text}.isdisjoint(names)


def no_pages(source: Source, names: Sequence[str]) -> PageError:
    """The one error of a table that has no column for pages: an index, say, that lies among them."""
    message = (
        f'a table of something else: no column "{source.columns.html}" or "{source.columns.text}" in its rows; '
        f"columns are {', '.join(names)}"
    )
    return failure(source, "NoPages", message)._replace(page_id=f"{source.page_id}:{source.row}")


def text_or_bytes(value: bytes) -> str | bytes:
    """UTF-8 as text, so that no declared charset misleads; any other bytes as they are, for `decode`."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = decode(value)
    return value if isinstance(value, str) and value else None
