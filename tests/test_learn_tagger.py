"""learn.tagger: training on a tiny corpus made here, and the floors on the real one where it is at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.learn.corpus import FILES, WeakRow, read_gold, read_weak
from pipeline.learn.first_level import LinearOptions, fit_first_level, pool_texts
from pipeline.learn.questions import MAX_PASSAGES, question_rows, with_asked_headings
from pipeline.learn.rows import CorpusError, digests
from pipeline.learn.second_level import NetOptions, fit_calibration, fit_nets, fit_thresholds
from pipeline.learn.tag_scores import macro_f1, score_table, tags_to_array
from pipeline.learn.tagger import TaggerOptions, evaluate_tagger, train_tagger
from pipeline.model_store import SHIPPED
from pipeline.tag import LABELS, load_tagger, tag
from pipeline.tag.lookup import look_up
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


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


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


def test_frozen_level_1_says_what_scikit_learn_says(corpora: Path) -> None:
    articles = read_gold(corpora, LABELS)
    weak = read_weak(corpora, set())
    tags = tags_to_array([carried for article in articles for carried in article.labels])
    pool = pool_texts(articles, weak, 2)
    everything = np.ones(len(tags), dtype=bool), np.ones(len(weak), dtype=bool)
    fitted = fit_first_level(pool, tags, weak, *everything, LinearOptions(min_texts=2))
    pages, features = [], []
    for layout, ids in zip(pool.layouts, pool.text_ids, strict=True):
        found = look_up(layout.texts, fitted.linear)
        sentences = score_sentences(found.sentence_sums, found.words.spans, fitted.linear)
        page = first_level(layout, found.sums, sentences, fitted.linear)
        trained = first_level(layout, fitted.sums[ids], fitted.sentences[ids], fitted.linear)
        pages.append(page.logits)
        features.append((page.features, trained.features))
    wanted = np.stack([model.decision_function(fitted.features) for model in fitted.models], axis=1)
    assert np.concatenate(pages) == pytest.approx(wanted, abs=0.02)  # the table is stored as float16
    for running, training in features:
        assert running == pytest.approx(training, abs=1e-4)


def test_lookup_is_tfidf_of_scikit_learn(corpora: Path) -> None:
    articles = read_gold(corpora, LABELS)
    weak = [WeakRow(text, "Causes", ("causes",), "s", "p") for text in ("It is caused by salt.", "Salt is old.")]
    weak += [WeakRow("Rest helps, rest is good, rest.", "Treatment", ("remedies", "warning_signs"), "s", "p")]
    tags = tags_to_array([carried for article in articles for carried in article.labels])
    pool = pool_texts(articles, weak, 1)
    fitted = fit_first_level(
        pool, tags, weak, np.ones(len(tags), dtype=bool), np.ones(3, dtype=bool), LinearOptions(min_texts=1)
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
    nets, models = fit_nets(features, tags, NetOptions(units=5, nets=2))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    for number, model in enumerate(models):
        alone = nets._replace(**{name: getattr(nets, name)[number : number + 1] for name in nets._fields[2:]})
        assert expit(second_level(features, alone)) == pytest.approx(model.predict_proba(standard), abs=1e-4)


def test_calibration_and_thresholds() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(0, 2, (4000, 1))
    tags = random.random((4000, 1)) < expit(2 * logits - 1)
    assert fit_calibration(logits, tags)[0] == pytest.approx([2, -1], abs=0.3)
    scores = np.linspace(0, 1, 1000)[:, None]
    assert fit_thresholds(scores, scores >= 0.7)[0] == pytest.approx(0.7, abs=0.02)


def test_scores_by_hand() -> None:
    carried = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=bool)
    given = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=bool)
    assert macro_f1(carried, given) == pytest.approx((0.5 + 1 + 1) / 3)
    table = score_table(carried, given, given * 0.8 + 0.1, np.array([1, 1, 0, 0], bool), np.array([0, 1, 0, 1]))
    assert table["labels"]["causes"]["precision"] == 0.5 == table["labels"]["causes"]["recall"]
    assert table["labels"]["remedies"]["brier"] == 0.01
    assert table["labels"]["remedies"]["calibration_error"] == 0.1
    assert table["passages"] == {"all": 4, "news": 2, "explainer": 2}


def test_training_from_end_to_end_twice_the_same(corpora: Path, tmp_path: Path) -> None:
    options = TaggerOptions(LinearOptions(min_texts=2), NetOptions(epochs=60, learning_rate=0.01))
    scores = train_tagger(corpora, tmp_path / "one", options, predictions=tmp_path / "oof")
    (first, *_) = map(json.loads, (tmp_path / "oof" / "tags.jsonl").read_text().splitlines())
    assert first["id"] == "a0" and len(first["passages"]) == 12
    assert first["passages"][0] == {"text_hash": text_hash("Strain and cold air bring it on."), "tags": ["causes"]}
    train_tagger(corpora, tmp_path / "two", options)
    for name in ("arrays.npz", "words.json", "manifest.json", "CARD.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert scores["macro_f1"]["all"] > 0.8  # the three kinds of sentence share no telling word
    assert evaluate_tagger(corpora, options) == scores
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert manifest["scores"] == scores and manifest["data"]["sha256"] == digests(corpora, FILES)
    (section,) = tag("Aches", [read_gold(corpora, LABELS)[0].sections[0]], load_tagger(tmp_path / "one"))
    assert [passage.tags[:1] for passage in section.passages[:9:4]] == [
        ("causes",),
        ("remedies",),
        ("warning_signs",),
    ]


def test_shipped_model_was_trained_on_these_corpora_and_keeps_its_floors() -> None:
    if not CORPORA.is_dir():
        pytest.skip("the corpora are not part of the project: see data/README.md")
    manifest = json.loads((SHIPPED / "tagger" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"]["sha256"] == digests(CORPORA, FILES)
    scores = manifest["scores"]
    assert scores["macro_f1"]["all"] >= 0.76
    assert scores["macro_f1"]["news"] >= 0.62
    assert scores["macro_f1"]["explainer"] >= 0.85
    assert scores["macro_f1"]["all"] > scores["baseline"]["macro_f1"]["all"] + 0.05
