"""A folder that is there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.streams import UsageError


@contextmanager
def whole_folder(name: str) -> Iterator[Path]:
    """A folder to fill, which gets its name when all is written.

    Raises
    ------
    UsageError
        If there is something of that name already, but for an empty folder, or it cannot be made.
    """
    path = Path(name)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise UsageError(f"{name}: is there already; name a folder that is new or empty")
    hidden = path.with_name(f".{path.name}.part")
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        hidden.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{name}: cannot be made ({error.strerror})") from error
    try:
        yield hidden
        if path.exists():
            path.rmdir()
        hidden.replace(path)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
