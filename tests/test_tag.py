"""tag: sections to tags. All texts are our own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.model_store import ModelError, load_model, save_model
from pipeline.records import Block, Section, TaggedSection
from pipeline.split import split
from pipeline.tag import LABELS, SECTION_SHARE, Tagger, carried_labels, load_tagger, section_tags, tag
from pipeline.tag.context import FEATURES, context_features
from pipeline.tag.evidence import take_apart, terms_of_logit
from pipeline.tag.layout import lay_out
from pipeline.tag.lookup import look_up
from pipeline.tag.model import ROLES, SCHEMA
from pipeline.tag.score import calibrate, first_level, score_sentences
from pipeline.tag.terms import prefix_terms, sentences, tokens, word_terms

TERMS = [
    "fever",
    "neck",
    "rest",
    "smoking",
    "stiff",
    "stiff neck",
    "~fever",
    "~rest",
    "~smoki",
    "~rest smoki",
]


def tiny_model(folder: Path, **changes: Any) -> Path:
    """Save a model that knows "smoking" as a cause, "rest" as a remedy, "fever", "stiff neck" as signs."""
    random = np.random.default_rng(7)
    sizes: dict[str | int, int] = {"@terms": len(TERMS), "nets": 2, "units": 4}
    arrays = {
        name: random.normal(0, 0.3, tuple(int(sizes.get(size, size)) for size in shape))
        for name, shape in SCHEMA.items()
    }
    for term, label in (("smoking", 0), ("~smoki", 0), ("rest", 1), ("fever", 2), ("stiff neck", 2)):
        arrays["table"][TERMS.index(term), label] = 3.0
    arrays["idf"] = 1 + random.random(len(TERMS))
    arrays["feature_scale"] = 1 + random.random(len(FEATURES))
    arrays["calibration"] = np.ones((len(LABELS), 2))
    manifest: dict[str, Any] = {
        "labels": list(LABELS),
        "roles": list(ROLES),
        "features": list(FEATURES),
        "thresholds": dict.fromkeys(LABELS, 0.5),
    }
    words = {"terms": list(TERMS)}
    for name, value in changes.items():
        if name in arrays:
            arrays[name] = np.asarray(value)
        elif name in words:
            words[name] = list(value)
        else:
            manifest[name] = value
    save_model(folder, "tagger", {k: v.astype(np.float32) for k, v in arrays.items()}, words, manifest)
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Tagger:
    return load_tagger(tiny_model(tmp_path / "tagger"))


@pytest.fixture(scope="module")
def shipped() -> Tagger:
    return load_tagger()


def article(*lines: str) -> list[Section]:
    """Sections of lines: "# x" is a heading, "- x" an item, anything else a paragraph."""
    kinds = {"# ": "heading", "- ": "item"}
    blocks = [Block(line[2:], kinds[line[:2]]) if line[:2] in kinds else Block(line, "paragraph") for line in lines]
    return split(list(enumerate(blocks)))


EXAMPLE = article(
    "Smoking brings fever. Rest helps. A stiff neck is rare, a stiff back is not.",
    "# Rest",
    "Do these things:",
    "- rest",
    "- no smoking, 24 hours",
    "Nothing known here.",
    "…",
)


# text to terms


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("One line", ["One line"]),
        ("It hurts. Call now!", ["It hurts.", "Call now!"]),
        ("Ask Dr. Lee or Mrs. Hall first. Then rest.", ["Ask Dr. Lee or Mrs. Hall first.", "Then rest."]),
        ("He said “Stop.” Then he left.", ["He said “Stop.”", "Then he left."]),
        ("About 3.5 mg daily. More is worse.", ["About 3.5 mg daily.", "More is worse."]),
        ("J. Smith wrote it. Is it true? Yes…", ["J. Smith wrote it.", "Is it true?", "Yes…"]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == parts


def test_tokens() -> None:
    assert tokens("Don’t take 2,400 mg — that’s 20% more!") == [
        "don't",
        "take",
        "#",
        "mg",
        "that's",
        "#",
        "%",
        "more",
    ]


def test_terms_do_not_cross_sentences() -> None:
    assert word_terms("It hurts. Rest now.") == ["it", "hurts", "it hurts", "rest", "now", "rest now"]
    assert prefix_terms("Treating hiccups") == ["~treat", "~hiccu", "~treat hiccu"]


# layout and context


def test_layout_names_every_text_once() -> None:
    layout = lay_out("Rest", EXAMPLE)
    assert len(set(layout.texts)) == len(layout.texts) and layout.texts[0] == ""
    assert layout.texts[layout.title] == "Rest" == layout.texts[layout.heading[1]]
    assert [layout.texts[t] for t in layout.lead_in] == [
        "",
        "",
        "Do these things:",
        "Do these things:",
        "",
        "",
    ]
    assert layout.previous.tolist() == [0, *layout.own[:-1]] and layout.following.tolist() == [
        *layout.own[1:],
        0,
    ]
    assert layout.section.tolist() == [0, 1, 1, 1, 1, 1]
    assert layout.listed.tolist() == [False, False, True, True, False, False]
    assert layout.run[2] == layout.run[3] and len(set(layout.run.tolist())) == 5


def test_context_leaves_the_passage_itself_out() -> None:
    layout = lay_out(None, EXAMPLE)
    scores = np.arange(18, dtype=np.float32).reshape(6, 3)
    features = context_features(layout, scores, np.zeros((6, 6)), np.zeros(3), np.zeros((6, 12)))
    column = {name: features[:, number] for number, name in enumerate(FEATURES)}
    assert column["score at -1 causes"].tolist() == [0, 0, 3, 6, 9, 12]
    assert column["score at +2 causes"].tolist() == [6, 9, 12, 15, 0, 0]
    assert column["score of section causes"].tolist() == pytest.approx([0, 10.5, 9.75, 9, 8.25, 7.5])
    assert column["score of run causes"].tolist() == [0, 0, 9, 6, 0, 0]
    assert column["score of page causes"].tolist() == pytest.approx([9, 8.4, 7.8, 7.2, 6.6, 6])
    assert column["place_in_section"].tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1])


# scores and evidence


def test_every_term_and_the_base_sum_to_the_logit(tiny: Tagger) -> None:
    layout = lay_out("Smoking", EXAMPLE)
    found = look_up(layout.texts, tiny.linear)
    sentences_say = score_sentences(found.sentence_sums, found.words.spans, tiny.linear)
    logits = first_level(layout, found.sums, sentences_say, tiny.linear).logits
    parts = take_apart(layout, found, tiny.linear)
    for passage in range(len(layout.passages)):
        for label in range(len(LABELS)):
            terms = terms_of_logit(passage, label, layout, found, parts)
            assert sum(terms.values()) == pytest.approx(float(logits[passage, label]), abs=1e-4)


def test_evidence_names_words_and_the_carrying_sentence(tiny: Tagger) -> None:
    (section,) = tag(None, EXAMPLE[:1], tiny._replace(thresholds=(0.0001, 0.0001, 0.0001)))
    (passage,) = section.passages
    sentence = {e.tag: passage.passage.text[e.start : e.end] for e in passage.evidence}
    assert sentence["causes"] == "Smoking brings fever."
    assert sentence["remedies"] == "Rest helps."
    terms = {e.tag: [name for name, _ in e.terms] for e in passage.evidence}
    assert terms["causes"][0] == "smoking" and terms["remedies"][0] == "rest"
    for evidence in passage.evidence:
        weights = [weight for _, weight in evidence.terms]
        assert weights == sorted(weights, reverse=True) and min(weights) > 0


def test_evidence_skips_sentences_without_words(tiny: Tagger) -> None:
    (section,) = tag(None, article("… Stiff backs ache. Smoking brings it."), tiny._replace(thresholds=(0.0001, 1, 1)))
    (passage,) = section.passages
    (evidence,) = passage.evidence
    assert passage.passage.text[evidence.start : evidence.end] == "Smoking brings it."


def test_calibration_is_the_logistic_curve_in_four_decimals() -> None:
    given = calibrate(np.array([[0.0, 1.0, -50.0]]), np.array([[1, 0], [2, -1], [1, 0]], dtype=np.float32))
    assert given.tolist() == [[0.5, 0.7311, 0.0]]


def test_text_without_any_known_term_is_answered(tiny: Tagger) -> None:
    (section,) = tag(None, article("Zzz qqq.", "…"), tiny)
    assert [len(passage.scores) for passage in section.passages] == [3, 3]


def test_no_sections_and_empty_sections(tiny: Tagger) -> None:
    empty = Section("Alone", 2, (), (), 0)
    assert tag("Title", [], tiny) == []
    assert tag("Title", [empty], tiny) == [TaggedSection(empty, (), (0.0, 0.0, 0.0), ())]


def test_same_answer_whatever_was_tagged_before(tiny: Tagger) -> None:
    first = tag("Smoking", EXAMPLE, tiny)
    tag("Another page", article("# Fever", "Fever and a stiff neck.", "Rest."), tiny)
    assert tag("Smoking", EXAMPLE, tiny) == first


# from scores to tags


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        ((0.1, 0.1, 0.1), []),
        ((0.3, 0.1, 0.1), [0]),  # at the threshold
        ((0.2999, 0.1, 0.9), [2]),
        ((0.6, 0.6, 0.6), [0, 1, 2]),  # the same score, further above the lower threshold
        ((0.4, 0.99, 1.0), [2, 1, 0]),
    ],
)
def test_carried_labels(scores: tuple[float, ...], labels: list[int]) -> None:
    assert carried_labels(scores, (0.3, 0.4, 0.5)) == labels


@pytest.mark.parametrize(
    ("tags", "words", "expected"),
    [
        ([], [], ()),
        ([[]], [9], ()),
        ([["causes"], [], []], [10, 10, 10], ("causes",)),  # exactly a third
        ([["causes"], [], []], [9, 10, 10], ()),
        ([["causes"], ["remedies"]], [10, 20], ("remedies", "causes")),
        ([["remedies", "causes"], ["remedies", "causes"]], [5, 5], ("remedies", "causes")),  # primary decides
    ],
)
def test_section_tags(tags: Sequence[Sequence[str]], words: list[int], expected: tuple[str, ...]) -> None:
    assert section_tags(tags, words) == expected


def test_section_scores_are_weighted_by_words(tiny: Tagger) -> None:
    (section,) = tag(None, article("Smoking.", "Rest and rest and more rest again."), tiny)
    one, other = (passage.scores for passage in section.passages)
    assert section.scores == pytest.approx(tuple((a + 7 * b) / 8 for a, b in zip(one, other, strict=True)), abs=1e-4)


def test_share_of_a_section_is_that_of_the_guide() -> None:
    assert SECTION_SHARE == (1, 3)


# the model folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["causes", "remedies"]}, "expected .*warning_signs"),
        ({"features": ["words"]}, "features of another version"),
        ({"thresholds": {"causes": 0.5}}, "thresholds must give each label"),
        ({"thresholds": dict.fromkeys(LABELS, 1.5)}, "thresholds must give each label"),
        ({"feature_scale": np.zeros(len(FEATURES))}, "feature_scale must be above 0"),
        ({"feature_scale": np.ones(3)}, r"feature_scale has shape \(3,\)"),
        ({"calibration": np.full((3, 2), np.nan)}, "not a finite number"),
        ({"terms": [*TERMS[:-1], TERMS[0]]}, "distinct, words before prefixes"),
        ({"terms": TERMS[:-1]}, "has shape"),
        ({"terms": [*TERMS[:-1], "~rest zzz"]}, "'~rest zzz' stands without its halves"),
    ],
)
def test_bad_model_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_tagger(tiny_model(tmp_path, **changes))


def test_missing_and_damaged_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read.*train tagger"):
        load_tagger(tmp_path / "nowhere")
    folder = tiny_model(tmp_path / "tagger")
    data = (folder / "arrays.npz").read_bytes()
    (folder / "arrays.npz").write_bytes(data[:100] + b"x" + data[101:])
    with pytest.raises(ModelError, match="damaged"):
        load_tagger(folder)


# the shipped model


def test_tagging_loads_no_learning_package() -> None:
    code = "import sys, pipeline.tag; print(sorted({'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shipped_model_is_small_and_complete(shipped: Tagger) -> None:
    model = load_model(Path(__file__).parent.parent / "models" / "tagger", "tagger", SCHEMA)
    assert sum(path.stat().st_size for path in model.folder.iterdir()) < 4_000_000
    assert {"options", "data", "versions", "scores"} <= set(model.manifest)
    assert "not medical advice" in (model.folder / "CARD.md").read_text(encoding="utf-8")
    json.dumps(model.manifest["scores"])
