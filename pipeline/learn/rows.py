"""Files of labelled data: their rows, and the digests that name them in a manifest."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.read import InputError


class CorpusError(InputError):
    """Labelled data that cannot be used; the message says which file and what is wrong in it."""


def missing_extra(what: str, error: ImportError) -> CorpusError:
    """The error of a training that cannot begin without the packages of the extra `teacher`."""
    return CorpusError(f"{what} needs {error.name}: install the extra, pip install 'healthsift[teacher]'")


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, gzip or plain.

    Raises
    ------
    CorpusError
        If the file cannot be read, or a line is no JSON.
    """
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 (told in the error)
                yield json.loads(line)
    except ValueError as error:
        raise CorpusError(f"{path}, line {number}: is no JSON ({error})") from error
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); name the folder with --corpus") from error


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each file, by name."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
