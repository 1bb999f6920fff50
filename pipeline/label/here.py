"""here: label passages in the terminal, one key a tag. What a key does is pure; keys and screen are at the rim."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipeline.label.sketch import sketch
from pipeline.label.store import NONE, Answer, LabelName, read_answer_file, write_answers
from pipeline.label.tasks import Task

NEXT, MODEL, SKIP, UNDO, QUIT = "\n", " ", "-", "u", "q"
#: What the keys besides those of the labels do.
KEYS = {
    NEXT: "Enter: take this answer",
    MODEL: "space: the model's tags",
    SKIP: "-: skip",
    UNDO: "u: undo",
    QUIT: "q: stop",
}
_SAME_KEY = {"\r": NEXT, "\x7f": UNDO, "\x08": UNDO, "\x03": QUIT, "\x04": QUIT}


class Session(NamedTuple):
    """Where a reader stands."""

    place: int  # the task on the screen
    tags: tuple[str, ...] = ()  # chosen for it so far, primary first
    answers: tuple[tuple[int, tuple[str, ...]], ...] = ()  # given in this session: task and tags
    seen: tuple[int, ...] = ()  # tasks answered or skipped, in order: what undo goes back through
    stopped: bool = False


def press(session: Session, key: str, todo: Sequence[Task], names: Sequence[LabelName]) -> Session:
    """What a key makes of a session; a key that means nothing changes nothing.

    Parameters
    ----------
    session : Session
    key : str
        One character.
    todo : sequence of Task
        What is to be labelled; `session.place` is an index into it.
    names : sequence of LabelName
    """
    key = _SAME_KEY.get(key, key)
    of_label = {label.key: label.name for label in names}
    if key in of_label:
        tag = of_label[key]
        tags = tuple(t for t in session.tags if t != tag) if tag in session.tags else (*session.tags, tag)
        return session._replace(tags=tags)
    if key == MODEL:
        return session._replace(tags=todo[session.place].tags)
    if key in (NEXT, SKIP):
        given = ((session.place, session.tags),) if key == NEXT else ()
        return Session(session.place + 1, (), (*session.answers, *given), (*session.seen, session.place))
    if key == UNDO and session.seen:
        back = session.seen[-1]
        tags = next((tags for place, tags in session.answers if place == back), ())
        kept = tuple(answer for answer in session.answers if answer[0] != back)
        return Session(back, tags, kept, session.seen[:-1])
    return session._replace(stopped=True) if key == QUIT else session


def screen(session: Session, todo: Sequence[Task], names: Sequence[LabelName], width: int = 100) -> str:
    """What stands on the screen."""
    task = todo[session.place]
    sure = "  ".join(f"{name} {p:.2f}" for name, p in task.scores)

    def wrapped(text: str, mark: str) -> str:
        return textwrap.fill(text, width, initial_indent=mark, subsequent_indent=" " * len(mark))

    lines = [
        f"passage {session.place + 1} of {len(todo)}   {task.article}   {task.url or task.site}",
        wrapped(task.title, "# "),
        wrapped(task.heading, "## ") if task.heading else "",
        wrapped(textwrap.shorten(task.before, 3 * width), "  … ") if task.before else "",
        "",
        wrapped(task.text, "  > "),
        "",
        wrapped(textwrap.shorten(task.after, 2 * width), "  … ") if task.after else "",
        "",
        f"model: {', '.join(task.tags) or NONE}   ({sure})",
        *(f"{label.key}: {label.name} – {label.definition}" for label in names),
        "   ".join(KEYS.values()),
        f"answer: {', '.join(session.tags) or NONE}",
    ]
    return "\n".join(lines)


@contextmanager
def keyboard() -> Iterator[Iterator[str]]:
    """The keys of a terminal one by one, without Enter; or the characters of standard input where it is none."""
    if not sys.stdin.isatty():
        yield iter(sys.stdin.read())
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield iter(lambda: sys.stdin.read(1), "")
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def label_here(
    path: Path, tasks: Sequence[Task], names: Sequence[LabelName], reader: str, day: str, asked: tuple[str, ...] = ()
) -> int:
    """Label tasks until they are done or the reader stops; every answer is written to `path` at once.

    It says what was `asked`, where that does not go without saying (see `pipeline.label.store.asked_now`).

    Returns
    -------
    int
        How many tasks have no answer yet.

    Raises
    ------
    LabelError
        If `path` holds something else than answers.
    """
    before = list(read_answer_file(path, [label.name for label in names])) if path.exists() else []
    done = {answer.key for answer in before}
    todo = [task for task in tasks if (task.article, task.hash) not in done]
    session = Session(0)
    with keyboard() as keys:
        while session.place < len(todo) and not session.stopped:
            _show(screen(session, todo, names, min(shutil.get_terminal_size().columns, 100)))
            key = next(keys, QUIT)
            answered = session.answers
            session = press(session, key, todo, names)
            if session.answers != answered:
                given = [_answer(todo[place], tags, reader, day, asked) for place, tags in session.answers]
                write_answers(path, [*before, *given])
    return len(todo) - len(session.answers)


def _answer(task: Task, tags: tuple[str, ...], reader: str, day: str, asked: tuple[str, ...]) -> Answer:
    return Answer(task.article, task.hash, tags, reader, day, sketch(task.text), asked=asked)


def _show(text: str) -> None:
    clear = "\033[2J\033[H" if sys.stdout.isatty() else ""
    print(f"{clear}{text}", flush=True)
