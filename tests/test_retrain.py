"""Rows that ship with a tagger, and what a user's own labels make of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS

from pipeline.cli import main
from pipeline.label.store import STORE, LabelError
from pipeline.learn import own_labels
from pipeline.learn.corpus import read_gold
from pipeline.learn.first_level import LinearOptions
from pipeline.learn.own_labels import read_own
from pipeline.learn.retrain import retrain_tagger
from pipeline.learn.rows import CorpusError
from pipeline.learn.second_level import NetOptions
from pipeline.learn.shipped_rows import ADDED, FOLDER, LEARNT, SCORED, Rows, load_rows, publisher_key, some_rows
from pipeline.learn.shipped_rows import SCHEMA as ROWS
from pipeline.learn.tagger import TaggerOptions, train_tagger
from pipeline.model_store import SHIPPED, ModelError, load_model
from pipeline.tag import load_tagger
from pipeline.tag.model import load_tagger_model
from pipeline.tag.terms import prefix_terms, word_terms
from pipeline.write import text_hash
from tests.test_learn_tagger import HEADINGS, corpora, teacher  # noqa: F401 (fixtures)

LINEAR, NETS = LinearOptions(min_texts=2), NetOptions(epochs=10, learning_rate=0.01, nets=1)
OPTIONS = TaggerOptions(LINEAR, NETS)


@pytest.fixture(scope="module")
def trained(corpora: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("trained") / "tagger"
    train_tagger(corpora, folder, OPTIONS, teacher=teacher, reader=folder / "none")
    return folder


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """A model folder to be written over."""
    return Path(shutil.copytree(trained, tmp_path / "tagger"))


def terms_of(folder: Path) -> list[str]:
    return load_tagger_model(folder).words["terms"]


def rows_of(folder: Path) -> Rows:
    return load_rows(folder / FOLDER, terms_of(folder))


def own(path: Path, *articles: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(article) + "\n" for article in articles))
    return path


def article(name: str, *passages: tuple[str, list[str] | None], heading: str = "", **more: Any) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"kind": "heading", "text": heading, "tags": None}] if heading else []
    blocks += [{"kind": "paragraph", "text": text, "tags": tags} for text, tags in passages]
    return {"id": name, "title": "Aches", "blocks": blocks, **more}


def test_rows_hold_what_was_learnt_from_and_no_text(trained: Path, corpora: Path) -> None:  # noqa: F811
    rows, gold = rows_of(trained), read_gold(corpora, LABELS)
    assert rows.labels == LABELS
    assert (rows.parts == SCORED).sum() == len(gold) and not (rows.parts == ADDED).any()
    assert (rows.parts == LEARNT).sum() == len(rows.sizes) - len(gold)
    assert rows.publishers[0] == publisher_key(gold[0].publisher) and rows.folds[: len(gold)].tolist() == [
        one.fold for one in gold
    ]
    wanted = [[label in tags for label in LABELS] for one in gold for tags in one.labels]
    assert (rows.tags[: len(wanted)] == wanted).all() and rows.known.all()
    text = gold[0].sections[0].passages[0].text
    said = [*word_terms(text), *prefix_terms(text)]
    row, terms = rows.texts[rows.own[0]], terms_of(trained)
    held = {terms[column]: count for column, count in zip(row.indices.tolist(), row.data.tolist(), strict=True)}
    assert held and held == {term: said.count(term) for term in held}
    files = b"".join(path.read_bytes() for path in sorted((trained / FOLDER).iterdir()))
    assert b"site0" not in files and load_model(trained / FOLDER, "rows", ROWS).words == {}


def test_damaged_rows_are_refused(copy: Path) -> None:
    with pytest.raises(ModelError, match="texts or terms that the model does not know"):
        load_rows(copy / FOLDER, terms_of(copy)[:5])
    (copy / FOLDER / "arrays.npz").write_bytes(b"PK")
    with pytest.raises(ModelError, match="damaged, or from another model"):
        rows_of(copy)


def test_the_rows_alone_give_nearly_the_model_of_the_corpora(copy: Path, tmp_path: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    lines: list[str] = []
    scores = retrain_tagger(copy, say=lines.append, options=OPTIONS)
    assert scores["macro_f1"] == manifest["from_rows"]["macro_f1"]
    assert abs(scores["macro_f1"]["all"] - manifest["scores"]["macro_f1"]["all"]) < 0.05
    assert lines[0].endswith("passages of " + str(copy / FOLDER))
    first = (copy / "arrays.npz").read_bytes()
    retrain_tagger(copy, options=OPTIONS)
    assert (copy / "arrays.npz").read_bytes() == first and load_tagger(copy)


def test_own_labels_teach_what_the_corpora_did_not_know(copy: Path, tmp_path: Path) -> None:
    passages: list[tuple[str, list[str] | None]] = [
        (sentence.format(word), tags)
        for word in ("dust", "stress")
        for sentence, tags in (("The study of {} lasts.", ["remedies"]), ("Rest and {} bring it on.", []))
    ]
    pages = [article(f"own{n}", *passages, site=f"own{n}.org") for n in range(6)]
    lines: list[str] = []
    retrain_tagger(copy, [own(tmp_path / "own.jsonl", *pages)], force=True, say=lines.append, options=OPTIONS)
    manifest = json.loads((copy / "manifest.json").read_text())
    assert (manifest["own"]["articles"], manifest["own"]["passages"]) == (6, 24)
    was, now = manifest["own"]["f1_before_and_now"]["remedies"]
    assert was + 0.1 < now and now > 0.8
    assert any(line.startswith("on your passages, remedies: F1") for line in lines)
    assert "24 passages of 6 articles" in (copy / "CARD.md").read_text()


def test_a_worse_model_is_written_only_by_force(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["from_rows"]["macro_f1"]["all"] = 1.5
    (copy / "manifest.json").write_text(json.dumps(manifest))
    before = (copy / "arrays.npz").read_bytes()
    with pytest.raises(CorpusError, match="worse by more than 0.002 and is not written; --force"):
        retrain_tagger(copy, options=OPTIONS)
    assert (copy / "arrays.npz").read_bytes() == before
    retrain_tagger(copy, force=True, options=OPTIONS)
    assert json.loads((copy / "manifest.json").read_text())["from_rows"]["macro_f1"]["all"] < 1


def test_what_cannot_be_used_is_refused(trained: Path, tmp_path: Path) -> None:
    rows = rows_of(trained)

    def read(*articles: dict[str, Any], labels: tuple[str, ...] = LABELS) -> None:
        read_own([own(tmp_path / "own.jsonl", *articles)], labels, rows)

    with pytest.raises(LabelError, match=r"own.jsonl, article a, block 0: unknown tag cause; known are causes"):
        read(article("a", ("It hurts.", ["cause"])))
    with pytest.raises(
        CorpusError, match=r"(?s)1 texts have two answers.*'It  hurts.': causes in .*article a, block 0; "
    ):
        read(article("a", ("It hurts.", ["causes"])), article("b", ("It  hurts.", [])))
    some = article("a", ("It hurts.", ["causes"]), asked=["causes"])
    read(some, article("b", ("It hurts.", ["remedies"]), asked=["remedies"]))  # no two answers to one question
    with pytest.raises(LabelError, match="block 0: carries remedies, but was asked about causes only"):
        read(article("a", ("It hurts.", ["remedies"]), asked=["causes"]))
    with pytest.raises(LabelError, match="block 0, asked: unknown tag cause"):
        read(article("a", ("It hurts.", ["causes"]), asked=["cause"]))
    with pytest.raises(CorpusError, match="no passage has tags; `label attach`"):
        read(article("a", ("It hurts.", None)))
    with pytest.raises(CorpusError, match="label diagnosis: 1 passages carry it, 1 of them yours; it needs 20"):
        read(article("a", ("A scan shows it.", ["diagnosis"])), labels=(*LABELS, "diagnosis"))
    many = [(f"Scan {n} shows it.", ["diagnosis"]) for n in range(20)]
    with pytest.raises(CorpusError, match="label diagnosis: the passages that carry it are of 1 of 5 folds"):
        read(article("a", *many), labels=(*LABELS, "diagnosis"))


def test_own_articles_go_to_the_fold_of_their_publisher(trained: Path, tmp_path: Path) -> None:
    rows = rows_of(trained)
    known = article("a", ("It hurts.", ["causes"]), url="https://www.site2.org/x")
    unknown = [article(f"b{n}", (f"It hurts {n}.", [])) for n in range(12)]
    found = read_own([own(tmp_path / "own.jsonl", known, *unknown)], LABELS, rows)
    assert found[0].fold == 2 and found[0].publisher == "site2.org"
    assert len({one.fold for one in found}) > 2  # without a publisher each article is dealt by itself
    assert own_labels.MIN_FOLDS <= len(set(rows.folds.tolist()))


def test_headings_and_passages_without_an_answer_are_kept_apart(trained: Path, tmp_path: Path) -> None:
    page = article("a", ("It hurts.", ["causes"]), ("Nobody read me.", None), heading=HEADINGS["causes"])
    (found,) = read_own([own(tmp_path / "own.jsonl", page)], LABELS, rows_of(trained))
    assert found.sections[0].heading == HEADINGS["causes"] and found.group == "explainer"
    assert found.labels == (("causes",), ()) and found.answered == (True, False)


def test_a_passage_says_what_it_was_asked(trained: Path, tmp_path: Path) -> None:
    page = article("a", ("It hurts.", ["causes"]), ("Rest.", ["remedies"]), ("So what.", None), asked=["causes"])
    page["blocks"][1]["asked"] = ["remedies", "warning_signs"]
    plain = article("b", ("Why?", []))
    found = read_own([own(tmp_path / "own.jsonl", page, plain)], LABELS, rows_of(trained))
    assert found[0].asked == (("causes",), ("remedies", "warning_signs"), ()) and found[1].asked == (LABELS,)


def test_the_shipped_rows_belong_to_the_shipped_model() -> None:
    rows = rows_of(SHIPPED / "tagger")
    manifest = json.loads((SHIPPED / "tagger" / "manifest.json").read_text())
    assert manifest["from_rows"]["rows"] == rows.digest
    assert (rows.parts == SCORED).sum() == manifest["data"]["articles"]
    assert abs(manifest["from_rows"]["macro_f1"]["all"] - manifest["scores"]["macro_f1"]["all"]) < 0.015


def test_labelled_articles_and_a_corpus_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own(tmp_path / "own.jsonl", article("a", ("It hurts.", ["causes"])))
    assert main(["train", "tagger", "--labels", str(file), "--corpus", str(tmp_path)]) == 2
    assert "labels join the rows that ship with the cleaner or the tagger, and no --corpus" in capsys.readouterr().err
    assert main(["train", "tagger", "--weight", "3"]) == 2
    assert "--weight weighs the labels of a file" in capsys.readouterr().err


def test_a_label_of_the_model_must_be_named(copy: Path, tmp_path: Path) -> None:
    text = (STORE / "labels.toml").read_text()
    (tmp_path / "labels.toml").write_text(text.replace("remedies", "cures"))
    with pytest.raises(CorpusError, match="labels are causes, cures, .* the model before has remedies, too"):
        retrain_tagger(copy, names=tmp_path, options=OPTIONS)


def test_the_store_teaches_a_further_label_of_the_corpora(
    trained: Path,
    corpora: Path,  # noqa: F811
    teacher: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    store = tmp_path / "labels"
    store.mkdir()
    entry = '\n[[label]]\nname = "diagnosis"\ndefinition = "tests"\nkey = "d"\ncolour = "#999999"\n'
    (store / "labels.toml").write_text((STORE / "labels.toml").read_text() + entry)
    rows = [
        {"article": one.article_id, "hash": text_hash(passage.text), "reader": "r1", "date": "2026-11-24"}
        | {"tags": ["diagnosis"] * passage.text.startswith("About one"), "asked": ["diagnosis"]}
        for one in read_gold(corpora, LABELS)[:30]
        for section in one.sections
        for passage in section.passages
    ]
    (store / "r1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "tagger"
    train_tagger(corpora, out, OPTIONS, teacher=teacher, reader=out / "none", labels=store, left_out=False)
    manifest, before = (json.loads((folder / "manifest.json").read_text()) for folder in (out, trained))
    carried = sum(bool(row["tags"]) for row in rows)
    told = manifest["further"]["diagnosis"]
    assert load_tagger(out).labels == (*LABELS, "diagnosis")
    assert (told["passages"], told["carried"]) == (len(rows), carried) and told["f1"] > 0.9
    assert manifest["scores"] == before["scores"]  # of the others, whom it does not move
    assert f"| diagnosis | {len(rows)} | {carried} |" in (out / "CARD.md").read_text()
    again = rows_of(out)
    assert again.labels == (*LABELS, "diagnosis") and again.known[
        again.parts.repeat(again.sizes) == SCORED, 3
    ].sum() == len(rows)
    retrain_tagger(out, names=store, options=OPTIONS)
    told = json.loads((out / "manifest.json").read_text())["further"]["diagnosis"]
    assert told["passages"] == len(rows) and told["f1"] > 0.9


def test_a_label_that_few_passages_of_the_store_carry_is_refused(corpora: Path, tmp_path: Path) -> None:  # noqa: F811
    entry = '\n[[label]]\nname = "diagnosis"\ndefinition = "tests"\nkey = "d"\ncolour = "#999999"\n'
    (tmp_path / "labels.toml").write_text((STORE / "labels.toml").read_text() + entry)
    with pytest.raises(CorpusError, match="label diagnosis: 0 passages carry it; it needs 20"):
        train_tagger(corpora, tmp_path / "tagger", OPTIONS, labels=tmp_path)


def test_a_share_of_the_articles_is_held_against_the_same_share(copy: Path, tmp_path: Path) -> None:
    rows = rows_of(copy)
    some = some_rows(rows, 0.5)
    assert [(some.folds == fold).sum() for fold in range(5)] == [(rows.folds == fold).sum() // 2 for fold in range(5)]
    assert some.sizes.sum() == len(some.own) == len(some.tags) == some.said.shape[1] < len(rows.own)
    taken = np.flatnonzero(rows.folds == 1)[1::2]  # every other article
    first = np.repeat(np.arange(len(rows.sizes)), rows.sizes).tolist().index(taken[0])
    place = int(some.sizes[: np.flatnonzero(some.folds == 1)[0]].sum())
    assert (some.texts[some.own[place]] != rows.texts[rows.own[first]]).nnz == 0
    with pytest.raises(ValueError, match="the share of articles is 0"):
        some_rows(rows, 0)
    retrain_tagger(copy, share=0.5, options=OPTIONS)
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest["own"]["macro_f1_before"] is None and manifest["from_rows"]["share"] == 0.5
    file = own(tmp_path / "own.jsonl", article("a", ("It hurts.", ["causes"])))
    alone = manifest["from_rows"]["macro_f1"]
    retrain_tagger(copy, [file], share=0.5, force=True, options=OPTIONS)
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest["own"]["macro_f1_before"] == alone
    assert main(["train", "tagger", "--share", "0.1", "--labels", str(copy / "CARD.md")]) == 2
