"""What the parsers of all commands share: how a command is added, and what its options may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.store import folder

#: What a command ends with.
DONE, FAILED, WRONG_USE = 0, 1, 2

Command = Callable[[argparse.Namespace], int]


def add_command(commands: Any, name: str, command: Command | None, help_: str) -> argparse.ArgumentParser:
    """A parser for a command of its own, or for one with steps (`command` is None), among argparse's sub-parsers."""
    sub: argparse.ArgumentParser = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    sub.set_defaults(command=command)
    return sub


def natural(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def positive(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not value > 0.0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return value


def run_folder(text: str) -> Path:
    """The folder of a run: here, or in a store that can be reached."""
    try:
        return folder(text)
    except (ValueError, ImportError) as error:  # a scheme that fsspec does not know, or for which a package is missing
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error
