"""The label loop: what is drawn, what readers may send back in which format, how far they agree, what looks wrong."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ET

import pytest
from conftest import ROOT, SAMPLE

from pipeline.batch import load_batch
from pipeline.cli import main
from pipeline.engine import RunOptions, run
from pipeline.label import LabelError, read_answers, read_label_names, read_labels, text_hash
from pipeline.label.agree import agreements
from pipeline.label.attach import labels_of
from pipeline.label.check import MIN_CARRIED, Passage, check
from pipeline.label.draw import choose, draw
from pipeline.label.here import Session, press, screen
from pipeline.label.intake import Defaults, check_answers, read_returned
from pipeline.label.store import Answer
from pipeline.label.tasks import Task, harmless, read_tasks, studio_config, tasks_of, write_tasks
from pipeline.model_store import SHIPPED

STORE = ROOT / "data" / "labels"
NAMES = read_label_names(STORE)
KNOWN = [label.name for label in NAMES]


def task(article: str = "a1", text: str = "Rest it.", tags: tuple = ("remedies",), p: float = 0.8) -> Task:
    scores = (("causes", 0.1), ("remedies", p), ("warning_signs", 0.1))
    return Task(article, text_hash(text), "site", "", "Title", "Heading", "before", text, "after", tags, scores)


def answer(text: str, *tags: str, reader: str = "r1", article: str = "a1", date: str = "2026-03-01") -> Answer:
    return Answer(article, text_hash(text), tags, reader, date)


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "sample"
    run([str(SAMPLE)], out, RunOptions("serial"), (SHIPPED / "cleaner", SHIPPED / "tagger"), lambda *step: None)
    return out


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(STORE / "labels.toml", folder)
    return folder


# --- draw


def test_an_article_is_worth_more_the_less_sure_the_rarer_and_the_farther():
    texts = ["cold and cough", "cold and cough again", "broken bone", "itching skin"]
    assert choose([0.9, 0.8, 0.6, 0.5], texts, ["a", "b", "c", "c"], [3, 3, 3, 3], 9) == [0, 2, 3]
    assert choose([0.5, 0.9], ["one", "two"], ["a", "b"], [3, 3], 3) == [1]
    assert choose([0.9, 0.1], ["one", "two"], ["a", "b"], [9, 3], 3) == [1]  # the better one does not fit
    assert choose([0.9, 0.1], ["one", "two"], ["a", "b"], [9, 8], 3) == [0]  # none fits: one all the same
    assert choose([], [], [], [], 3) == []


def test_whole_articles_are_drawn_and_nothing_twice():
    articles = {
        "a1": [task("a1", "Rest it.", p=0.5), task("a1", "Cool it.", p=0.5), task("a1", "Rest it.", p=0.5)],
        "a2": [task("a2", "Gargle.", p=0.9), task("a2", "Sleep.", p=0.9)],
    }
    drawn = draw(articles, labels_of([]), 10)
    assert [t.text for t in drawn.tasks] == ["Rest it.", "Cool it.", "Gargle.", "Sleep."]
    drawn = draw(articles, labels_of([answer("Cool it."), answer("Sleep.", article="a2")]), 10)
    assert [t.text for t in drawn.tasks] == ["Rest it.", "Gargle."]
    assert (drawn.articles, drawn.answered, drawn.open) == (2, 2, 2)


def test_the_tasks_of_a_run_come_back_as_they_were_written(sample_run, tmp_path):
    tasks = [t for of_page in tasks_of(load_batch(sample_run)).values() for t in of_page]
    assert len(tasks) > 200 and any(len(t.tags) > 1 for t in tasks)
    write_tasks(tmp_path, tasks, NAMES, "model 1")
    assert read_tasks(tmp_path) == tasks
    table = list(csv.DictReader(io.StringIO((tmp_path / "tasks.csv").read_text("utf-8-sig"))))
    assert [row["hash"] for row in table] == [t.hash for t in tasks]
    assert (tmp_path / "tasks.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_is_a_formula(cell):
    assert harmless(cell) == f"'{cell}"
    assert harmless("a=b") == "a=b"


def test_the_interface_shows_what_the_tasks_hold_and_offers_every_label(tmp_path):
    view = ET.fromstring(studio_config(NAMES))
    write_tasks(tmp_path, [task(tags=("remedies", "causes"))], NAMES, "model 1")
    (written,) = json.loads((tmp_path / "tasks.json").read_text())
    shown = {v[1:] for node in view.iter() for v in node.attrib.values() if v.startswith("$")}
    assert shown <= set(written["data"])
    controls = {node.get("name"): [c.get("value") for c in node] for node in view.iter("Choices")}
    assert controls == {"tags": [*KNOWN, "none"], "primary": KNOWN}
    texts = {node.get("name") for node in view.iter("Text")}
    for result in written["predictions"][0]["result"]:
        assert result["to_name"] in texts and set(result["value"]["choices"]) <= set(controls[result["from_name"]])
    keys = [node.get("hotkey") for node in view.iter("Choice") if node.get("hotkey")]
    assert len(set(keys)) == len(keys) == len(NAMES) + 1


# --- what comes back


def studio(one: Task, number: int, choices: list[str] | None, *, primary: str | None = None, by=1, **more) -> dict:
    """A task as Label Studio's documentation shows it when it is exported."""
    shared = {"to_name": "text", "type": "choices", "origin": "manual"}
    result = []
    if choices is not None:
        result.append({"id": "x1", "from_name": "tags", "value": {"choices": choices}, **shared})
    if primary:
        result.append({"id": "x2", "from_name": "primary", "value": {"choices": [primary]}, **shared})
    annotation = {
        "id": 1000 + number, "completed_by": by, "result": result, "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-03-01T09:00:00.000000Z", "updated_at": "2026-03-02T09:00:00.000000Z", "lead_time": 4.2, "task": number,
    }  # fmt: skip
    data = {"article": one.article, "hash": one.hash, "text": one.text, "scores": dict(one.scores)}
    return {
        "id": number, "project": 1, "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-02T09:00:00Z",
        "data": data, "meta": {}, "predictions": [], "annotations": [annotation | more],
    }  # fmt: skip


def flat(one: Task, number: int, tags, **more) -> dict:
    """The same as JSON-MIN."""
    return {
        "article": one.article, "hash": one.hash, "text": one.text, "scores": dict(one.scores), "id": number, "tags": tags,
        "annotator": 1, "annotation_id": 1000 + number, "updated_at": "2026-03-02T09:00:00Z", "lead_time": 4.2, **more,
    }  # fmt: skip


ONE, TWO, THREE = task(text="Rest it."), task(text="Cool it."), task(text="Hold it up.")
WANTED = [("Rest it.", ("remedies", "causes")), ("Cool it.", ("warning_signs",)), ("Hold it up.", ())]


@pytest.mark.parametrize(
    "tasks",
    [
        [
            studio(ONE, 1, ["causes", "remedies"], primary="remedies"),
            studio(TWO, 2, ["warning_signs"]),
            studio(THREE, 3, ["none"]),
        ],
        [
            flat(ONE, 1, {"choices": ["causes", "remedies"]}, primary="remedies"),
            flat(TWO, 2, "warning_signs"),
            flat(THREE, 3, "none"),
        ],
    ],
    ids=["JSON", "JSON-MIN"],
)
def test_an_export_of_label_studio_loses_nothing(tmp_path, tasks):
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks))
    returned = read_returned(path, KNOWN, Defaults(None, "2026-01-01"))
    assert returned.answers == [answer(text, *tags, reader="annotator-1", date="2026-03-02") for text, tags in WANTED]
    assert (returned.skipped, returned.unanswered) == (0, 0)


def test_the_table_of_label_studio_comes_back_too(tmp_path):
    path = tmp_path / "project-1.csv"
    told = "1,2026-03-02T09:00:00Z"
    cells = ['"{""choices"":[""causes"",""remedies""]}",remedies', "warning_signs,", "none,"]
    rows = [f"{t.article},{t.hash},{cell},{told}" for t, cell in zip((ONE, TWO, THREE), cells, strict=True)]
    path.write_text("\n".join(["article,hash,tags,primary,annotator,updated_at", *rows]) + "\n")
    returned = read_returned(path, KNOWN, Defaults(None, "2026-01-01"))
    assert returned.answers == [answer(text, *tags, reader="annotator-1", date="2026-03-02") for text, tags in WANTED]


def test_what_is_skipped_or_not_answered_is_counted(tmp_path):
    path = tmp_path / "project-1.json"
    tasks = [
        studio(ONE, 1, None, was_cancelled=True),
        studio(TWO, 2, None),  # submitted without a choice: none
        {**studio(THREE, 3, None), "annotations": []},
        flat(ONE, 4, None),
    ]
    path.write_text(json.dumps(tasks))
    returned = read_returned(path, KNOWN, Defaults(None, "2026-01-01"))
    assert [a.tags for a in returned.answers] == [()]
    assert (returned.skipped, returned.unanswered) == (1, 2)


@pytest.mark.parametrize(
    ("by", "reader"),
    [(7, "annotator-7"), ({"id": 7, "email": "ann@clinic.example"}, "ann"), ({"id": 7}, "annotator-7")],
)
def test_readers_of_label_studio_have_a_name(tmp_path, by, reader):
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps([studio(ONE, 1, ["causes"], by=by)]))
    assert read_returned(path, KNOWN, Defaults("me", "2026-01-01")).answers[0].reader == reader


def test_a_filled_table_comes_back(tmp_path):
    write_tasks(tmp_path, [ONE, TWO, THREE, task(article="=a2")], NAMES, "model 1")
    rows = list(csv.reader(io.StringIO((tmp_path / "tasks.csv").read_text("utf-8-sig"))))
    column = rows[0].index("tags")
    for row, tags in zip(rows[1:], ["remedies causes", "warning_signs", "", "none"], strict=True):
        row[column] = tags
    with (tmp_path / "filled.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows(rows)
    returned = read_returned(tmp_path / "filled.csv", KNOWN, Defaults("me", "2026-03-01"))
    last = answer("Rest it.", reader="me", article="=a2")
    assert returned.answers == [answer(t, *tags, reader="me") for t, tags in WANTED[:2]] + [last]
    assert returned.unanswered == 1


def test_lines_of_the_store_come_back_whole(tmp_path):
    line = {"article": "a1", "hash": "0" * 16, "tags": [], "reader": "r1", "date": "2026-03-01", "note": "a quote"}
    (tmp_path / "lines.jsonl").write_text(json.dumps(line) + "\n")
    (one,) = read_returned(tmp_path / "lines.jsonl", KNOWN, Defaults("me", "2026-01-01")).answers
    assert (one.reader, one.note) == ("r1", "a quote")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", json.dumps([studio(ONE, 5, ["cause"])]), "task 5: unknown tag cause"),
        ("a.json", json.dumps([studio(ONE, 5, ["none", "causes"])]), "none and causes exclude each other"),
        ("a.json", json.dumps([flat(ONE, 5, "causes", hash=None)]), "hash must be a string"),
        ("a.json", "{}", "needs a list of tasks"),
        ("a.json", "[", "cannot be read"),
        ("a.csv", "article,hash\n", "has no column tags"),
        ("a.csv", f"article,hash,tags\na1,{'0' * 16},causes\n", "says no reader; name one with --reader"),
        ("a.jsonl", '{"article": "a1"}\n', "needs article, hash"),
        ("a.xml", "", "unknown kind of file; known are .json, .csv, .jsonl"),
    ],
)
def test_wrong_answers_are_refused_with_their_place(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(LabelError, match=message):
        read_returned(tmp_path / name, KNOWN, Defaults(None, "2026-01-01"))


def test_only_what_was_drawn_is_answered_and_once(tmp_path):
    drawn = {ONE.hash and (ONE.article, ONE.hash)}
    same = [answer("Rest it.", "causes"), answer("Rest it.", "causes"), answer("Rest it.", reader="r2")]
    assert check_answers(tmp_path, same, drawn) == [same[0], same[2]]
    with pytest.raises(LabelError, match="nobody drew this passage"):
        check_answers(tmp_path, [answer("Cool it.")], drawn)
    with pytest.raises(LabelError, match="r1 gives two answers: causes; none"):
        check_answers(tmp_path, [answer("Rest it.", "causes"), answer("Rest it.")], drawn)


# --- agreement


def test_agreement_of_two_readers():
    texts = [f"text {i}" for i in range(10)]
    first = [answer(t, *(["causes"] if i < 5 else [])) for i, t in enumerate(texts)]
    second = [answer(t, *(["causes"] if i < 4 or i == 9 else []), reader="r2") for i, t in enumerate(texts)]
    causes, remedies, _ = agreements([*first, *second, answer("other", reader="r2")], KNOWN)
    assert (causes.readers, causes.passages, causes.both, causes.one, causes.other) == (("r1", "r2"), 10, 4, 5, 5)
    assert causes.f1 == pytest.approx(0.8)
    assert causes.kappa == pytest.approx((0.8 - 0.5) / (1 - 0.5))
    assert remedies.f1 is None and remedies.kappa is None


# --- check


def passage(article: str, text: str, *tags: str) -> Passage:
    return Passage(article, "", "", "", "", "", text, "", tags, ())


def test_a_wrong_label_is_found_among_right_ones():
    rows = [
        passage(f"a{i % 10}", f"Smoke and dust number {i} can trigger an attack", "causes") for i in range(MIN_CARRIED)
    ]
    rows += [
        passage(f"a{i % 10}", f"Rest and water of kind {i} help within days", "remedies") for i in range(MIN_CARRIED)
    ]
    rows.append(passage("a3", "Smoke and dust of a fire can trigger an attack", "remedies"))
    checked = check(rows, KNOWN)
    assert checked.findings[0].task.text == rows[-1].text
    assert re.match(r"is (not )?labelled (causes|remedies), and its probability is", checked.findings[0].why)
    assert "causes" in checked.findings[0].task.tags
    assert "too few labels for warning_signs" in checked.told


def test_nearly_equal_passages_with_other_labels_are_found():
    text = "Call a doctor at once if the pain is sudden and severe or comes with fever"
    rows = [
        passage("a1", text, "warning_signs"),
        passage("a2", text.replace("at once ", ""), "remedies"),
        passage("a3", text, "warning_signs"),
    ]
    found = check(rows, KNOWN).findings
    assert {f.task.article for f in found} == {"a1", "a2", "a3"}
    assert "is labelled remedies" in next(f.why for f in found if f.task.article == "a1")
    assert not check([rows[0], rows[2]], KNOWN).findings
    short = [passage("a1", "Chest pain", "warning_signs"), passage("a2", "Chest pain", "causes")]
    assert not check(short, KNOWN).findings


# --- here


@pytest.mark.parametrize(
    ("keys", "answers"),
    [
        ("c\n", {0: ("causes",)}),
        ("rc\n", {0: ("remedies", "causes")}),
        ("ccw\n", {0: ("warning_signs",)}),
        (" \r\n", {0: ("remedies",), 1: ()}),
        ("-w\n", {1: ("warning_signs",)}),
        ("c\nur\n", {0: ("causes", "remedies")}),
        ("c\nw\nuu", {}),
        ("-uc\n", {0: ("causes",)}),
        ("ux?c\n", {0: ("causes",)}),
        ("c\nqw\n", {0: ("causes",)}),
    ],
)
def test_keys(keys, answers):
    session = Session(0)
    for key in keys:
        if not session.stopped:
            session = press(session, key, [ONE, TWO, THREE], NAMES)
    assert dict(session.answers) == answers


def test_from_a_run_to_labels_and_back(sample_run, tmp_path, store, monkeypatch, capsys):
    """draw, here in two sittings with an undo, import, draw again: what is labelled is not drawn."""
    tasks, words = tmp_path / "tasks", ["--labels", str(store)]

    def typed(keys: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(keys))
        assert main(["label", "here", str(tasks), "--reader", "r1", *words]) == 0
        return capsys.readouterr().out

    assert main(["label", "draw", str(sample_run), "-n", "12", "-o", str(tasks), *words]) == 0
    drawn = read_tasks(tasks)
    assert 0 < len(drawn) <= 12
    assert main(["label", "draw", str(sample_run), "-o", str(tasks), *words]) == 2
    assert "holds tasks already" in capsys.readouterr().err
    assert f"2 of {len(drawn)} passages answered" in typed("c\nr\nuw\n")
    assert f"{len(drawn)} of {len(drawn)} passages answered" in typed("\n" * len(drawn))
    assert main(["label", "import", str(tasks / "answers-r1.jsonl"), *words]) == 0
    told = capsys.readouterr().out
    assert f"{len(drawn)} answers of r1 to {len(drawn)} passages, 0 known before" in told
    assert "(model) / r1" in told
    labels = read_labels(store)
    assert [told.tags for told in labels.values()][:3] == [("causes",), ("remedies", "warning_signs"), ()]
    assert all(a.sketch for a in read_answers(store))
    assert main(["label", "import", str(tasks / "answers-r1.jsonl"), *words]) == 0
    assert f"{len(drawn)} known before" in capsys.readouterr().out and len(read_answers(store)) == len(drawn)
    assert main(["label", "draw", str(sample_run), "-n", "400", "-o", str(tmp_path / "more"), *words]) == 0
    assert not {(t.article, t.hash) for t in read_tasks(tmp_path / "more")} & set(labels)
    assert main(["label", "attach", "--corpus", str(sample_run), "-o", str(tmp_path / "texts.jsonl"), *words]) == 0
    assert f"{len(drawn)} of {len(drawn)} labels found" in capsys.readouterr().err
    assert main(["label", "check", "--corpus", str(sample_run), *words]) == 0
    assert f"{len(drawn)} labelled passages; tags looked at: none; too few labels" in capsys.readouterr().out


def test_a_page_with_a_wrong_tag_can_be_drawn_by_its_id(sample_run, tmp_path, store, capsys):
    words = ["label", "draw", str(sample_run), "--labels", str(store)]
    assert main([*words, "-o", str(tmp_path / "one"), "--page", "dry-eyes"]) == 0
    assert {t.article for t in read_tasks(tmp_path / "one")} == {"dry-eyes"}
    assert main([*words, "-o", str(tmp_path / "two"), "--page", "dry-eye"]) == 2
    assert "has no tagged page dry-eye" in capsys.readouterr().err


def test_the_terminal_tells_every_label_with_its_meaning():
    shown = screen(Session(0, ("causes",)), [ONE], NAMES)
    assert all(f"{label.key}: {label.name} – {label.definition}" in shown for label in NAMES)
    assert "answer: causes" in shown and "> Rest it." in shown and "model: remedies" in shown


def test_answers_to_a_corpus_need_it_to_be_named(tmp_path, store, capsys):
    corpus = {"id": "a1", "blocks": [{"kind": "paragraph", "text": "Rest it."}]}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(corpus) + "\n")
    line = {"article": "a1", "hash": text_hash("Rest it."), "tags": [], "reader": "r1", "date": "2026-03-01"}
    (tmp_path / "r1.jsonl").write_text(json.dumps(line) + "\n")
    words = ["label", "import", str(tmp_path / "r1.jsonl"), "--labels", str(store), "--as", "first"]
    assert main(words) == 2
    assert "with --drawn" in capsys.readouterr().err
    assert main([*words, "--drawn", str(tmp_path / "corpus.jsonl")]) == 0
    assert read_labels(store)["a1", text_hash("Rest it.")].tags == ()
    assert (store / "first.jsonl").exists()
    (tmp_path / "r1.jsonl").write_text("")
    assert main([*words, "--drawn", str(tmp_path / "corpus.jsonl")]) == 2
    assert "holds no answers" in capsys.readouterr().err


def test_what_check_finds_can_be_labelled_anew(tmp_path, store, capsys):
    text = "Call a doctor at once if the pain is sudden and severe or comes with fever"
    rows = [
        {"id": name, "title": "Pain", "blocks": [{"kind": "paragraph", "text": text, "tags": tags}]}
        for name, tags in (("a1", ["warning_signs"]), ("a2", []))
    ]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--corpus", str(tmp_path / "corpus.jsonl"), "--labels", str(store)]
    answers = [
        {"article": "a1", "hash": text_hash(text), "tags": ["warning_signs"], "reader": r, "date": "2026-03-01"}
        for r in ("r1", "r2")
    ]
    (store / "both.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    assert main(["label", "check", *words, "-o", str(tmp_path / "tasks")]) == 0
    told = capsys.readouterr().out
    assert "1.00 alike to one of a2 that is labelled none" in told
    assert re.search(r"^r1 / r2 +1  warning_signs +– +1\.000$", told, re.M)
    assert [t.article for t in read_tasks(tmp_path / "tasks")] == ["a1", "a2"]
