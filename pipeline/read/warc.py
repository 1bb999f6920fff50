"""WARC: web archives. A page is a response with HTML or text, or a conversion to text; all else is passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from fastwarc.warc import WarcRecord

from pipeline.read.frames import Frame, frames
from pipeline.read.source import MAX_PAGE_BYTES, PageError, Source, failure
from pipeline.records import RawPage

HTML_TYPES = frozenset(("text/html", "application/xhtml+xml"))
TEXT_TYPE = "text/plain"
HTTP_OK = 200
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def read_warc(source: Source) -> Iterator[RawPage | PageError]:
    """The pages of a file, or of a range of its records."""
    frame = None
    try:
        for frame in islice(frames(source.path, source.offset, source.row), source.rows):
            if frame.damage:
                message = f"damaged or cut short after record {frame.number - 1:,}, {frame.damage}"
                yield failure(source, "BadRecord", message, frame.number)
            elif frame.kind and (page := _page(frame, source)):
                yield page
    except OSError as error:
        yield failure(source, type(error).__name__, str(error))
        return
    if frame is None and source.rows is None:
        yield failure(source, "Empty", "the file is empty")


def warc_ranges(source: Source, max_rows: int, max_bytes: int) -> Iterator[Source]:
    """Ranges of records, each with at most so many that may hold a page; a gzip of one member stays whole.

    The file is read once, from beginning to end, to find where its records begin.
    """
    offset, row, rows, pages, bytes_ = 0, 1, 0, 0, 0
    try:
        for frame in frames(source.path):
            if frame.number == 2 and frame.offset is None:
                yield source
                return
            if frame.offset is not None and (pages >= max_rows or bytes_ >= max_bytes):
                yield source._replace(offset=offset, row=row, rows=rows)
                offset, row, rows, pages, bytes_ = frame.offset, frame.number, 0, 0, 0
            rows += 1
            pages += bool(frame.kind)
            bytes_ += len(frame.data)
    except OSError:  # reading will say it
        rows = 0
    yield source._replace(offset=offset, row=row, rows=rows or None)


def _page(frame: Frame, source: Source) -> RawPage | PageError | None:
    """The page that a record holds, None if it holds something else."""
    where = f"{source.path}:{frame.number}"
    page_id = f"{source.page_id}:{frame.number}"
    if not frame.data:
        if frame.size <= MAX_PAGE_BYTES:
            return None
        return PageError(page_id, where, "read", "TooLarge", f"a record of {frame.size:,} bytes")
    try:
        record = WarcRecord.from_bytes(frame.data)
        url = (record.headers.get("WARC-Target-URI") or "").strip("<>") or None
        page_id = (record.record_id or "").strip("<>").removeprefix("urn:uuid:") or page_id
        if frame.kind == "conversion":
            type_ = (record.headers.get("Content-Type") or "").split(";")[0].strip().lower()
            if type_ != TEXT_TYPE:
                return None
            content = record.reader.read(MAX_PAGE_BYTES + 1)
            return RawPage(page_id, where, content, False, url, source.site, charset="utf-8")
        if not record.is_http:
            return None
        record.parse_http()
        status, charset = record.http_headers.status_code, record.http_charset
        said = record.http_content_type or record.headers.get("WARC-Identified-Payload-Type")
    except (OSError, ValueError) as error:
        return PageError(page_id, where, "read", "BadRecord", f"its header cannot be read: {error}")
    type_ = (said or "").split(";")[0].strip().lower()
    if status != HTTP_OK or (type_ and type_ != TEXT_TYPE and type_ not in HTML_TYPES):
        return None
    try:
        content = _payload(frame.data)
    except (OSError, ValueError) as error:
        message = f"its content- or transfer-encoding cannot be undone: {error}"
        return PageError(page_id, where, "read", "BadEncoding", message)
    if not type_ and looks_binary(content):
        return None
    if len(content) > MAX_PAGE_BYTES:
        return PageError(page_id, where, "read", "TooLarge", f"more than {MAX_PAGE_BYTES:,} bytes")
    return RawPage(page_id, where, content, type_ in HTML_TYPES or None, url, source.site, charset=charset)


def _payload(data: bytes) -> bytes:
    """A response's body with its transfer- and content-encoding undone; raises OSError or ValueError where it cannot.

    Some archives store the body already undone, beside the header as it was sent: text is then taken as it stands.
    """
    record = WarcRecord.from_bytes(data)
    try:
        record.parse_http(auto_decode="all")
        return record.reader.read(MAX_PAGE_BYTES + 1)
    except (OSError, ValueError):
        plain = WarcRecord.from_bytes(data)
        plain.parse_http()
        content = plain.reader.read()
        if looks_binary(content):
            raise
        return content


def looks_binary(content: bytes) -> bool:
    """Whether control characters stand in the first kilobyte."""
    return bool(_CONTROL.search(content[:1024]))
