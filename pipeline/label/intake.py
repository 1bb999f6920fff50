"""What comes back from readers: Label Studio's exports, CSV and JSON Lines to answers, checked.

Label Studio writes a list of tasks. In its JSON a task has its `data` and a list of `annotations`, each with
`completed_by`, `updated_at`, `was_cancelled` and a `result` for each control of the interface that was used. In its
JSON-MIN a task and one annotation of it are one flat object: the fields of the data, and `tags` as a string or as
`{"choices": [...]}`, `annotator`, `updated_at`.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.label.store import NONE, Answer, Key, LabelError, answer_of, checked_tags

#: So many wrong answers are told at once.
MAX_TOLD = 10


class Defaults(NamedTuple):
    """For answers that do not say it themselves."""

    reader: str | None
    date: str
    asked: tuple[str, ...] = ()


class Returned(NamedTuple):
    """What a file holds."""

    answers: list[Answer]
    skipped: int  # tasks that a reader put aside
    unanswered: int  # tasks that nobody has answered


class _Row(NamedTuple):
    where: str
    article: Any
    hash: Any
    tags: list[Any] | None  # None: not answered
    primary: str | None
    reader: str | None
    date: str | None
    line: dict[str, Any] | None = None  # where the file has lines of the store


def read_returned(path: Path, names: Sequence[str], defaults: Defaults) -> Returned:
    """The answers of a file: `.json` of Label Studio (JSON or JSON-MIN), `.csv`, or `.jsonl` as in the store.

    Raises
    ------
    LabelError
        If the file cannot be read, or answers in it are wrong: every one is told, up to ten.
    """
    if path.suffix not in _READERS:
        raise LabelError(f"{path}: unknown kind of file; known are {', '.join(_READERS)}")
    if not path.is_file():
        raise LabelError(f"{path}: is no file; `label here` ends with the name of what it wrote")
    answers, wrong, skipped, unanswered = [], [], 0, 0
    for row in _READERS[path.suffix](path):
        if row is None:
            skipped += 1
        elif row.tags is None:
            unanswered += 1
        else:
            try:
                answers.append(_answer(row, names, defaults))
            except LabelError as error:
                wrong.append(str(error))
    _refuse(path, wrong)
    return Returned(answers, skipped, unanswered)


def check_answers(path: Path, answers: Sequence[Answer], drawn: Collection[Key]) -> list[Answer]:
    """The answers, each once.

    Raises
    ------
    LabelError
        If a passage was never drawn, or a reader gives two answers to one passage on one day.
    """
    wrong = [
        f"{answer.article} {answer.hash}: nobody drew this passage (reader {answer.reader})"
        for answer in answers
        if answer.key not in drawn
    ]
    given: dict[tuple[Key, str, str], Answer] = {}
    for answer in answers:
        first = given.setdefault((answer.key, answer.reader, answer.date), answer)
        if set(first.tags) != set(answer.tags):
            one, other = (", ".join(tags) or NONE for tags in (first.tags, answer.tags))
            wrong.append(f"{answer.article} {answer.hash}: {answer.reader} gives two answers: {one}; {other}")
    _refuse(path, wrong)
    return list(given.values())


def _refuse(path: Path, wrong: Sequence[str]) -> None:
    if wrong:
        more = [f"... and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        listed = "\n  ".join([*wrong[:MAX_TOLD], *more])
        raise LabelError(f"{path}: {len(wrong)} wrong answers, nothing was taken; mend or remove them:\n  {listed}")


def _answer(row: _Row, names: Sequence[str], defaults: Defaults) -> Answer:
    if row.line is not None:
        return answer_of(row.line, names, row.where)
    tags = list(row.tags or [])
    if NONE in tags:
        if len(tags) > 1:
            others = ", ".join(str(tag) for tag in tags if tag != NONE)
            raise LabelError(f"{row.where}: {NONE} and {others} exclude each other")
        tags = []
    if row.primary and row.primary in tags:
        tags = [row.primary, *(tag for tag in tags if tag != row.primary)]
    reader = row.reader or defaults.reader
    if not reader:
        raise LabelError(f"{row.where}: says no reader; name one with --reader")
    told = {"article": row.article, "hash": row.hash, "tags": tags, "reader": reader, "date": row.date or defaults.date}
    checked_tags(tags, names, row.where)
    return answer_of({**told, "asked": defaults.asked}, names, row.where)


def _json_rows(path: Path) -> Iterator[_Row | None]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: cannot be read ({error})") from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise LabelError(f"{path}: needs a list of tasks, as Label Studio exports it")
    for number, task in enumerate(tasks, 1):
        where = f"{path}, task {task.get('id', number)}"
        if "annotations" in task:
            yield from _annotated(task, where)
        elif "data" in task:
            yield _Row(where, None, None, None, None, None, None)  # as it was drawn: nobody has answered
        else:
            tags = _choices(task.get("tags"))
            primary = (_choices(task.get("primary")) or [None])[0]
            reader, date = _reader(task.get("annotator")), _day(task)
            yield _Row(where, task.get("article"), task.get("hash"), tags, primary, reader, date)


def _annotated(task: Mapping[str, Any], where: str) -> Iterator[_Row | None]:
    data = task.get("data") or {}
    if not task["annotations"]:
        yield _Row(where, None, None, None, None, None, None)
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            yield None
            continue
        chosen = {
            result.get("from_name"): _choices(result.get("value")) or []
            for result in annotation.get("result") or []
            if result.get("type") == "choices"
        }
        primary = (chosen.get("primary") or [None])[0]
        reader, date = _reader(annotation.get("completed_by")), _day(annotation)
        yield _Row(where, data.get("article"), data.get("hash"), chosen.get("tags", []), primary, reader, date)


def _csv_rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream)
            missing = {"article", "hash", "tags"} - set(table.fieldnames or ())
            if missing:
                raise LabelError(f"{path}: has no column {', '.join(sorted(missing))}")
            for row in table:
                cell = (row["tags"] or "").strip()
                tags = _choices(json.loads(cell)) if cell.startswith(("{", "[")) else _names(cell)
                reader, date = row.get("reader") or _reader(row.get("annotator")), row.get("date") or _day(row)
                article = (row["article"] or "").removeprefix("'")
                where = f"{path}:{table.line_num}"
                yield _Row(where, article, row["hash"], tags, row.get("primary"), reader, date)
    except (OSError, ValueError) as error:
        raise LabelError(f"{path}: cannot be read ({error})") from error


def _jsonl_rows(path: Path) -> Iterator[_Row]:
    from pipeline.learn.rows import read_rows

    for number, row in enumerate(read_rows(path), 1):
        yield _Row(f"{path}:{number}", None, None, [], None, None, None, row)


_READERS = {".json": _json_rows, ".csv": _csv_rows, ".jsonl": _jsonl_rows}


def _choices(value: Any) -> list[Any] | None:
    """Choices in any of the ways in which Label Studio writes them; None where there are none."""
    if isinstance(value, Mapping):
        value = value.get("choices")
    if isinstance(value, str):
        return [value] if value else None
    return list(value) if value else None


def _names(cell: str) -> list[str] | None:
    return cell.replace(",", " ").replace(";", " ").split() or None


def _reader(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("email") or value.get("id")
    if isinstance(value, str) and not value.isdigit():
        return value.split("@")[0] or None
    return None if value in (None, "") else f"annotator-{value}"


def _day(row: Mapping[str, Any]) -> str | None:
    when = row.get("updated_at") or row.get("created_at")
    return when[:10] if isinstance(when, str) else None


def new_answers(answers: Sequence[Answer], known: Collection[Answer], sketches: Mapping[Key, str]) -> list[Answer]:
    """The answers that the store does not hold yet, with their sketches."""
    held = Counter((a.key, a.tags, a.reader, a.date) for a in known)
    fresh = [a for a in answers if (a.key, a.tags, a.reader, a.date) not in held]
    return [a._replace(sketch=a.sketch or sketches.get(a.key, "")) for a in fresh]
