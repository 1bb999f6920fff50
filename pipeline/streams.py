"""What the commands read and write: files, whole or not at all, and the standard streams."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.read import InputError


class UsageError(Exception):
    """A call that makes no sense; the message says why and what to do."""


@contextmanager
def output(name: str) -> Iterator[IO[str]]:
    """A text stream that becomes the file only when all is written; "-" is standard output.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    if name == "-":
        yield sys.stdout
        return
    path = Path(name)
    hidden = path.with_name(f".{path.name}.part")
    try:
        stream = open(hidden, "w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{name}: cannot be written ({error.strerror})") from error
    try:
        with stream:
            yield stream
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


@contextmanager
def input_lines(name: str) -> Iterator[Iterable[str | bytes]]:
    """The lines of a file; "-" is standard input.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(name, "rb")
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from error
    with stream:
        yield stream


def write_line(stream: IO[str], row: Mapping[str, Any]) -> None:
    """One row of JSON Lines."""
    stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")
