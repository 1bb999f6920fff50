"""tag: sections to tags. All texts are our own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from conftest import LABELS

from pipeline.model_store import ModelError, save_model
from pipeline.records import Block, Passage, Section, TaggedPassage, TaggedSection
from pipeline.split import split
from pipeline.tag import SECTION_SHARE, Tagger, carried_labels, cut, load_tagger, section_tags, tag
from pipeline.tag.context import context_features, feature_names
from pipeline.tag.demand import Demand, DemandError, cost, meet, recalls
from pipeline.tag.evidence import take_apart, terms_of_logit
from pipeline.tag.layout import lay_out
from pipeline.tag.lookup import look_up
from pipeline.tag.model import ROLES, load_tagger_model, schema_of, table_arrays, table_of
from pipeline.tag.score import calibrate, first_level, log_odds, score_sentences, second_level
from pipeline.tag.terms import _TOKEN, prefix_terms, sentences, tokens, tokens_of, word_terms
from pipeline.tag.turns import runs

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


def tiny_model(folder: Path, of: tuple[str, ...] = LABELS, **changes: Any) -> Path:
    """Save a model that knows "smoking" as a cause, "rest" as a remedy, "fever", "stiff neck" as signs."""
    random = np.random.default_rng(7)
    sizes: dict[str | int, int] = {"@terms": len(TERMS), "nets": 2, "units": 4, "labels": len(of)}
    sizes |= {"reader_rows": 4, "reader_width": 2, "reader_seen": 6, "reader_states": 4, "reader_heads": 2}
    sizes |= {"reader_said": 8, "reader_units": 3, "reader_role_units": 18}
    arrays = {
        name: random.normal(0, 0.3, tuple(int(sizes.get(size, size)) for size in shape))
        for name, shape in schema_of(of).items()
    }
    table = random.normal(0, 0.3, (len(TERMS), len(ROLES) * len(of)))
    for term, label in (("smoking", 0), ("~smoki", 0), ("rest", 1), ("fever", 2), ("stiff neck", 2)):
        table[TERMS.index(term), label] = 3.0
    arrays |= table_arrays(table)
    arrays["idf"] = 1 + random.random(len(TERMS))
    arrays["feature_scale"] = 1 + random.random(len(feature_names(of)))
    arrays["calibration"] = np.ones((2, len(of), 2))
    manifest: dict[str, Any] = {
        "labels": list(of),
        "roles": list(ROLES),
        "features": list(feature_names(of)),
        "thresholds": dict.fromkeys(of, 0.5),
        "thresholds_without_headings": dict.fromkeys(of, 0.5),
        "curves": dict.fromkeys(of, [[0.4, 0.8, 0.5], [0.1, 0.6, 0.9]]),
    }
    words = {"terms": list(TERMS), "reader": ["smoking", "rest", "~fever"]}
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


# the model's files


def test_a_stored_table_keeps_small_weights_beside_large_ones() -> None:
    table = np.array([[5.0, 0.0], [-0.02, 0.0], [0.2, 0.0]])
    stored = table_arrays(table)
    assert stored["table"].dtype == np.int8 and stored["table"].shape == (2, 3)
    assert table_of(stored) == pytest.approx(table, rel=0.05)
    assert table_of(table_arrays(table_of(stored))) == pytest.approx(table_of(stored), rel=1e-6)


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


ODD_PIECES = [
    "don’t",
    "'tis",
    "rock'n'roll",
    "e.g.",
    "1,000.5",
    "b12",
    "x²",
    "½",
    "naïve",
    "50%?",
    "a_b",
    "well-known",
    "“so”",
    "…",
    "$5",
    "\0",
    "ſ",
    "中文",
    "İ",
    "3.5–4",
    "it;'s",
    "..",
    "'",
    "",
    "mg/dl",
    "(see",
    "end.)",
    "?!",
]


def test_tokens_are_what_the_expression_finds_whatever_the_text() -> None:
    chosen = Random(0)
    for _ in range(300):
        texts = [" ".join(chosen.choices(ODD_PIECES, k=chosen.randrange(6))) for _ in range(chosen.randrange(4))]
        found = [_TOKEN.findall(text.lower().replace("’", "'")) for text in texts]
        words, ends = tokens_of(texts)
        assert words == ["#" if token[0].isdigit() else token for row in found for token in row]
        assert ends == np.cumsum([len(row) for row in found]).tolist()


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
    features = context_features(layout, scores, np.zeros((6, 9)), np.zeros(3), np.zeros((6, 18)), np.zeros((6, 3)))
    column = {name: features[:, number] for number, name in enumerate(feature_names(LABELS))}
    assert column["score at -1 causes"].tolist() == [0, 0, 3, 6, 9, 12]
    assert column["score at +2 causes"].tolist() == [6, 9, 12, 15, 0, 0]
    assert column["score of section causes"].tolist() == pytest.approx([0, 10.5, 9.75, 9, 8.25, 7.5])
    assert column["score of run causes"].tolist() == [0, 0, 9, 6, 0, 0]
    assert column["score of page causes"].tolist() == pytest.approx([9, 8.4, 7.8, 7.2, 6.6, 6])
    assert column["place_in_section"].tolist() == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1])


# scores and evidence


def test_every_term_and_the_base_sum_to_the_logit_of_the_probability(tiny: Tagger) -> None:
    layout = lay_out("Smoking", EXAMPLE)
    found = look_up(layout.texts, tiny.linear)
    sentences_say = score_sentences(found.sentence_sums, found.words.spans, tiny.linear)
    first = first_level(layout, found.sums, sentences_say, tiny.linear, np.zeros((6, 3)))
    logits = log_odds(second_level(first.features, tiny.nets), tiny.calibration[0])
    parts = take_apart(layout, found, tiny.linear, logits - first.logits)
    for passage in range(len(layout.passages)):
        for label in range(len(LABELS)):
            terms = terms_of_logit(passage, label, layout, found, parts)
            assert sum(terms.values()) == pytest.approx(float(logits[passage, label]), abs=1e-4)


def test_evidence_names_words_and_the_carrying_sentence(tiny: Tagger) -> None:
    (section,) = tag(None, EXAMPLE[:1], tiny._replace(plain_thresholds=(0.0001, 0.0001, 0.0001)))
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
    (section,) = tag(
        None, article("… Stiff backs ache. Smoking brings it."), tiny._replace(plain_thresholds=(0.0001, 1, 1))
    )
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


@pytest.mark.parametrize(
    ("probabilities", "words", "ends"),
    [
        ([[1, 0, 0]] * 3 + [[0, 1, 0]] * 3, 40, [3, 6]),
        ([[1, 0, 0]] * 3 + [[0, 1, 0]] * 3, 5, [6]),  # too few words to pay for another run
        ([[1, 0, 0]] * 3 + [[0, 1, 0]] + [[1, 0, 0]] * 3, 40, [7]),  # one passage is no run
        ([[1, 0, 0]] * 2 + [[0, 0, 0]] * 9 + [[0, 0, 1]] * 2, 40, [2, 11, 13]),
        ([[0.6, 0.1, 0.2]] * 5, 90, [5]),
    ],
)
def test_runs_end_where_topics_turn(probabilities: list[list[float]], words: int, ends: list[int]) -> None:
    assert runs(np.array(probabilities), np.full(len(probabilities), words)) == ends


def test_only_sections_without_heading_are_cut() -> None:
    passages = [Passage(n, "paragraph", "word " * 40) for n in (2, 3, 5, 6)]
    scores = [(1.0, 0.0, 0.0)] * 2 + [(0.0, 1.0, 0.0)] * 2
    tagged = [TaggedPassage(p, (), s, ()) for p, s in zip(passages, scores, strict=True)]
    headless, headed = Section("", 0, (), tuple(passages), 2), Section("Rest", 2, (), tuple(passages), 1)
    assert [(part.position, len(answers)) for part, answers in cut(headless, tagged)] == [(2, 2), (5, 2)]
    assert cut(headed, tagged) == [(headed, tuple(tagged))]
    assert cut(headless, tagged[:3]) == [(headless, tuple(tagged[:3]))]


def test_articles_without_headings_have_their_own_thresholds(tiny: Tagger) -> None:
    eager = tiny._replace(plain_thresholds=(0.0001,) * 3, thresholds=(1.0,) * 3)
    (plain,) = tag(None, article("Smoking."), eager)
    (headed,) = tag(None, article("# Habits", "Smoking."), eager)
    assert len(plain.passages[0].tags) == 3 and headed.passages[0].tags == ()


def test_articles_without_headings_have_their_own_calibration(tiny: Tagger) -> None:
    shifted = tiny.calibration.copy()
    shifted[1, :, 1] = 50
    sure = tiny._replace(calibration=shifted)
    (plain,) = tag(None, article("Smoking."), sure)
    assert plain.passages[0].scores == (1.0, 1.0, 1.0)
    assert tag(None, article("# Habits", "Smoking."), sure) == tag(None, article("# Habits", "Smoking."), tiny)


def test_section_scores_are_weighted_by_words(tiny: Tagger) -> None:
    (section,) = tag(None, article("Smoking.", "Rest and rest and more rest again."), tiny)
    one, other = (passage.scores for passage in section.passages)
    assert section.scores == pytest.approx(tuple((a + 7 * b) / 8 for a, b in zip(one, other, strict=True)), abs=1e-4)


def test_share_of_a_section_is_that_of_the_guide() -> None:
    assert SECTION_SHARE == (1, 3)


# what a user may ask for


def test_a_recall_sets_the_threshold_and_tells_its_cost(tiny: Tagger) -> None:
    demand = Demand(recall=recalls(["warning_signs=0.8"]))
    assert meet(tiny, demand).thresholds == meet(tiny, demand).plain_thresholds == (0.5, 0.5, 0.1)
    assert cost(tiny, demand) == [
        "warning_signs: threshold 0.1000 instead of 0.5000; on the folds recall 0.90 instead of 0.50, "
        "precision 0.60 instead of 0.80"
    ]


def test_a_least_confidence_keeps_sure_tags_and_marks_the_rest(tiny: Tagger) -> None:
    usual = tag(None, EXAMPLE, tiny)
    asked = tag(None, EXAMPLE, meet(tiny, Demand(min_confidence=0.9)))
    pairs = [
        (before, now)
        for old, new in zip(usual, asked, strict=True)
        for before, now in zip(old.passages, new.passages, strict=True)
    ]
    for before, now in pairs:
        scores = dict(zip(LABELS, now.scores, strict=True))
        assert now.scores == before.scores and before.unsure == ()
        assert now.tags == tuple(label for label in before.tags if scores[label] >= 0.9)
        assert now.unsure == tuple(label for label in LABELS if 0.1 < scores[label] < 0.9)
    assert any(len(now.tags) < len(before.tags) for before, now in pairs) and any(now.unsure for _, now in pairs)


@pytest.mark.parametrize(
    ("confidence", "recall", "message"),
    [
        (0.0, ["warning_signs"], "write LABEL=RECALL"),
        (0.0, ["warning_signs=high"], "write LABEL=RECALL"),
        (0.0, ["diagnosis=0.9"], "recall of diagnosis: name each of causes, remedies, warning_signs once"),
        (0.0, ["causes=0.9", "causes=0.8"], "recall of causes: name each"),
        (0.0, ["causes=0.95"], r"recall 0.95 of causes: this model knows thresholds for recalls up to 0.900"),
        (0.0, ["causes=0"], "recall 0.0 of causes"),
        (0.4, [], "the least confidence is 0.4; it must be from 0.5"),
        (1.0, [], "it must be from 0.5 to below 1"),
        (0.9, ["causes=0.5"], "ask for one of them"),
    ],
)
def test_a_demand_without_sense_is_refused(tiny: Tagger, confidence: float, recall: list[str], message: str) -> None:
    with pytest.raises(DemandError, match=message):
        meet(tiny, Demand(confidence, recalls(recall)))


# the model folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["causes", "remedies"]}, "has shape .* expected"),
        ({"labels": ["causes", "remedies", "causes"]}, "labels are .* each once"),
        ({"labels": ["causes", "remedies", "Warning signs"]}, "labels are .* must be names of small letters"),
        ({"features": ["words"]}, "features of another version"),
        ({"thresholds": {"causes": 0.5}}, "thresholds must give each label"),
        ({"thresholds": dict.fromkeys(LABELS, 1.5)}, "thresholds must give each label"),
        ({"thresholds_without_headings": None}, "thresholds_without_headings must give each label"),
        ({"curves": {"causes": [[0.4, 0.8, 0.5]]}}, "curves must give each label rows"),
        ({"curves": dict.fromkeys(LABELS, [[0.4, 0.8]])}, "curves must give each label rows"),
        ({"feature_scale": np.zeros(len(feature_names(LABELS)))}, "feature_scale must be above 0"),
        ({"feature_scale": np.ones(3)}, r"feature_scale has shape \(3,\)"),
        ({"calibration": np.full((2, 3, 2), np.nan)}, "not a finite number"),
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
    model = load_tagger_model(Path(__file__).parent.parent / "models" / "tagger")
    assert sum(path.stat().st_size for path in model.folder.iterdir()) < 5_000_000
    assert {"options", "data", "versions", "scores"} <= set(model.manifest)
    assert "not medical advice" in (model.folder / "CARD.md").read_text(encoding="utf-8")
    json.dumps(model.manifest["scores"])
