"""read: files and folders to raw pages. Nothing here knows HTML; encodings are `decode`'s business.

`find` decides at plan time which sources there are, in which order, and how each page is called; `ranges` cuts a large
source into pieces; `read` streams the pages of one. To add a format: a reader, and a line in `FORMATS`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.read.comma import read_csv
from pipeline.read.jsonl import jsonl_ranges, read_jsonl
from pipeline.read.page import read_page, read_stdin
from pipeline.read.parquet import parquet_ranges, read_parquet
from pipeline.read.source import MAX_PAGE_BYTES, STDIN, Columns, InputError, PageError, Source, is_address
from pipeline.read.warc import read_warc, warc_ranges
from pipeline.records import RawPage

__all__ = [
    "FORMATS", "MAX_PAGE_BYTES", "STDIN", "Columns", "InputError", "PageError", "Source",
    "find", "format_of", "ranges", "read", "stem_of",
]  # fmt: skip

Reader = Callable[[Source], Iterator[RawPage | PageError]]
#: A source in pieces of at most so many rows and about so many bytes each.
Cutter = Callable[[Source, int, int], Iterator[Source]]


def _whole(source: Source, max_rows: int, max_bytes: int) -> Iterator[Source]:
    yield source


class Format(NamedTuple):
    """How files of one kind are called, read and cut."""

    endings: tuple[str, ...]  # each also with .gz
    read: Reader
    ranges: Cutter = _whole


FORMATS = {
    "page": Format((".html", ".htm", ".xhtml", ".txt"), read_page),
    "jsonl": Format((".jsonl",), read_jsonl, jsonl_ranges),
    "csv": Format((".csv",), read_csv),
    "parquet": Format((".parquet",), read_parquet, parquet_ranges),
    "warc": Format((".warc",), read_warc, warc_ranges),
    "stdin": Format((), read_stdin),
}


_DEFAULT_COLUMNS = Columns()


def find(inputs: Sequence[str], columns: Columns = _DEFAULT_COLUMNS) -> list[Source]:
    """The sources below the inputs, sorted within each folder; "-" is standard input.

    A page is called by its file's stem; where stems collide, by its path relative to the input.

    Raises
    ------
    InputError
        If an input does not exist or its format is not known, or nothing is found in all of them.
    """
    found: list[tuple[str, str | None, str]] = []  # path, site, path relative to the input
    for name in inputs:
        if name == STDIN:
            if any(path == STDIN for path, _, _ in found):
                raise InputError(f"{STDIN}: standard input can be read only once")
            found.append((STDIN, None, "stdin"))
        elif is_address(name):
            found += _in_store(name)
        elif os.path.isdir(name):
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
        sources.append(Source(path, format_of(path) or "", page_id, site, columns=columns))
    return sources


def read(source: Source) -> Iterator[RawPage | PageError]:
    """The pages of a source, in order; what cannot be read is an error in its place."""
    return map(_writable, FORMATS[source.format].read(source))


def ranges(source: Source, max_rows: int, max_bytes: int) -> Iterator[Source]:
    """Cut a table or an archive into ranges of rows or records where that is cheap; any other source stays whole."""
    return FORMATS[source.format].ranges(source, max_rows, max_bytes)


def format_of(path: str) -> str | None:
    """The key of `FORMATS` for a file name, None where the ending is unknown."""
    if path == STDIN:
        return "stdin"
    name = path.lower().removesuffix(".gz")
    return next((name_ for name_, format_ in FORMATS.items() if name.endswith(format_.endings)), None)


def stem_of(path: str) -> str:
    """A file's name without its known endings.

    >>> stem_of("pages/dry-eyes.v2.html.gz")
    'dry-eyes.v2'
    """
    if path == STDIN:
        return "stdin"
    name = os.path.basename(path)
    cut = name[:-3] if name.lower().endswith(".gz") else name
    endings = (ending for format_ in FORMATS.values() for ending in format_.endings)
    ending = next((ending for ending in endings if cut.lower().endswith(ending)), None)
    return cut[: -len(ending)] if ending else name


def _writable(found: RawPage | PageError) -> RawPage | PageError:
    """With "?" for half characters in names (of files that are no UTF-8, in rows), which no table could hold."""
    changed: dict[str, Any] = {
        field: value.encode("utf-8", "replace").decode()
        for field, value in found._asdict().items()
        if field != "content" and isinstance(value, str) and not value.isascii()
    }
    return found._replace(**changed)


def _walk(folder: str) -> list[tuple[str, str | None, str]]:
    """Every readable file below a folder; names that begin with a dot are passed over, and so are pipes and devices."""
    found: list[tuple[str, str | None, str]] = []
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            full = os.path.join(path, name)
            special = os.path.exists(full) and not os.path.isfile(full)
            if not name.startswith(".") and format_of(name) and not special:
                relative = os.path.relpath(full, folder)
                parts = Path(relative).parts
                found.append((full, parts[0] if len(parts) > 1 else None, relative))
    return found


def _in_store(address: str) -> list[tuple[str, str | None, str]]:
    """The same for a file or folder in a store that fsspec knows."""
    import fsspec

    try:
        system, root = fsspec.url_to_fs(address)
        if system.isfile(root):
            return [(address, None, os.path.basename(root))]
        names = sorted(system.find(root)) if system.isdir(root) else []
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{address}: cannot be reached ({error})") from error
    if not names:
        raise InputError(f"{address}: no such file or folder")
    found: list[tuple[str, str | None, str]] = []
    for name in names:
        relative = os.path.relpath(name, root)
        parts = relative.split("/")
        if format_of(name) and not any(part.startswith(".") for part in parts):
            found.append((system.unstrip_protocol(name), parts[0] if len(parts) > 1 else None, relative))
    return found


def _endings() -> list[str]:
    return [f"{ending}[.gz]" for format_ in FORMATS.values() for ending in format_.endings]
