"""A label beyond the three of the shipped models: from the model through tables and pages to every other command."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import LABELS, ROOT, SAMPLE, text_page
from test_tag import EXAMPLE, article, tiny_model

from pipeline.batch import load_batch, overview
from pipeline.clean import Cleaner, clean
from pipeline.cli import main
from pipeline.engine import RunOptions, run
from pipeline.estimators import PassageTagger
from pipeline.explain import explain, gather
from pipeline.explain_page import render
from pipeline.label.tasks import tasks_of
from pipeline.palette import LOOKS, Shades, style_of
from pipeline.records import Passage, Section
from pipeline.shard import Models
from pipeline.tag import load_tagger, section_tags, tag
from pipeline.tag.demand import Demand, meet
from pipeline.write import labels_among, schemas

FOUR = (*LABELS, "diagnosis")
PAGE = SAMPLE / "harborwell" / "muscle-twitching.txt"
TEXT = "Smoking and rest\n\nSmoking brings fever, and with it a stiff neck.\n\nRest, rest, and rest again."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger that finds a diagnosis in most passages."""
    return tiny_model(
        tmp_path_factory.mktemp("model") / "tagger", FOUR,
        thresholds={**dict.fromkeys(LABELS, 0.5), "diagnosis": 0.05},
        thresholds_without_headings={**dict.fromkeys(LABELS, 0.5), "diagnosis": 0.05},
    )  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    folder = tmp_path_factory.mktemp("run") / "four"
    inputs = [str(SAMPLE / name) for name in ("clearpulse", "harborwell")]
    run(inputs, folder, RunOptions("serial"), (ROOT / "models" / "cleaner", model), lambda *step: None)
    return folder


def test_scores_come_in_the_models_order_with_evidence_for_each_tag(model: Path) -> None:
    tagger = load_tagger(model)
    passages = [passage for section in tag("Rest", EXAMPLE, tagger) for passage in section.passages]
    assert tagger.labels == FOUR
    assert {len(passage.scores) for passage in passages} == {4}
    assert all(tuple(one.tag for one in passage.evidence) == passage.tags for passage in passages)
    assert any("diagnosis" in passage.tags for passage in passages)


def test_a_heading_without_passages_has_a_score_for_each_label(model: Path) -> None:
    tagger = load_tagger(model)
    assert tag(None, article("# Rest", "# Smoking"), tagger)[0].scores == (0.0,) * 4
    assert len(tag(None, article("# Rest", "# Smoking", "Fever."), tagger)[0].scores) == 4


def test_a_section_takes_it_by_the_rule_of_a_third() -> None:
    tags = [["diagnosis"], ["causes", "diagnosis"], []]
    assert section_tags(tags, [10, 10, 10]) == ("diagnosis", "causes")
    assert section_tags(tags, [4, 9, 27]) == ()


def test_a_recall_can_be_asked_of_it(model: Path) -> None:
    tagger = meet(load_tagger(model), Demand(recall=(("diagnosis", 0.8),)))
    assert tagger.thresholds == (0.5, 0.5, 0.5, 0.1)


def test_tables_have_its_column_behind_the_others(out: Path) -> None:
    for table in ("sections", "passages"):
        (part, *_) = sorted((out / table).glob("*.parquet"))
        assert pq.read_schema(part).equals(schemas(FOUR)[table])
    batch = load_batch(out)
    assert batch.labels == FOUR == labels_among(schemas(FOUR)["passages"].names)
    assert list(overview(batch).columns[-4:]) == list(FOUR)
    assert batch.passages["diagnosis"].between(0, 1).all() and batch.passages["diagnosis"].nunique() > 10
    assert {len(task.scores) for tasks in tasks_of(batch).values() for task in tasks} == {4}


def test_the_report_shows_it(out: Path) -> None:
    report = (out / "report.html").read_text("utf-8")
    assert '<option value="diagnosis">Diagnosis</option>' in report
    assert 'data-sort="diagnosis"' in report and 'href="#pages&amp;tag=diagnosis"' in report
    assert style_of(FOUR) in report
    assert 'class="over">Sections' in report and 'colspan="5"' in report


def test_explain_shows_it(cleaner: Cleaner, model: Path) -> None:
    explanation = gather(clean(text_page(PAGE.read_text("utf-8")), cleaner), Models(cleaner, load_tagger(model)))
    text = explain(explanation, 100, colour=True)
    plain = explain(explanation, 100, colour=False)
    assert re.search(r"warning_signs\s+\d\.\d\d\s+diagnosis\s+\d\.\d\d\)", plain)
    assert "\033[34mdiagnosis\033[0m" in text
    page = render(explanation)
    assert style_of(FOUR) in page and 'class="chip diagnosis"' in page


def test_exports_carry_it(out: Path, tmp_path: Path) -> None:
    told = ["export", str(out), "--csv", str(tmp_path / "s.csv"), "--dataset", str(tmp_path / "dataset")]
    assert main(told) == 0
    assert "warning_signs,diagnosis,words" in (tmp_path / "s.csv").read_text("utf-8-sig").splitlines()[0]
    assert "`warning_signs`, `diagnosis` hold" in (tmp_path / "dataset" / "README.md").read_text("utf-8")
    assert "diagnosis" in pd.read_parquet(tmp_path / "dataset" / "passages").columns


def test_a_run_without_it_is_compared_by_what_both_have(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three = tiny_model(tmp_path / "tagger")
    plain = tmp_path / "three"
    run([str(SAMPLE / "clearpulse")], plain, RunOptions("serial"), (ROOT / "models" / "cleaner", three), print)
    capsys.readouterr()
    assert main(["compare", str(plain), str(out)]) == 0
    told = capsys.readouterr().out
    assert f"not compared, since {out} alone has it: diagnosis" in told
    assert "passages with causes" in told and "passages with diagnosis" not in told


def test_the_transformer_gives_a_column_for_each(model: Path) -> None:
    tagger = PassageTagger(model).fit([])
    assert tagger.transform(["Rest helps.", None]).shape == (2, 4)
    assert tagger.predict(["Rest helps."]).shape == (1, 4)
    assert tagger.get_feature_names_out().tolist() == list(FOUR)


def test_evaluate_leaves_it_out_where_the_truth_knows_nothing_of_it(model: Path, models: Models) -> None:
    from pipeline.evaluate import Outcome, sample_figures, section_pairs

    passage = Passage(0, "paragraph", "Smoking brings fever.")
    sections = tag(None, [Section("", 0, (), (passage,), 0)], load_tagger(model))
    truth = {
        "page_kind": "article", "language": "en", "boilerplate": [], "sections": [{"heading": "", "tags": []}],
        "article": [{"text": passage.text, "tags": ["causes"]}],
    }  # fmt: skip
    pages = [clean(page, models.cleaner) for page in (text_page(TEXT), text_page(TEXT)._replace(is_html=True))]
    figures = {f.name: f.value for f in sample_figures([Outcome(truth, page, sections) for page in pages])}
    assert "diagnosis" in sections[0].tags
    assert figures["sample: macro-F1 of passages"] == 1.0
    (section,) = sections
    headed = section._replace(section=section.section._replace(heading="Tests"), tags=("diagnosis", "causes"))
    truth["sections"] = [{"heading": "Tests", "tags": ["causes"]}]
    assert section_pairs(Outcome(truth, pages[0], [headed]), LABELS) == [(["causes"], ["causes"])]


@pytest.mark.parametrize("dark", [False, True])
def test_looks_can_be_read_and_told_apart(dark: bool) -> None:
    shades = [look.dark if dark else look.light for look in LOOKS]
    sheet = (ROOT / "pipeline" / "base.css").read_text("utf-8")
    part = sheet.split("@media (prefers-color-scheme: dark)")[int(dark)]
    paper = re.search(r"--paper: (#\w+)", part)[1]
    shades += [
        Shades(*(re.search(rf"--{name}{kind}: (#\w+)", part)[1] for kind in ("", "-ink", "-wash")))
        for name in ("causes", "remedies", "warning")
    ]
    for one in shades:
        assert contrast(one.ink, one.wash) >= 4.5
        assert contrast(one.plain, paper) >= 3
    signs = [look.sign for look in LOOKS]
    assert len(set(signs)) == len(signs) == len({look.line for look in LOOKS})
    assert min(distance(a.plain, b.plain) for n, a in enumerate(shades) for b in shades[:n]) > 40


def channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 reckons it."""

    def light(colour: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in channels(colour))
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str) -> float:
    """Of two colours, as far apart as their channels lie (0 to 442)."""
    return sum((a - b) ** 2 for a, b in zip(channels(one), channels(other), strict=True)) ** 0.5
