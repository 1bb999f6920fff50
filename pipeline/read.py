"""read: files and folders to raw pages. Nothing here knows HTML; encodings are `decode`'s business.

`find` decides at plan time which sources there are, in which order, and how each page is called; `read` streams
the pages of one source. To add a format: a reader, and a line in `READERS`.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline.records import RawPage

#: Files are read up to this size; a larger page is an error.
MAX_PAGE_BYTES = 64 * 1024 * 1024
#: So many rows of a table are looked at before it is called a table of something else.
PROBE_ROWS = 20
_CHUNK = 1 << 20


class InputError(Exception):
    """An input that cannot be used at all; the message says which and what to do."""


class PageError(NamedTuple):
    """A page that came to nothing, a row of the errors table."""

    page_id: str
    source: str
    stage: str
    error: str
    message: str


class Source(NamedTuple):
    """One file, or a range of its rows."""

    path: str
    format: str  # a key of READERS
    page_id: str  # of a page; the stem of a table, which names its rows without an id
    site: str | None  # the first folder below the input
    offset: int = 0  # JSON Lines: the byte where the range begins ...
    row: int = 1  # ... and the number of its first row
    rows: int | None = None  # rows in the range, None for all that follow


def find(inputs: Sequence[str]) -> list[Source]:
    """The sources below the inputs, sorted within each folder.

    A page is called by its file's stem; where stems collide, by its path relative to the input.

    Raises
    ------
    InputError
        If an input does not exist or its format is not known, or nothing is found in all of them.
    """
    found: list[tuple[str, str | None, str]] = []  # path, site, path relative to the input
    for name in inputs:
        if os.path.isdir(name):
            found += _walk(name)
        elif os.path.isfile(name):
            if format_of(name) is None:
                raise InputError(f"{name}: no known format; known endings are {', '.join(_endings())}")
            found.append((name, None, os.path.basename(name)))
        else:
            raise InputError(f"{name}: no such file or folder")
    if not found:
        raise InputError(f"nothing to read in {', '.join(inputs)}; known endings are {', '.join(_endings())}")
    stems = Counter(stem_of(path) for path, _, _ in found)
    sources = []
    for path, site, relative in found:
        page_id = stem_of(path) if stems[stem_of(path)] == 1 else relative
        sources.append(Source(path, format_of(path) or "", page_id, site))
    return sources


def read(source: Source) -> Iterator[RawPage | PageError]:
    """The pages of a source, in order; what cannot be read is an error in its place."""
    return READERS[source.format](source)


def format_of(path: str) -> str | None:
    """The key of `READERS` for a file name, None where the ending is unknown."""
    name = path.lower().removesuffix(".gz")
    return next((format_ for format_, endings in ENDINGS.items() if name.endswith(endings)), None)


def stem_of(path: str) -> str:
    """A file's name without its known endings.

    >>> stem_of("pages/dry-eyes.v2.html.gz")
    'dry-eyes.v2'
    """
    name = os.path.basename(path)
    cut = name[:-3] if name.lower().endswith(".gz") else name
    ending = next((e for endings in ENDINGS.values() for e in endings if cut.lower().endswith(e)), None)
    return cut[: -len(ending)] if ending else name


def ranges(source: Source, max_rows: int, max_bytes: int) -> Iterator[Source]:
    """Cut an uncompressed table into ranges of rows; any other source stays whole."""
    if source.format != "jsonl" or source.path.lower().endswith(".gz"):
        yield source
        return
    start, first, rows, offset = 0, 1, 0, 0
    with open(source.path, "rb") as stream:
        for line in stream:
            rows += 1
            offset += len(line)
            if rows == max_rows or offset - start >= max_bytes:
                yield source._replace(offset=start, row=first, rows=rows)
                start, first, rows = offset, first + rows, 0
    if rows:
        yield source._replace(offset=start, row=first, rows=rows)


def _walk(folder: str) -> list[tuple[str, str | None, str]]:
    """Every readable file below a folder; names that begin with a dot are passed over."""
    found: list[tuple[str, str | None, str]] = []
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and format_of(name):
                full = os.path.join(path, name)
                relative = os.path.relpath(full, folder)
                parts = Path(relative).parts
                found.append((full, parts[0] if len(parts) > 1 else None, relative))
    return found


def _read_page(source: Source) -> Iterator[RawPage | PageError]:
    """One file, one page."""
    try:
        with _open(source.path) as stream:
            content = _read_whole(stream)
    except (OSError, EOFError, zlib.error) as error:
        yield PageError(source.page_id, source.path, "read", type(error).__name__, str(error))
        return
    if len(content) > MAX_PAGE_BYTES:
        message = f"more than {MAX_PAGE_BYTES:,} bytes"
        yield PageError(source.page_id, source.path, "read", "TooLarge", message)
        return
    yield RawPage(source.page_id, source.path, content, site=source.site)


def _read_whole(stream: BinaryIO) -> bytes:
    """All of a stream up to just above the limit; a cut gzip says how much could be read."""
    parts: list[bytes] = []
    size = 0
    try:
        while size <= MAX_PAGE_BYTES:
            part = stream.read(_CHUNK)
            if not part:
                break
            parts.append(part)
            size += len(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EOFError(f"damaged or cut short after {size:,} bytes of content ({error})") from error
    return b"".join(parts)


def _read_jsonl(source: Source) -> Iterator[RawPage | PageError]:
    """One JSON object a line: id, html or text, and optionally url, site, title."""
    lines = _lines(source)
    first = list(islice(lines, PROBE_ROWS))
    columns = _columns_without_pages(first)
    if columns:
        message = f'a table of something else: no column "html" or "text" in its rows; columns are {", ".join(columns)}'
        yield PageError(f"{source.page_id}:{source.row}", source.path, "read", "NoPages", message)
        return
    for row, line in enumerate(chain(first, lines), source.row):
        if isinstance(line, Exception):
            message = f"damaged or cut short after row {row - 1:,} ({line})"
            yield PageError(f"{source.page_id}:{row}", source.path, "read", type(line).__name__, message)
        elif line.strip():
            yield _row_to_page(line, source, row)


def _lines(source: Source) -> Iterator[bytes | Exception]:
    """The lines of a range; if reading fails on the way, the failure comes last."""
    try:
        with _open(source.path) as stream:
            if source.offset:
                stream.seek(source.offset)
            yield from stream if source.rows is None else islice(stream, source.rows)
    except (OSError, EOFError, zlib.error) as error:
        yield error


def _columns_without_pages(lines: Sequence[bytes | Exception]) -> list[str]:
    """The columns of rows, two or more, that are all JSON objects without a page: an index, say, among pages."""
    try:
        rows = [json.loads(line) for line in lines if isinstance(line, bytes) and line.strip()]
    except ValueError:
        return []
    if len(rows) < 2 or not all(isinstance(row, dict) and not {"html", "text"} & set(row) for row in rows):
        return []
    return list(rows[0])


def _row_to_page(line: bytes, source: Source, row: int) -> RawPage | PageError:
    page_id, where = f"{source.page_id}:{row}", f"{source.path}:{row}"
    try:
        record = json.loads(line)
    except ValueError as error:  # bytes that are no UTF-8 among them
        return PageError(page_id, where, "read", "BadJson", f"the line is no JSON: {error}")
    if not isinstance(record, dict):
        return PageError(page_id, where, "read", "BadRow", "the line is no JSON object")
    if record.get("id") not in (None, ""):
        page_id = str(record["id"])
    content = next((record[key] for key in ("html", "text") if isinstance(record.get(key), str)), None)
    if content is None:
        return PageError(page_id, where, "read", "BadRow", 'needs a column "html" or "text" that holds a string')
    return RawPage(
        page_id,
        where,
        content,
        is_html=True if isinstance(record.get("html"), str) else None,
        url=_text(record, "url"),
        site=_text(record, "site") or source.site,
        title=_text(record, "title"),
    )


def _text(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) and value else None


def _open(path: str) -> BinaryIO:
    """A file's bytes; a gzip is told by its first bytes, whatever the file is called."""
    with open(path, "rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else open(path, "rb")  # type: ignore[return-value]


def _endings() -> list[str]:
    return [f"{ending}[.gz]" for endings in ENDINGS.values() for ending in endings]


#: The endings of each format, each also with .gz.
ENDINGS: dict[str, tuple[str, ...]] = {"page": (".html", ".htm", ".txt"), "jsonl": (".jsonl",)}
READERS: dict[str, Callable[[Source], Iterator[RawPage | PageError]]] = {"page": _read_page, "jsonl": _read_jsonl}
