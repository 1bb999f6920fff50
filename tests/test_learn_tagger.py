"""learn.tagger: training on a tiny corpus made here, and the floors on the real one where it is at hand."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.label.store import STORE, Told
from pipeline.learn.corpus import (
    FILES,
    UNLABELLED,
    WRITTEN_FOLDS,
    WeakRow,
    read_added,
    read_gold,
    read_weak,
    read_written,
)
from pipeline.learn.first_level import Lesson, LinearOptions, fit_first_level, pool_texts
from pipeline.learn.questions import MAX_PASSAGES, question_rows, with_asked_headings
from pipeline.learn.rows import CorpusError, digests
from pipeline.learn.second_level import (
    RECALLS,
    NetOptions,
    fit_calibration,
    fit_curve,
    fit_kind_calibrations,
    fit_kind_thresholds,
    fit_nets,
    fit_thresholds,
)
from pipeline.learn.tag_scores import macro_f1, score_table, tags_to_array
from pipeline.learn.tagger import TaggerOptions, compared, score_before, train_tagger
from pipeline.learn.taught import (
    KEY_BYTES,
    STEP,
    WEIGHTS,
    nothing,
    packed_keys,
    quantize,
    read_taught,
    text_key,
    unpacked_keys,
)
from pipeline.model_store import SHIPPED, save_model
from pipeline.tag import load_tagger, tag
from pipeline.tag.context import feature_names
from pipeline.tag.lookup import look_up
from pipeline.tag.model import role_columns
from pipeline.tag.score import first_level, score_sentences, second_level
from pipeline.tag.terms import prefix_terms, word_terms
from pipeline.write import text_hash

CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora"

PARTS = {
    "causes": ["Strain and {} bring it on.", "It is caused by {} in most people.", "The risk grows with {}."],
    "remedies": ["Rest and {} relieve the pain.", "Treatment with {} helps.", "Take {} to prevent it."],
    "warning_signs": [
        "See a doctor if {} lasts.",
        "Signs are {} and fever.",
        "Symptoms such as {} need care.",
    ],
    "": ["The study of {} was paid for by a fund.", "About one in ten knows {}.", "The word {} is old."],
}
HEADINGS = {
    "causes": "What causes it?",
    "remedies": "Treatment",
    "warning_signs": "Symptoms",
    "": "Background",
}
TITLES = ["On aches", "Causes of aches", "How to treat aches", "Warning", "Aches and pains in old age"]
FILLERS = [
    "cold air",
    "long hours",
    "salt",
    "a bad chair",
    "loud noise",
    "warm milk",
    "dust",
    "travel",
    "stress",
]
TAUGHT = {"labels": list(LABELS)}
NO_LESSON = Lesson(np.zeros(0, dtype=bool), np.zeros(0), nothing(LABELS).by_all())


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def unlabelled(number: int) -> dict[str, Any]:
    """An article of the three tags' sentences, by a publisher of fold `number % 3`."""
    texts = [sentence.format(FILLERS[number]) for sentences in PARTS.values() for sentence in sentences]
    row: dict[str, Any] = {"id": f"u{number}", "title": "Aches", "kind": "news", "source": "x"}
    row["url"] = f"https://www.site{number % 3}.org/u"
    return {**row, "paragraphs": [{"type": "paragraph", "text": text} for text in texts]}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logits of teachers, one a fold, who know the sentences' tags."""
    folder = tmp_path_factory.mktemp("teacher")
    said = {
        sentence.format(filler): [4.0 if tag_ == label else -4.0 for tag_ in LABELS]
        for label, sentences in PARTS.items()
        for sentence in sentences
        for filler in FILLERS
    }
    logits = quantize(np.repeat(np.array([*said.values()])[:, None], WRITTEN_FOLDS - 1, axis=1))
    keys = np.array([text_key(text) for text in said], dtype=np.uint64)
    folds = np.arange(WRITTEN_FOLDS - 1, dtype=np.uint8)  # one fold has no teacher
    save_model(folder, "teacher", {"keys": packed_keys(keys), "logits": logits, "folds": folds}, {}, TAUGHT)
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folds of twelve articles, half of them without headings, and a handful of weak sections."""
    folder = tmp_path_factory.mktemp("corpora")
    gold: list[dict[str, Any]] = []
    folds: list[dict[str, Any]] = []
    weak: list[dict[str, Any]] = []
    for number in range(36):
        fold, plain = number % 3, number % 2 == 0
        filler = iter(FILLERS[number % 9 :] + FILLERS * 2)
        blocks: list[dict[str, Any]] = []
        turned = [*PARTS.items()] * 2
        for label, sentences in turned[number // 2 % 4 :][:4]:
            if not plain:
                blocks.append({"kind": "heading", "text": HEADINGS[label], "tags": None})
            tags = [label] if label else []
            blocks += [{"kind": "paragraph", "text": s.format(next(filler)), "tags": tags} for s in sentences]
        blocks.append({"kind": "junk", "text": "Subscribe!", "tags": None})
        gold.append({"id": f"a{number}", "title": TITLES[number % 5], "kind": "news", "blocks": blocks})
        group = "news" if plain else "explainer"
        folds.append({"id": f"a{number}", "publisher": f"site{fold}.org", "group": group, "fold": fold})
    for label, sentences in PARTS.items():
        for number, filler_text in enumerate(FILLERS):
            row: dict[str, Any] = {
                "source": "Leaflets",
                "url": f"https://www.site{number % 3}.org/x",
                "question": "",
            }
            row |= {"heading": HEADINGS[label], "tags": [label] if label else [], "confidence": "high"}
            weak.append({**row, "text": "\n".join(sentence.format(filler_text) for sentence in sentences)})
    weak[0]["article_id"] = "a0"
    weak[1]["tags"] = None
    weak[2]["confidence"] = "low"
    write_rows(folder / "gold_dev.jsonl.gz", gold)
    write_rows(folder / "folds.jsonl", folds)
    write_rows(folder / "weak_heading_sections.jsonl.gz", weak)
    write_rows(folder / "weak_medquad_sections.jsonl.gz", [])
    write_rows(folder / "unlabelled_articles.jsonl.gz", [unlabelled(number) for number in range(9)])
    return folder


def test_gold_goes_through_split_and_junk_is_left_out(corpora: Path) -> None:
    articles = read_gold(corpora, LABELS)
    assert [len(article.labels) for article in articles] == [12] * 36
    assert [section.heading for section in articles[0].sections] == [""]
    assert [section.heading for section in articles[1].sections] == list(HEADINGS.values())
    assert articles[1].labels[:4] == (("causes",), ("causes",), ("causes",), ("remedies",))


def test_gold_without_fold_or_with_unknown_tag_is_refused(corpora: Path, tmp_path: Path) -> None:
    for path in corpora.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CorpusError, match=r"a0 carries .*'causes'.*; known are \['remedies'\]"):
        read_gold(tmp_path, ["remedies"])
    write_rows(tmp_path / "folds.jsonl", [])
    with pytest.raises(CorpusError, match="no fold for article a0"):
        read_gold(tmp_path, LABELS)
    (tmp_path / "folds.jsonl").write_text("{")
    with pytest.raises(CorpusError, match="folds.jsonl, line 1: is no JSON"):
        read_gold(tmp_path, LABELS)


def test_the_store_corrects_the_corpus_and_adds_articles(corpora: Path) -> None:
    row = unlabelled(4)
    first, second = (part["text"] for part in row["paragraphs"][:2])
    plain = read_gold(corpora, LABELS)[0]
    corrected = ("a0", text_hash(plain.sections[0].passages[3].text))
    said = {corrected: ("warning_signs",), ("u4", text_hash(first)): ("causes",), ("u4", text_hash(second)): ()}
    answers = {key: Told(tags, LABELS) for key, tags in said.items()}
    (article, *_), (added,) = read_gold(corpora, LABELS, answers), read_added(corpora, LABELS, answers)
    different = [(old, new) for old, new in zip(plain.labels, article.labels, strict=True) if old != new]
    assert plain.labels[3] == ("remedies",) and different == [(("remedies",), ("warning_signs",))]
    assert (added.article_id, added.group, added.publisher, added.fold) == ("u4", "news", "site1.org", 1)
    assert added.labels[:2] == (("causes",), ()) and added.answered == (True, True, *[False] * 10)
    assert not any(any(tags) for tags in added.labels[2:])


def test_training_learns_from_the_store_and_scores_both_ways(corpora: Path, tmp_path: Path) -> None:
    store = tmp_path / "labels"
    store.mkdir()
    shutil.copy(STORE / "labels.toml", store)
    texts = [part["text"] for part in unlabelled(4)["paragraphs"]]
    of_texts = [[label] if label else [] for label, sentences in PARTS.items() for _ in sentences]
    rows = [
        {"article": "u4", "hash": text_hash(text), "tags": tags} for text, tags in zip(texts, of_texts, strict=True)
    ]
    rows.append({"article": "a0", "hash": text_hash(read_gold(corpora, LABELS)[0].sections[0].passages[0].text)})
    rows[-1]["tags"] = ["warning_signs", "remedies"]
    lines = [json.dumps({**row, "reader": "r1", "date": "2026-11-24"}) for row in rows]
    (store / "r1.jsonl").write_text("\n".join(lines))
    options = TaggerOptions(LinearOptions(min_texts=2), NetOptions(epochs=60, learning_rate=0.01))
    scores = train_tagger(
        corpora, tmp_path / "out", options, teacher=tmp_path / "none", reader=tmp_path / "none", labels=store
    )
    data = json.loads((tmp_path / "out" / "manifest.json").read_text())["data"]
    assert (data["corrected_passages"], data["added_articles"], data["added_passages"]) == (1, 1, 12)
    assert scores["added"]["passages"] == 12 and scores["added"]["macro_f1"] > 0.8
    assert scores["before_correction"]["news"] != scores["macro_f1"]["news"]
    assert scores["before_correction"]["explainer"] == scores["macro_f1"]["explainer"]


def test_weak_rows_leave_out_gold_articles_and_unsure_sections(corpora: Path) -> None:
    n_sections = len(FILLERS) * len(PARTS)
    assert len(read_weak(corpora, set())) == 3 * (n_sections - 2)
    assert len(read_weak(corpora, {"a0"})) == 3 * (n_sections - 3)


def test_copies_ask_their_headings_and_keep_the_labels(corpora: Path) -> None:
    articles = read_gold(corpora, LABELS)
    copies = with_asked_headings(articles)
    explainers = [article.article_id for article in articles if article.group == "explainer"]
    assert [copy.article_id for copy in copies] == explainers
    asked = [section.heading for section in copies[0].sections]
    assert all(heading.endswith("?") for heading in asked[:3]) and asked[3] == "Background"
    label_of = {
        passage: label
        for passage, label in zip(
            [p for section in articles[1].sections for p in section.passages], articles[1].labels, strict=True
        )
    }
    kept = [passage for section in copies[0].sections for passage in section.passages]
    assert len(kept) == 4 * MAX_PASSAGES and copies[0].labels == tuple(label_of[passage] for passage in kept)
    assert with_asked_headings(articles) == copies


def test_every_question_has_text_and_known_tags() -> None:
    rows = question_rows()
    assert all(row.heading.endswith("?") and "{" not in row.heading and not row.text for row in rows)
    assert {tag_ for row in rows for tag_ in row.tags} == set(LABELS)


def test_frozen_level_1_says_what_scikit_learn_says(corpora: Path, teacher: Path) -> None:
    articles = read_gold(corpora, LABELS)
    weak = read_weak(corpora, set())
    tags = tags_to_array([carried for article in articles for carried in article.labels], LABELS)
    taught = read_taught(corpora, teacher)
    pool = pool_texts(articles, weak, taught.texts, 2)
    everything = np.ones(len(weak), dtype=bool)
    lesson = Lesson(np.ones(len(taught.texts), dtype=bool), taught.weights, taught.by_all())
    fitted = fit_first_level(
        pool, LABELS, tags, np.ones_like(tags), weak, everything, lesson, LinearOptions(min_texts=2)
    )
    pages, features = [], []
    for layout, ids in zip(pool.layouts, pool.text_ids, strict=True):
        found = look_up(layout.texts, fitted.linear)
        sentences = score_sentences(found.sentence_sums, found.words.spans, fitted.linear)
        reading = np.ones((len(layout.passages), len(LABELS)))
        page = first_level(layout, found.sums, sentences, fitted.linear, reading)
        trained = first_level(layout, fitted.sums[ids], fitted.sentences[ids], fitted.linear, reading)
        pages.append(page.logits)
        features.append((page.features, trained.features))
    wanted = np.stack([model.decision_function(fitted.features) for model in fitted.models], axis=1)
    assert np.concatenate(pages) == pytest.approx(wanted, rel=0.01, abs=0.02)  # the table is stored in steps
    for running, training in features:
        assert running == pytest.approx(training, abs=1e-4)


def test_the_student_learns_what_the_teacher_says(corpora: Path, teacher: Path) -> None:
    articles = read_gold(corpora, LABELS)
    tags = tags_to_array([carried for article in articles for carried in article.labels], LABELS)
    weak = read_weak(corpora, set())
    taught = read_taught(corpora, teacher)
    assert len(taught.texts) == 9 * 12 and (taught.by(2) == taught.by_all()).all() and taught.by(4) is None
    pool = pool_texts(articles, weak, taught.texts, 2)
    everything = np.ones(len(weak), dtype=bool)
    may = np.array([publisher != "site0.org" for publisher in taught.publishers])
    lesson = Lesson(may, taught.weights, taught.by_all())
    linear = fit_first_level(
        pool, LABELS, tags, np.ones_like(tags), weak, everything, lesson, LinearOptions(min_texts=2)
    ).linear
    sums = look_up(["It is caused by salt in most people.", "About one in ten knows salt."], linear).sums
    student = sums[:, role_columns(3)["student"]] + linear.weak_intercept[-3:]
    assert student[0, 0] > 2 and student[0, 1:].max() < -2 and student[1].max() < -2


def test_texts_the_teacher_did_not_answer_and_a_missing_teacher(corpora: Path, tmp_path: Path) -> None:
    assert read_taught(corpora, tmp_path / "none", LABELS).logits.shape == (0, 1, 3)
    keys = np.array([text_key("Rest and salt relieve the pain."), 7], dtype=np.uint64)
    arrays = {"keys": packed_keys(keys), "logits": np.full((2, 1, 3), 60, np.int8), "folds": np.array([1], np.uint8)}
    save_model(tmp_path, "teacher", arrays, {}, TAUGHT)
    taught = read_taught(corpora, tmp_path)
    assert taught.texts == ["Rest and salt relieve the pain."] and taught.publishers == ["site2.org"]
    assert taught.by(0) is None and taught.by_all().tolist() == [[pytest.approx(60 * STEP)] * 3]
    more = read_taught(corpora, tmp_path, ("diagnosis", *LABELS))  # of what they were not taught they say nothing
    assert more.by_all().tolist() == [[0.0, *[pytest.approx(60 * STEP)] * 3]] and taught.labels == LABELS


def test_news_and_its_sentences_weigh_more_for_the_student_than_reference_pages(tmp_path: Path) -> None:
    texts = {"news": "Rest helps. Salt does not.", "reference": "Rest is good. Salt is old."}
    rows: list[dict[str, Any]] = [
        {
            "id": kind,
            "title": "",
            "kind": kind,
            "source": "x",
            "url": "",
            "paragraphs": [{"type": "paragraph", "text": t}],
        }
        for kind, t in texts.items()
    ]
    write_rows(tmp_path / UNLABELLED, rows)
    alone = ["Rest helps.", "Salt does not.", "Rest is good.", "Salt is old."]
    keys = np.array([text_key(text) for text in (*texts.values(), *alone)], dtype=np.uint64)
    arrays = {"keys": packed_keys(keys), "logits": np.zeros((6, 1, 3), np.int8), "folds": np.array([0], np.uint8)}
    save_model(tmp_path / "teacher", "teacher", arrays, {}, TAUGHT)
    taught = read_taught(tmp_path, tmp_path / "teacher")
    assert dict(zip(taught.texts, taught.weights.tolist(), strict=True)) == {
        **{text: WEIGHTS[kind] for kind, text in texts.items()},
        **{text: WEIGHTS["sentence"] for text in alone[:2]},
    }


def test_keys_are_kept_in_few_bytes() -> None:
    keys = np.array([7, 256**KEY_BYTES - 1, text_key("Rest helps.")], dtype=np.uint64)
    packed = packed_keys(keys)
    assert packed.dtype == np.uint8 and packed.shape == (KEY_BYTES, 3)
    assert unpacked_keys(packed).tolist() == keys.tolist()


def test_no_heading_of_the_sample_is_learnt_from() -> None:
    sample = Path(__file__).parent.parent / "data" / "sample"
    truths = [json.loads(path.read_text("utf-8")) for path in sample.rglob("*.truth.json")]
    pages = [page for truth in truths for page in (truth if isinstance(truth, list) else [truth])]
    headings = {section["heading"] for page in pages for section in page["sections"]} - {""}
    learnt = {row.heading for row in question_rows()}
    learnt |= {section.heading for article in read_written(LABELS) for section in article.sections}
    assert len(headings) > 50 and not headings & learnt


def test_lookup_is_tfidf_of_scikit_learn(corpora: Path) -> None:
    articles = read_gold(corpora, LABELS)
    weak = [WeakRow(text, "Causes", ("causes",), "s", "p") for text in ("It is caused by salt.", "Salt is old.")]
    weak += [WeakRow("Rest helps, rest is good, rest.", "Treatment", ("remedies", "warning_signs"), "s", "p")]
    tags = tags_to_array([carried for article in articles for carried in article.labels], LABELS)
    pool = pool_texts(articles, weak, [], 1)
    everything = np.ones(3, dtype=bool)
    fitted = fit_first_level(
        pool, LABELS, tags, np.ones_like(tags), weak, everything, NO_LESSON, LinearOptions(min_texts=1)
    )
    linear = fitted.linear
    probe = linear._replace(table=np.ones_like(linear.table))
    names = fitted.terms
    layout = pool.layouts[1]
    sums = look_up(layout.texts, probe).sums[:, 0]
    wanted = np.zeros(len(layout.texts))
    for analyzer, kept in (
        (word_terms, slice(None, linear.vocabulary.first_prefix)),
        (prefix_terms, slice(linear.vocabulary.first_prefix, None)),
    ):
        vectorizer = TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, vocabulary=names[kept])
        vectorizer.fit(["rest"])
        vectorizer.idf_ = linear.idf[kept].astype(float)
        wanted += vectorizer.transform(layout.texts).sum(axis=1).A1
    assert sums == pytest.approx(wanted, abs=1e-4)


def test_frozen_nets_say_what_scikit_learn_says() -> None:
    random = np.random.default_rng(1)
    features = random.normal(3, 2, (200, 7))
    tags = features[:, :3] > 3
    nets, models = fit_nets(features, tags, np.ones_like(tags), NetOptions(units=5, nets=2))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    for number, model in enumerate(models):
        alone = nets._replace(**{name: getattr(nets, name)[number : number + 1] for name in nets._fields[2:]})
        assert expit(second_level(features, alone)) == pytest.approx(model.predict_proba(standard), abs=1e-4)


def test_a_further_label_leaves_the_nets_of_the_others_as_they_are() -> None:
    random = np.random.default_rng(1)
    names, more = feature_names(LABELS), feature_names((*LABELS, "diagnosis"))
    features = random.normal(0, 1, (300, len(more)))
    tags = features[:, [0, 1, 2, 3]] > 0.5
    known = np.ones_like(tags)
    known[:200, 3] = False
    tags[:200, 3] = random.random(200) > 0.5  # noise where nobody was asked
    options = NetOptions(units=5, nets=2)
    mine = [more.index(name) for name in names]
    before, _ = fit_nets(features[:, mine], tags[:, :3], known[:, :3], options)
    after, _ = fit_nets(features, tags, known, options)
    assert second_level(features, after)[:, :3] == pytest.approx(second_level(features[:, mine], before), abs=1e-5)
    other = tags.copy()
    other[:200, 3] ^= True
    assert (fit_nets(features, other, known, options)[0].output_weights == after.output_weights).all()
    assert macro_f1(tags[200:, 3:], second_level(features[200:], after)[:, 3:] > 0) > 0.8


def test_calibration_and_thresholds() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(0, 2, (4000, 1))
    tags = random.random((4000, 1)) < expit(2 * logits - 1)
    assert fit_calibration(logits, tags)[0] == pytest.approx([2, -1], abs=0.3)
    scores = np.linspace(0, 1, 1000)[:, None]
    assert fit_thresholds(scores, scores >= 0.7)[0] == pytest.approx(0.7, abs=0.02)


def test_calibration_by_kind_falls_back_on_that_of_all() -> None:
    logits = np.array([[-2.0], [-1.0], [1.0], [2.0], [0.5], [3.0]])
    tags = np.array([[0], [1], [0], [1], [1], [1]], dtype=bool)
    headed = np.array([1, 1, 1, 1, 0, 0], dtype=bool)  # all passages without headings carry the tag
    of_headed, of_plain = fit_kind_calibrations(logits, tags, headed)
    assert of_headed == pytest.approx(fit_calibration(logits[:4], tags[:4]))
    assert of_plain == pytest.approx(fit_calibration(logits, tags))


def test_thresholds_by_kind_are_drawn_to_those_of_all() -> None:
    scores = np.tile(np.linspace(0, 1, 2000), 2)[:, None]
    headed = np.arange(4000) < 2000
    tags = np.where(headed[:, None], scores >= 0.3, scores >= 0.7)
    (of_headed,), (of_plain,) = fit_kind_thresholds(scores, tags, headed)
    (of_all,) = fit_thresholds(scores, tags)
    trust = 1400 / 1700  # 1,400 of the headed passages carry the tag
    assert of_headed == pytest.approx(0.3 * trust + of_all * (1 - trust), abs=0.02)
    assert of_plain == pytest.approx(0.7 * 600 / 900 + of_all * 300 / 900, abs=0.02)
    assert fit_kind_thresholds(scores, tags, np.ones(4000, dtype=bool))[1] == (of_all,)


def test_curve_names_the_highest_threshold_of_each_recall() -> None:
    probabilities = np.array([0.9, 0.8, 0.8, 0.3, 0.2, 0.0])
    carried = np.array([True, True, False, False, True, True])
    curve = fit_curve(probabilities, carried)
    assert curve[0] == [0.8, 0.6667, 0.5]  # recall 0.30: the first alone reaches 0.25
    assert curve[-1] == [0.2, 0.6, 0.75] and len(curve) == len([r for r in RECALLS if r <= 0.75])


def test_scores_by_hand() -> None:
    carried = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
    given = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=bool)
    assert macro_f1(carried, given) == pytest.approx((0.5 + 1 + 1) / 3)
    table = score_table(carried, given, given * 0.8 + 0.1, np.array([1, 1, 0, 0], bool), np.array([0, 1, 0, 1]), LABELS)
    assert table["labels"]["causes"]["precision"] == 0.5 == table["labels"]["causes"]["recall"]
    assert table["labels"]["remedies"]["brier"] == 0.01
    assert table["labels"]["remedies"]["calibration_error"] == 0.1
    assert table["passages"] == {"all": 4, "news": 2, "explainer": 2}
    # fold 0: causes 1 of 1 and remedies 1 of 1 are found, signs are nowhere; the best thresholds find no more
    assert table["threshold_loss_by_fold"]["0"] == 0.0
    # fold 1: causes are given to the wrong one of two; the best threshold takes both
    assert table["threshold_loss_by_fold"]["1"] == pytest.approx(2 / 3 / 3, abs=1e-4)


def test_training_from_end_to_end_twice_the_same(corpora: Path, teacher: Path, tmp_path: Path) -> None:
    reader = tmp_path / "none"
    options = TaggerOptions(LinearOptions(min_texts=2), NetOptions(epochs=60, learning_rate=0.01))
    scores = train_tagger(
        corpora, tmp_path / "one", options, predictions=tmp_path / "oof", teacher=teacher, reader=reader
    )
    (first, *_) = map(json.loads, (tmp_path / "oof" / "tags.jsonl").read_text().splitlines())
    assert first["id"] == "a0" and len(first["passages"]) == 12
    assert first["passages"][0] == {"text_hash": text_hash("Strain and cold air bring it on."), "tags": ["causes"]}
    train_tagger(corpora, tmp_path / "two", options, teacher=teacher, reader=reader)
    for name in ("arrays.npz", "words.json.gz", "manifest.json", "CARD.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert scores["macro_f1"]["all"] > 0.8  # the three kinds of sentence share no telling word
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["scores"] == scores and manifest["data"]["sha256"] == digests(corpora, FILES)
    (section,) = tag("Aches", [read_gold(corpora, LABELS)[0].sections[0]], load_tagger(tmp_path / "one"))
    assert [passage.tags[:1] for passage in section.passages[:9:4]] == [
        ("causes",),
        ("remedies",),
        ("warning_signs",),
    ]


def test_a_worse_model_is_written_only_by_force(corpora: Path, tmp_path: Path) -> None:
    assert score_before(tmp_path, corpora) is None
    known = {"data": {"sha256": digests(corpora, FILES)}, "scores": {"macro_f1": {"all": 0.9}}}
    (tmp_path / "manifest.json").write_text(json.dumps(known))
    assert score_before(tmp_path, corpora) == 0.9
    known["data"]["sha256"]["folds.jsonl"] = "0"
    (tmp_path / "manifest.json").write_text(json.dumps(known))
    assert score_before(tmp_path, corpora) is None  # other folds: nothing to compare
    with pytest.raises(CorpusError, match="0.8, before: 0.9. The new model is worse and is not written; --force"):
        compared(0.8, 0.9, False)
    assert compared(0.8, 0.9, True) == "macro-F1 on the folds: 0.8, before: 0.9"
    assert compared(0.9, 0.9, False) and compared(0.1, None, False)


def test_shipped_model_was_trained_on_these_corpora_and_keeps_its_floors() -> None:
    if not CORPORA.is_dir():
        pytest.skip("the corpora are not part of the project: see data/README.md")
    manifest = json.loads((SHIPPED / "tagger" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"]["sha256"] == digests(CORPORA, FILES)
    scores = manifest["scores"]
    assert scores["macro_f1"]["all"] >= 0.76
    assert scores["macro_f1"]["news"] >= 0.64
    assert scores["macro_f1"]["explainer"] >= 0.85
    assert scores["macro_f1"]["all"] > scores["baseline"]["macro_f1"]["all"] + 0.05
