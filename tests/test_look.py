"""The tables of the notebooks."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from conftest import LABELS, ROOT, SAMPLE

from pipeline.batch import load_batch
from pipeline.engine import RunOptions, run
from pipeline.label import text_hash
from pipeline.look import (
    answered,
    before_and_after,
    changed_tags,
    confusion,
    duplicates,
    fold_scores,
    least_sure_pages,
    linked,
    mistakes,
    own_scores,
    page_blocks,
    read_manifest,
    reliability,
    sample_answers,
    steps,
    top_words,
    worst_pages,
    write_labelled,
)  # fmt: skip
from pipeline.model_store import SHIPPED
from pipeline.tag import load_tagger


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "sample"
    run([str(SAMPLE)], out, RunOptions("serial"), (SHIPPED / "cleaner", SHIPPED / "tagger"), lambda *step: None)
    return out


@pytest.fixture(scope="module")
def batch(sample_run):
    return load_batch(sample_run)


def read(*rows: tuple[tuple, tuple, float]) -> pd.DataFrame:
    """Answered passages: wanted tags, given tags, probability of causes."""
    return pd.DataFrame(
        [
            {"page_id": "a b", "passage_id": f"{i:016x}", "text": "<b>&", "wanted": w, "tags": g, "causes": p, "remedies": 0.1, "warning_signs": 0.1}
            for i, (w, g, p) in enumerate(rows)
        ]
    )  # fmt: skip


def test_a_page_is_shown_whole_and_in_order(batch):
    page = batch.pages.set_index("page_id").loc["muscle-twitching"]
    table = page_blocks(batch, "muscle-twitching")
    assert table.index.tolist() == list(range(page["kept"] + page["dropped"]))
    assert (table["kept"] != "").sum() == page["kept"]
    assert page_blocks(batch, "no such page").empty


def test_the_worst_pages_come_first(batch):
    table = worst_pages(batch, 5)
    assert table["unsure_share"].is_monotonic_decreasing and len(table) == 5
    confidence = least_sure_pages(batch, 5)["confidence"]
    assert confidence.is_monotonic_increasing and confidence.between(0.5, 1).all()


def test_the_sample_has_no_duplicates_but_a_marked_page_is_shown(batch):
    assert duplicates(batch).empty
    marked = batch.pages.assign(duplicate_of=batch.pages["page_id"].where(batch.pages["page_id"] == "dry-eyes"))
    assert duplicates(batch._replace(pages=marked))["page_id"].tolist() == ["dry-eyes"]


def test_answers_are_those_of_the_store_before_those_of_the_sample(batch, tmp_path):
    (tmp_path / "labels.toml").write_text((ROOT / "data" / "labels" / "labels.toml").read_text())
    table = answered(batch, tmp_path, SAMPLE)
    assert 0.9 * len(batch.passages) < len(table) <= len(sample_answers(SAMPLE))
    first = table.iloc[0]
    tags = '["causes", "remedies", "warning_signs"]'
    line = f'{{"article": "{first.page_id}", "hash": "{text_hash(first.text)}", "tags": {tags}, "reader": "r1", "date": "2026-03-01"}}\n'
    (tmp_path / "r1.jsonl").write_text(line)
    assert answered(batch, tmp_path, SAMPLE).iloc[0]["wanted"] == LABELS


def test_mistakes_and_confusion_of_answers():
    table = read((("causes",), ("causes",), 0.9), (("causes",), (), 0.2), ((), ("causes",), 0.95), ((), (), 0.1))
    found = mistakes(table)
    assert found["error"].tolist() == ["added causes", "missed causes"]
    counts = confusion(table)
    assert [
        counts.at[pair] for pair in (("causes", "causes"), ("causes", "none"), ("none", "causes"), ("none", "none"))
    ] == [1, 1, 1, 1]
    assert counts.to_numpy().sum() == 4


def test_reliability_counts_what_carries_the_tag():
    table = reliability(read((("causes",), (), 0.9), ((), (), 0.85), ((), (), 0.1), ((), (), 1.0)), "causes")
    assert table["passages"].tolist() == [1, 3]
    assert table["carried"].tolist() == [0.0, pytest.approx(1 / 3)]


def test_links_lead_into_the_report_and_texts_are_escaped():
    shown = linked(mistakes(read(((), ("causes",), 0.9))), "../out/report.html")
    assert 'href="../out/report.html#page=a%20b&amp;passage=0000000000000000"' in shown
    assert "&lt;b&gt;&amp;" in shown and "<b>" not in shown


def test_the_manifest_and_the_words_of_the_shipped_tagger():
    manifest = read_manifest(SHIPPED / "tagger")
    assert list(fold_scores(manifest).columns) == ["baseline", "tagger"]
    assert steps(manifest).loc["both levels", "all"] == manifest["scores"]["macro_f1"]["all"]
    assert top_words(load_tagger(), 3).shape == (3, len(LABELS))


def test_answers_become_a_file_to_train_on(sample_run, batch, tmp_path):
    table = write_labelled(sample_run, sample_answers(SAMPLE), tmp_path / "labelled.jsonl")
    assert table["answered"].sum() == len(answered(batch, ROOT / "data" / "labels", SAMPLE))
    rows = [json.loads(line) for line in (tmp_path / "labelled.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == table.index.tolist()
    said = [block["tags"] for block in rows[0]["blocks"] if block["tags"] is not None]
    assert sum("causes" in tags for tags in said) == table["causes"].iloc[0]


def test_two_taggers_are_told_apart(sample_run, batch):
    tagger = load_tagger()
    assert changed_tags(sample_run, tagger, tagger).empty
    silent = tagger._replace(thresholds=(2.0,) * len(LABELS), plain_thresholds=(2.0,) * len(LABELS))
    table = changed_tags(sample_run, tagger, silent)
    assert set(table["after"]) == {"none"} and len(table) == batch.passages["tags"].map(len).gt(0).sum()


def test_what_own_labels_brought():
    own = {"macro_f1_before": {"all": 0.7}, "f1_before_and_now": {"causes": [0.5, 0.6]}}
    manifest = {"own": own, "from_rows": {"macro_f1": {"all": 0.8}}}
    assert before_and_after(manifest).loc["all"].tolist() == [0.7, 0.8]
    assert own_scores(manifest).loc["causes"].tolist() == [0.5, 0.6]
