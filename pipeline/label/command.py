"""The command `label` and what stands under it."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.options import Command, add_command
from pipeline.streams import UsageError, output, write_line

if TYPE_CHECKING:
    from pipeline.label.store import Key

#: Where the labels lie, and where tasks are written, seen from the checkout.
LABELS_FOLDER = Path("data/labels")
DRAW_FOLDER = Path("out/draw")


def add_label_commands(parser: argparse.ArgumentParser) -> None:
    """The sub-commands of `label`, with their options."""
    verbs = parser.add_subparsers(
        dest="label_verb", required=True, metavar="STEP", help="what to do; each has --help of its own"
    )

    def verb(name: str, command: Command, help_: str) -> argparse.ArgumentParser:
        sub = add_command(verbs, name, command, help_)
        sub.add_argument(
            "--labels", type=Path, default=LABELS_FOLDER, metavar="DIR",
            help="folder with labels.toml and the answers; default: %(default)s",
        )  # fmt: skip
        return sub

    sub = verb("draw", _draw, "draw the passages of a run that teach most, and write them as tasks")
    sub.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    sub.add_argument(
        "-n", "--passages", type=int, default=200, metavar="N",
        help="at most so many, in whole articles, but one article at least; default: %(default)s",
    )  # fmt: skip
    sub.add_argument(
        "-o", "--out", type=Path, default=DRAW_FOLDER, metavar="DIR",
        help="gets tasks.json and config.xml for Label Studio, and tasks.csv; default: %(default)s",
    )  # fmt: skip

    sub.add_argument(
        "--page", action="append", default=[], metavar="ID",
        help="this page, wherever its tags are wrong, instead of the least sure ones; may be given several times",
    )  # fmt: skip

    sub = verb("here", _here, "label tasks in the terminal, one key a tag; goes on where it was left")
    sub.add_argument(
        "tasks",
        type=Path,
        nargs="?",
        default=DRAW_FOLDER,
        metavar="DIR",
        help="what `draw` wrote; default: %(default)s",
    )
    sub.add_argument("--reader", metavar="NAME", help="who you are; default: your login name")

    sub = verb("import", _import, "check what readers answered, tell how far they agree, and keep it with the labels")
    sub.add_argument(
        "file", type=Path, metavar="FILE",
        help="Label Studio's export (JSON or JSON-MIN), a filled tasks.csv, or JSON Lines as in the labels' folder",
    )  # fmt: skip
    sub.add_argument(
        "--drawn", type=Path, metavar="TASKS",
        help="what was drawn: the folder of tasks, or a corpus or run with the passages; default: the folder of FILE",
    )  # fmt: skip
    sub.add_argument("--reader", metavar="NAME", help="who answered, where FILE does not say it")
    sub.add_argument("--as", dest="name", metavar="NAME", help="name of the file of labels; default: that of FILE")

    sub = verb("check", _check, "find labels that are likely wrong, and passages nearly alike with different labels")
    sub.add_argument(
        "--corpus", required=True, type=Path, metavar="FILE", help="articles as JSON Lines, or the folder of a run"
    )
    sub.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help="also write what was found there as tasks, to be labelled anew"
    )
    sub.add_argument(
        "-n", "--passages", type=int, default=50, metavar="N", help="at most so many; default: %(default)s"
    )

    sub = verb("attach", _attach, "join the labels to a corpus or a run that holds the texts")
    sub.add_argument(
        "--corpus", required=True, type=Path, metavar="FILE", help="articles as JSON Lines, or the folder of a run"
    )
    sub.add_argument("-o", "--out", default="-", metavar="OUT.jsonl", help="default: standard output")


def _draw(options: argparse.Namespace) -> int:
    from pipeline.batch import read_batch
    from pipeline.label.attach import labels_of
    from pipeline.label.draw import draw
    from pipeline.label.store import read_answers, read_label_names
    from pipeline.label.tasks import tasks_of, write_tasks

    _refuse_tasks(options.out)
    names = read_label_names(options.labels)
    batch = read_batch(options.run)
    articles = tasks_of(batch)
    unknown = sorted(set(options.page) - set(articles))
    if unknown:
        raise UsageError(
            f"{options.run}: has no tagged page {', '.join(unknown)}; a page's address in the report ends in its id"
        )
    if options.page:
        articles = {page: articles[page] for page in options.page}
    drawn = draw(articles, labels_of(read_answers(options.labels)), options.passages)
    if not drawn.tasks:
        raise UsageError(f"{options.run}: has no passage without a label ({drawn.answered} have one)")
    write_tasks(options.out, drawn.tasks, names, _model_of(options.run))
    print(
        f"{len(drawn.tasks)} passages of {drawn.articles} articles, out of {drawn.open}; {drawn.answered} have a label"
    )
    print(f"Label them: python -m pipeline label here {options.out}")
    print(
        f"or in Label Studio: import {options.out / 'tasks.json'}, with {options.out / 'config.xml'} as its interface"
    )
    print(f"or in a spreadsheet: fill the column tags of {options.out / 'tasks.csv'}")
    return 0


def _here(options: argparse.Namespace) -> int:
    import getpass

    from pipeline.label.here import label_here
    from pipeline.label.store import asked_now, read_label_names
    from pipeline.label.tasks import read_tasks

    tasks, names = read_tasks(options.tasks), read_label_names(options.labels)
    reader = options.reader or getpass.getuser()
    folder = options.tasks if options.tasks.is_dir() else options.tasks.parent
    path = folder / f"answers-{reader}.jsonl"
    left = label_here(path, tasks, names, reader, datetime.date.today().isoformat(), asked_now(options.labels))
    print(f"\n{len(tasks) - left} of {len(tasks)} passages answered; the same command goes on with the others")
    print(f"Take them: python -m pipeline label import {path}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from pipeline.label.agree import agreement_table, agreements
    from pipeline.label.intake import Defaults, check_answers, new_answers, read_returned
    from pipeline.label.sketch import sketch
    from pipeline.label.store import Answer, asked_now, read_answer_file, read_answers, read_label_names, write_answers

    names = [label.name for label in read_label_names(options.labels)]
    texts, by_model = _drawn(options.drawn or options.file.parent)
    today = datetime.date.today().isoformat()
    returned = read_returned(options.file, names, Defaults(options.reader, today, asked_now(options.labels)))
    answers = check_answers(options.file, returned.answers, texts)
    known = read_answers(options.labels, names)
    fresh = new_answers(answers, known, {a.key: sketch(texts[a.key]) for a in answers})
    if not answers:
        raise UsageError(
            f"{options.file}: holds no answers ({returned.skipped} skipped, {returned.unanswered} not answered)"
        )
    path = options.labels / f"{options.name or options.file.stem}.jsonl"
    there = list(read_answer_file(path, names)) if path.exists() else []
    write_answers(path, [*there, *fresh])
    passages, readers = {a.key for a in answers}, sorted({a.reader for a in answers})
    print(
        f"{len(answers)} answers of {', '.join(readers)} to {len(passages)} passages, "
        f"{len(answers) - len(fresh)} known before; {returned.skipped} skipped, {returned.unanswered} not answered"
    )
    model = [Answer(*key, tags, "(model)", "") for key, tags in by_model.items()]
    found = agreements([a for a in [*known, *fresh, *model] if a.key in passages], names)
    if found:
        print(agreement_table(found))
    print(path)
    return 0


def _check(options: argparse.Namespace) -> int:
    from pipeline.label.agree import agreement_table, agreements
    from pipeline.label.articles import read_articles
    from pipeline.label.attach import attach, labels_of
    from pipeline.label.check import check, finding_table, passages_of
    from pipeline.label.store import read_answers, read_label_names
    from pipeline.label.tasks import write_tasks

    if options.out:
        _refuse_tasks(options.out)
    names = read_label_names(options.labels)
    answers = read_answers(options.labels)
    labels = labels_of(answers, [label.name for label in names])
    passages = passages_of(attach(read_articles(options.corpus), labels, {}))
    checked = check(passages, [label.name for label in names])
    agreed = agreements(answers, [label.name for label in names])
    if agreed:
        print(agreement_table(agreed))
    findings = checked.findings[: options.passages]
    print(f"{len(passages)} labelled passages; {checked.told}; {len(checked.findings)} worth a second look")
    if findings:
        print(finding_table(findings))
    if options.out and findings:
        write_tasks(options.out, [finding.task for finding in findings], names, "cross-validated")
        print(f"Label them anew: python -m pipeline label here {options.out}")
    return 0


def _attach(options: argparse.Namespace) -> int:
    from pipeline.label.articles import read_articles
    from pipeline.label.attach import Count, attach, labels_of, told
    from pipeline.label.store import read_answers, read_label_names

    names = [label.name for label in read_label_names(options.labels)]
    labels = labels_of(read_answers(options.labels), names)
    counts: dict[str, Any] = {}
    with output(options.out) as stream:
        for row in attach(read_articles(options.corpus), labels, counts):
            write_line(stream, row)
    print(told(Count(**counts)), file=sys.stderr)
    return 0


def _refuse_tasks(folder: Path) -> None:
    if (folder / "tasks.json").exists():
        raise UsageError(f"{folder}: holds tasks already; name another folder with -o")


def _model_of(folder: Path) -> str:
    """What the run's tagger is called among predictions."""
    spec = json.loads((folder / "run.json").read_text(encoding="utf-8"))["spec"]
    return f"healthsift {spec['models']['tagger']}"


def _drawn(path: Path) -> tuple[dict[Key, str], dict[Key, tuple[str, ...]]]:
    """The texts of the passages that were drawn, and the model's tags where they are known."""
    from pipeline.label.articles import NOT_LABELLED, read_articles
    from pipeline.label.tasks import TASKS_FILE, read_tasks
    from pipeline.write import text_hash

    if path.suffix == ".json" or (path.is_dir() and not (path / "run.json").exists()):
        if path.is_dir() and not (path / TASKS_FILE).exists():
            raise UsageError(f"{path}: holds no {TASKS_FILE}; name the folder of tasks, a corpus or a run with --drawn")
        tasks = read_tasks(path)
        return {(t.article, t.hash): t.text for t in tasks}, {(t.article, t.hash): t.tags for t in tasks}
    passages = (
        (row["id"], block["text"])
        for row in read_articles(path)
        for block in row["blocks"]
        if block["kind"] not in NOT_LABELLED
    )
    return {(article, text_hash(text)): text for article, text in passages}, {}
