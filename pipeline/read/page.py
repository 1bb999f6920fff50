"""One file, one page; and standard input, which is one page or JSON Lines."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from pipeline.read.jsonl import read_lines
from pipeline.read.source import (
    CHUNK_BYTES,
    MAX_PAGE_BYTES,
    READ_ERRORS,
    PageError,
    Source,
    bounded_lines,
    failure,
    open_bytes,
)
from pipeline.records import RawPage

#: Standard input: so many blank lines are passed over in search of the first row.
MAX_BLANK_LINES = 1000


def read_page(source: Source) -> Iterator[RawPage | PageError]:
    """One file, one page."""
    try:
        with open_bytes(source.path) as stream:
            content = read_whole(stream)
    except READ_ERRORS as error:
        yield failure(source, type(error).__name__, str(error))
        return
    yield _page(source, content)


def read_stdin(source: Source) -> Iterator[RawPage | PageError]:
    """Standard input: JSON Lines if its first line that is not blank begins with a brace, else one page."""
    try:
        stream = open_bytes(source.path)
        lines = bounded_lines(stream)
        blank: list[tuple[bytes, int]] = []
        for line, size in lines:
            if line.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                yield from read_lines(source, chain(blank, [(line, size)], lines))
                return
            blank.append((line, size))
            if line.strip() or len(blank) == MAX_BLANK_LINES:
                break
        content = b"".join(line for line, _ in blank)
        content += read_whole(stream) if len(content) <= MAX_PAGE_BYTES else b""
    except READ_ERRORS as error:
        yield failure(source, type(error).__name__, str(error))
        return
    yield _page(source, content)


def read_whole(stream: BinaryIO) -> bytes:
    """All of a stream up to just above the limit; a cut gzip says how much could be read."""
    parts = io.BytesIO()
    try:
        while parts.tell() <= MAX_PAGE_BYTES and (part := stream.read(CHUNK_BYTES)):
            parts.write(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EOFError(f"damaged or cut short after {parts.tell():,} bytes of content ({error})") from error
    return parts.getvalue()


def _page(source: Source, content: bytes) -> RawPage | PageError:
    if len(content) > MAX_PAGE_BYTES:
        return failure(source, "TooLarge", f"more than {MAX_PAGE_BYTES:,} bytes")
    return RawPage(source.page_id, source.path, content, site=source.site)
