"""The command `label` and what stands under it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.streams import output, write_line

#: Where the labels lie, seen from the checkout.
LABELS_FOLDER = Path("data/labels")


def add_label_commands(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `label`, with their options."""
    verbs = parser.add_subparsers(
        dest="label_verb", required=True, metavar="STEP", help="what to do; each has --help of its own"
    )

    def verb(name: str, command: Callable[[argparse.Namespace], int], help_: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        sub.set_defaults(command=command)
        sub.add_argument(
            "--labels", type=Path, default=LABELS_FOLDER, metavar="DIR",
            help="folder with labels.toml and the answers; default: %(default)s",
        )  # fmt: skip
        return sub

    sub = verb("attach", _attach, "join the labels to a corpus or a run that holds the texts")
    sub.add_argument(
        "--corpus", required=True, type=Path, metavar="FILE", help="articles as JSON Lines, or the folder of a run"
    )
    sub.add_argument("-o", "--out", default="-", metavar="OUT.jsonl", help="default: standard output")


def _attach(options: argparse.Namespace) -> int:
    from pipeline.label.articles import read_articles
    from pipeline.label.attach import Count, attach, labels_of, told
    from pipeline.label.store import read_answers

    labels = labels_of(read_answers(options.labels))
    counts: dict[str, Any] = {}
    with output(options.out) as stream:
        for row in attach(read_articles(options.corpus), labels, counts):
            write_line(stream, row)
    print(told(Count(**counts)), file=sys.stderr)
    return 0
