"""The label store: what a file of answers may say, how answers are merged, and how they find their texts again."""

from __future__ import annotations

import gzip
import json

import pytest
from conftest import LABELS, ROOT

from pipeline.cli import main
from pipeline.engine import RunOptions, run
from pipeline.label import LabelError, read_answers, read_label_names, read_labels, sketch, text_hash
from pipeline.label.agree import agreements
from pipeline.label.attach import attach, labels_of, match
from pipeline.label.sketch import likeness
from pipeline.label.store import Answer, asked_now, merged
from pipeline.model_store import SHIPPED

STORE = ROOT / "data" / "labels"
LONG = (
    "Most sprains heal on their own within six weeks if the ankle is rested, cooled and held up for the first two days"
)


def line(text: str = LONG, **more) -> dict:
    return {"article": "a1", "hash": text_hash(text), "tags": ["remedies"], "reader": "r1", "date": "2026-03-01"} | more


@pytest.fixture
def folder(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "labels.toml").write_text((STORE / "labels.toml").read_text())

    def write(*rows: dict, name: str = "one.jsonl"):
        (store / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return store

    return write


FOUR = (*LABELS, "diagnosis")
DIAGNOSIS = '[[label]]\nname = "diagnosis"\ndefinition = "how it is found out"\nkey = "d"\ncolour = "#999999"\n'


def test_the_shipped_store_can_be_read_and_holds_no_text():
    assert tuple(label.name for label in read_label_names(STORE)) == LABELS
    read_labels(STORE)  # refuses every field that could hold one


def test_every_field_stands_in_the_readme_of_the_store():
    readme = (STORE / "README.md").read_text()
    assert all(f"| `{field}` |" in readme for field in Answer._fields)


def test_a_label_is_an_entry(folder):
    path = folder(line(tags=["diagnosis", "causes"]))
    with (path / "labels.toml").open("a") as stream:
        stream.write(DIAGNOSIS)
    assert list(read_labels(path).values()) == [(("diagnosis", "causes"), FOUR)]


def test_an_answer_is_silent_on_what_it_was_not_asked(folder):
    rows = [
        line(tags=["causes"], hash=str(n) * 16, **more)
        for n, more in enumerate(({}, {"asked": ["diagnosis", "causes"]}, {"asked": ["causes"]}))
    ]
    path = folder(*rows)
    with (path / "labels.toml").open("a") as stream:
        stream.write(DIAGNOSIS)
    assert [told.asked for told in read_labels(path).values()] == [LABELS, ("diagnosis", "causes"), ("causes",)]
    assert asked_now(path) == FOUR and asked_now(STORE) == ()
    text = (path / "labels.toml").read_text().replace('asked = ["causes", "remedies", "warning_signs"]', "")
    (path / "labels.toml").write_text(text)
    assert next(iter(read_labels(path).values())).asked == FOUR and asked_now(path) == ()


def test_readers_vote_on_what_they_were_asked():
    old = Answer("a1", "0" * 16, ("causes",), "r1", "2026-03-01", asked=LABELS)
    new = old._replace(reader="r2", tags=("causes", "diagnosis"), asked=FOUR)
    assert merged([old, new]) == merged([new, old]) == (("causes", "diagnosis"), FOUR)
    assert [a.tag for a in agreements([old, new], FOUR)] == list(LABELS)


def test_a_passage_gets_told_what_it_was_asked_where_that_is_less(folder):
    labels = labels_of(read_answers(folder(line())), FOUR)
    row = {"id": "a1", "blocks": [{"kind": "paragraph", "text": LONG, "tags": None}]}
    (found,) = attach([row], labels, {})
    assert found["blocks"][0]["asked"] == list(LABELS)
    row["blocks"][0].pop("asked")
    (found,) = attach([row], labels._replace(names=LABELS), {})
    assert "asked" not in found["blocks"][0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"article": "a1"}, "needs article, hash, tags, reader, date"),
        ({**line(), "text": "Rest it."}, "unknown field text"),
        (line(tags=["cause"]), "unknown tag cause; known are causes, remedies, warning_signs"),
        (line(tags=["causes", "causes"]), "stands twice"),
        (line(tags="causes"), "must be a list"),
        (line(hash="12"), "16 hex digits"),
        (line(date="1 March"), "YYYY-MM-DD"),
        (line(reader=""), "must not be empty"),
        (line(sketch="00"), "128 hex digits"),
        (line(note=3), "note must be a string"),
        (line(asked=["cause"]), "asked: unknown tag cause"),
        (line(tags=["causes"], asked=["remedies"]), "gives causes, but was asked about remedies only"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(folder, row, message):
    with pytest.raises(LabelError, match=rf"one\.jsonl:2: .*{message}"):
        read_labels(folder(line(), row))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("", "needs a table"),
        ("[[label]]\nname = 'a'\n", "a label needs name, definition, key, colour"),
        ("[[label]]\nname='a'\ndefinition='x'\nkey='a'\ncolour='#000000'\n" * 2, "two labels have the name 'a'"),
        ("[[", "is no TOML"),
        ("[[label]]\nname='text'\ndefinition='x'\nkey='a'\ncolour='#000000'\n", "name 'text' or key 'a' is taken"),
    ],
)
def test_wrong_names_of_labels_are_refused(tmp_path, toml, message):
    (tmp_path / "labels.toml").write_text(toml)
    with pytest.raises(LabelError, match=message):
        read_label_names(tmp_path)


def test_a_later_answer_of_a_reader_replaces_the_earlier_one_wherever_it_stands(folder):
    folder(line(tags=[], date="2026-03-02"), name="a.jsonl")
    path = folder(line(tags=["causes"], date="2026-03-01"), name="b.jsonl")
    assert read_labels(path)["a1", text_hash(LONG)].tags == ()
    path = folder(line(tags=["causes"], date="2026-03-02"), name="b.jsonl")  # the same day: the later file
    assert read_labels(path)["a1", text_hash(LONG)].tags == ("causes",)
    assert len(read_answers(path)) == 2


@pytest.mark.parametrize(
    ("answers", "tags"),
    [
        ([["causes"]], ("causes",)),
        ([["causes"], ["causes", "remedies"], []], ("causes",)),
        ([["causes", "remedies"], ["remedies", "causes"]], ("remedies", "causes")),  # a tie of the first: the last
        ([["causes", "remedies"], ["causes", "remedies"], ["remedies", "causes"]], ("causes", "remedies")),
        ([["causes"], []], ()),  # half and half: the last
        ([[], ["causes"]], ("causes",)),
    ],
)
def test_readers_are_merged(answers, tags):
    given = [Answer("a1", "0" * 16, tuple(t), f"r{i}", "2026-03-01") for i, t in enumerate(answers)]
    assert merged(given).tags == tags


def test_white_space_does_not_change_a_hash():
    assert text_hash(" Rest\u00a0it.\n") == text_hash("Rest it.") == "abe4545e51462f61"


def test_sketches_of_texts_alike_are_alike():
    assert len(sketch("")) == len(sketch(LONG)) == 128
    assert likeness(sketch(LONG), sketch(LONG + ".")) == 1.0
    assert 0.7 < likeness(sketch(LONG), sketch("Advertisement " + LONG.replace("cooled and ", ""))) < 1.0
    assert likeness(sketch(LONG), sketch("Call a doctor if you cannot put weight on the foot at all")) < 0.1


def test_a_label_survives_a_change_of_its_text_and_no_more():
    labels = labels_of([Answer("a1", text_hash(LONG), ("remedies",), "r1", "2026-03-01", sketch(LONG))])
    changed = LONG.replace("Most sprains", "Most mild sprains")
    other = "Call a doctor if you cannot put weight on the foot at all"
    first, second, third = match("a1", [other, changed, changed], labels)
    assert first is None and third is None
    assert second.hash == text_hash(LONG) and 0.5 <= second.likeness < 1
    assert [hit.likeness for hit in match("a1", [LONG, LONG], labels)] == [1.0, 1.0]
    assert match("a2", [LONG], labels) == [None]  # another article


def attached(capsys, *words) -> tuple[list[dict], str]:
    assert main(["label", "attach", *map(str, words)]) == 0
    out, told = capsys.readouterr()
    return [json.loads(row) for row in out.splitlines()], told


def test_attach_corrects_a_corpus_of_blocks(folder, tmp_path, capsys):
    blocks = [
        {"kind": "heading", "text": "Care", "tags": None},
        {"kind": "paragraph", "text": LONG, "tags": []},
        {"kind": "junk", "text": "Share", "tags": None},
        {"kind": "item", "text": "Ice it", "tags": ["remedies"]},
    ]
    corpus = tmp_path / "gold.jsonl.gz"
    with gzip.open(corpus, "wt") as stream:
        stream.write(json.dumps({"id": "a1", "title": "Sprains", "source": "x", "blocks": blocks}) + "\n")
    lines = (line(), line("Gone"), line(article="a2"))
    rows, told = attached(capsys, "--labels", folder(*lines), "--corpus", corpus)
    blocks[1]["tags"] = ["remedies"]
    assert rows == [{"id": "a1", "title": "Sprains", "source": "x", "blocks": blocks}]
    assert "1 of 3 labels found, 0 of them by likeness" in told
    assert (
        "2 belong elsewhere: 1 to articles of another corpus, 1 to texts that their articles here do not hold" in told
    )
    assert "1 articles written, 0 without an answer left out; 1 passages have other tags than before" in told


def test_attach_makes_blocks_of_paragraphs_and_marks_what_is_only_like(folder, tmp_path, capsys):
    changed = LONG.replace("Most sprains", "Most mild sprains")
    paragraphs = [
        {"type": "heading", "text": "Care"},
        {"type": "paragraph", "text": changed},
        {"type": "list_item", "text": "Ice it"},
    ]
    corpus = tmp_path / "unlabelled.jsonl"
    rows = [{"id": "a1", "title": "Sprains", "paragraphs": paragraphs}, {"id": "a3", "paragraphs": paragraphs}]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out.jsonl"
    rows, told = attached(capsys, "--labels", folder(line(sketch=sketch(LONG))), "--corpus", corpus, "-o", out)
    (row,) = [json.loads(text) for text in out.read_text().splitlines()]
    assert [block["kind"] for block in row["blocks"]] == ["heading", "paragraph", "item"]
    assert [block["tags"] for block in row["blocks"]] == [None, ["remedies"], None]
    assert 0.5 <= row["blocks"][1]["anchored"] < 1
    assert "1 of 1 labels found, 1 of them by likeness" in told and "1 without an answer left out" in told


def test_attach_takes_a_run_and_what_clean_writes(folder, tmp_path, capsys):
    page = ROOT / "data" / "sample" / "harborwell" / "muscle-twitching.txt"
    out = tmp_path / "run"
    run([str(page)], out, RunOptions("serial"), (SHIPPED / "cleaner", SHIPPED / "tagger"), lambda *step: None)
    assert main(["clean", str(page), "-o", str(tmp_path / "clean.jsonl")]) == 0
    blocks = json.loads((tmp_path / "clean.jsonl").read_text())["blocks"]
    text = next(block["text"] for block in blocks if block["keep"] and block["kind"] == "item")
    path = folder(line(text, article="muscle-twitching", tags=["causes"]))
    for corpus in (out, tmp_path / "clean.jsonl"):
        (row,), told = attached(capsys, "--labels", path, "--corpus", corpus)
        assert [block["text"] for block in row["blocks"] if block["tags"]] == [text]
        assert any(block["kind"] == "heading" for block in row["blocks"]) == (corpus == out)  # a run knows its sections
        assert row["url"] is None and "1 of 1 labels found" in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]\n", 'needs an object with an "id"'),
        ('{"id": "a"}\n', 'needs a list "blocks" or "paragraphs"'),
        ('{"id": "a", "blocks": [{"text": "x"}]}\n', 'a block needs "kind" and "text"'),
        ("{\n", "is no JSON"),
    ],
)
def test_a_wrong_corpus_is_refused(folder, tmp_path, capsys, content, message):
    (tmp_path / "corpus.json").write_text(content)
    words = ["label", "attach", "--labels", str(folder(line())), "--corpus", str(tmp_path / "corpus.json")]
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_labels_is_refused(tmp_path, capsys):
    assert main(["label", "attach", "--labels", str(tmp_path / "none"), "--corpus", str(tmp_path)]) == 2
    assert "labels.toml: cannot be read" in capsys.readouterr().err
