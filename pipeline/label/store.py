"""The label store: the labels as data, and what readers answered, without the texts (`data/labels/README.md`)."""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.read import InputError
from pipeline.records import BLOCK_KINDS
from pipeline.streams import output, write_line
from pipeline.write import COLUMNS

#: The project's labels, in a checkout.
STORE = Path(__file__).resolve().parent.parent.parent / "data" / "labels"
NAMES_FILE = "labels.toml"

Key = tuple[str, str]  # article id and text hash

#: Taken: the answer that no tag fits, names of columns, kinds of block and what else the report tells apart by name;
#: and keys that do something else in the terminal or in Label Studio.
NONE = "none"
TAKEN_NAMES = COLUMNS | {*BLOCK_KINDS, NONE, "chip", "glyph", "lowest", "number", "passage", "pointed", "tag", "tagged"}
TAKEN_KEYS = frozenset("nuq- ")

_NEEDED = ("article", "hash", "tags", "reader", "date")
_ALLOWED = (*_NEEDED, "asked", "sketch", "note")
_LISTS = ("tags", "asked")
_HASH = re.compile(r"[0-9a-f]{16}")
_SKETCH = re.compile(r"[0-9a-f]{128}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class LabelError(InputError):
    """Labels that cannot be used; the message says where, what is wrong, and what is known."""


class LabelName(NamedTuple):
    """A label as `labels.toml` has it."""

    name: str
    definition: str
    key: str  # gives it in the terminal
    colour: str  # in Label Studio, "#rrggbb"


class Answer(NamedTuple):
    """What one reader said of one passage."""

    article: str
    hash: str  # `text_hash` of the passage
    tags: tuple[str, ...]  # primary first
    reader: str
    date: str  # ISO 8601 day
    sketch: str = ""  # "" where nobody made one
    note: str = ""
    asked: tuple[str, ...] = ()  # the labels that the reader chose from; () where the answer does not say it

    @property
    def key(self) -> Key:
        """The passage that it is about."""
        return self.article, self.hash


class Told(NamedTuple):
    """What readers together say of one passage."""

    tags: tuple[str, ...]  # primary first
    asked: tuple[str, ...]  # the labels that one of them at least was asked about


def read_label_names(folder: Path = STORE) -> tuple[LabelName, ...]:
    """The labels in their order.

    Raises
    ------
    LabelError
        If the file is missing or broken, or two labels share a name or a key.
    """
    path = folder / NAMES_FILE
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("label")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); name the folder with --labels") from error
    except ValueError as error:
        raise LabelError(f"{path}: is no TOML ({error})") from error
    if not isinstance(rows, list) or not rows:
        raise LabelError(f"{path}: needs a table [[label]] for each label")
    names = []
    for row in rows:
        whole = set(row) == set(LabelName._fields) and all(isinstance(value, str) and value for value in row.values())
        if not whole or not _NAME.fullmatch(row["name"]) or len(row["key"]) != 1:
            raise LabelError(
                f"{path}: a label needs {', '.join(LabelName._fields)}, the name of small letters, digits and _, "
                f"the key one character; found {row}"
            )
        if row["name"] in TAKEN_NAMES or row["key"] in TAKEN_KEYS:
            raise LabelError(f"{path}: name {row['name']!r} or key {row['key']!r} is taken; choose another one")
        names.append(LabelName(**row))
    for field in ("name", "key"):
        twice = [value for value, n in Counter(getattr(name, field) for name in names).items() if n > 1]
        if twice:
            raise LabelError(f"{path}: two labels have the {field} {twice[0]!r}")
    return tuple(names)


def read_asked(folder: Path = STORE) -> tuple[str, ...]:
    """The labels that answers, and rows of corpora, were asked about that do not say it themselves.

    They stand in `labels.toml` as `asked`; without it they are all labels.

    Raises
    ------
    LabelError
        As `read_label_names`, or if `asked` holds something else.
    """
    names = tuple(label.name for label in read_label_names(folder))
    told = tomllib.loads((folder / NAMES_FILE).read_text(encoding="utf-8")).get("asked")
    return names if told is None else checked_tags(told, names, f"{folder / NAMES_FILE}, asked")


def asked_now(folder: Path) -> tuple[str, ...]:
    """What an answer given now has to say that it was asked: all labels, or nothing where that goes without saying."""
    names = tuple(label.name for label in read_label_names(folder))
    return () if set(names) == set(read_asked(folder)) else names


def read_answers(folder: Path = STORE, names: Sequence[str] | None = None) -> list[Answer]:
    """All answers of a folder, earlier ones of the same reader too: by date, then file, then line.

    Parameters
    ----------
    folder
        Holds `labels.toml` and any number of `*.jsonl`.
    names
        The labels that may stand there; None: those of `labels.toml`.

    Raises
    ------
    LabelError
        If a line is no answer; the message names file and line.
    """
    known = tuple(label.name for label in read_label_names(folder)) if names is None else tuple(names)
    asked = read_asked(folder) if (folder / NAMES_FILE).exists() else known
    answers = [
        answer._replace(asked=answer.asked or tuple(dict.fromkeys((*asked, *answer.tags))))
        for path in sorted(folder.glob("*.jsonl"))
        for answer in read_answer_file(path, known)
    ]
    return sorted(answers, key=lambda answer: answer.date)  # stable: files and lines keep their order


def read_answer_file(path: Path, names: Sequence[str]) -> Iterator[Answer]:
    """The answers of one file in its order; raises `LabelError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise LabelError(f"{path}:{number}: is no JSON ({error})") from error
            yield answer_of(row, names, f"{path}:{number}")


def answer_of(row: Any, names: Sequence[str], where: str) -> Answer:
    """A line as an answer; raises `LabelError` with `where`."""
    if not isinstance(row, dict) or not set(_NEEDED) <= set(row):
        raise LabelError(f"{where}: needs {', '.join(_NEEDED)}")
    unknown = sorted(set(row) - set(_ALLOWED))
    if unknown:
        raise LabelError(f"{where}: unknown field {', '.join(unknown)}; known are {', '.join(_ALLOWED)}")
    for field in set(row) - set(_LISTS):
        if not isinstance(row[field], str):
            raise LabelError(f"{where}: {field} must be a string")
    if not row["article"] or not row["reader"]:
        raise LabelError(f"{where}: article and reader must not be empty")
    if not _HASH.fullmatch(row["hash"]):
        raise LabelError(f"{where}: hash is {row['hash']!r}; it needs 16 hex digits in small letters")
    if row.get("sketch") and not _SKETCH.fullmatch(row["sketch"]):
        raise LabelError(f"{where}: sketch needs 128 hex digits in small letters")
    try:
        datetime.date.fromisoformat(row["date"])
    except ValueError:
        raise LabelError(f"{where}: date is {row['date']!r}; it needs YYYY-MM-DD") from None
    tags = checked_tags(row["tags"], names, where)
    asked = checked_tags(row.get("asked", ()), names, f"{where}: asked")
    if asked and not set(tags) <= set(asked):
        raise LabelError(f"{where}: gives {', '.join(tags)}, but was asked about {', '.join(asked)} only")
    return Answer(**{**row, "tags": tags, "asked": asked})


def checked_tags(tags: Any, names: Sequence[str], where: str) -> tuple[str, ...]:
    """Tags that are known, each once; raises `LabelError`."""
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise LabelError(f"{where}: tags must be a list of names")
    unknown = sorted(set(tags) - set(names))
    if unknown:
        raise LabelError(f"{where}: unknown tag {', '.join(unknown)}; known are {', '.join(names)}")
    if len(set(tags)) < len(tags):
        raise LabelError(f"{where}: a tag stands twice in {list(tags)}")
    return tuple(tags)


def read_labels(folder: Path = STORE, names: Sequence[str] | None = None) -> dict[Key, Told]:
    """What is known of every labelled passage, all readers merged: what training uses.

    Returns
    -------
    dict
        By article id and text hash; a passage that is not in it has no answer.

    Raises
    ------
    LabelError
        As `read_answers`.
    """
    return {key: merged(latest) for key, latest in by_passage(read_answers(folder, names)).items()}


def by_passage(answers: Iterable[Answer]) -> dict[Key, list[Answer]]:
    """The latest answer of every reader to every passage, the passage's last answer last."""
    found: dict[Key, dict[str, Answer]] = {}
    for answer in answers:
        of_readers = found.setdefault(answer.key, {})
        of_readers.pop(answer.reader, None)  # a later answer goes to the end
        of_readers[answer.reader] = answer
    return {key: list(of_readers.values()) for key, of_readers in found.items()}


def merged(answers: Sequence[Answer]) -> Told:
    """The tags that more than half of the readers gave who were asked; where exactly half did, the last one decides.

    >>> a, b = Answer("x", "0" * 16, ("causes",), "r1", "2026-01-02"), Answer("x", "0" * 16, (), "r2", "2026-01-03")
    >>> merged([a, b]).tags, merged([b, a]).tags
    ((), ('causes',))
    """
    votes = Counter(tag for answer in answers for tag in answer.tags)
    first = Counter(answer.tags[0] for answer in answers if answer.tags)
    stand = []
    for tag, n in votes.items():
        heard = [answer for answer in answers if not answer.asked or tag in answer.asked]
        if 2 * n > len(heard) or 2 * n == len(heard) and tag in heard[-1].tags:
            stand.append(tag)
    order = {tag: place for place, tag in enumerate(answers[-1].tags)}
    tags = sorted(stand, key=lambda tag: (-first[tag], order.get(tag, len(order)), -votes[tag], tag))
    return Told(tuple(tags), tuple(dict.fromkeys(label for answer in answers for label in answer.asked)))


def answer_row(answer: Answer) -> Mapping[str, Any]:
    """An answer as it stands in a file; what is empty and may be missing is left out."""
    row = {**answer._asdict(), **{field: list(getattr(answer, field)) for field in _LISTS}}
    return {name: value for name, value in row.items() if name in _NEEDED or value}


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Write a file of answers, whole or not at all."""
    with output(str(path)) as stream:
        for answer in answers:
            write_line(stream, answer_row(answer))
