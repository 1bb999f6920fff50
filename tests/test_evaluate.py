"""evaluate: figures by hand, floors that hold or do not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from conftest import LABELS, SAMPLE, html_page

from pipeline.cli import main
from pipeline.evaluate import Figure, Outcome, leaked, lost, passages_f1, section_pairs, table
from pipeline.records import Article, Section, TaggedSection, Verdict

PAGE = html_page("<p>Kept one.</p><p>Lost two.</p><p>Leaked three.</p>")
ARTICLE = Article(PAGE, "article", (Verdict(True, 0.9, ""), Verdict(False, 0.1, "navigation"), Verdict(True, 0.9, "")))
TRUTH = {
    "language": "en",
    "article": [{"text": "Kept one ."}, {"text": "Lost two."}],
    "sections": [{"heading": "A b", "tags": ["causes", "remedies"]}, {"heading": "C", "tags": []}],
}


def test_lost_and_leaked():
    assert lost(TRUTH, ARTICLE) == ["Lost two."]
    assert leaked(TRUTH, ARTICLE) == ["Leaked three."]


def test_first_tags_of_sections():
    found = TaggedSection(Section("Ab", 2, (), (), 0), ("remedies",), (0.0,) * 3, ())
    assert section_pairs(Outcome(TRUTH, ARTICLE, [found]), LABELS) == [
        (["causes"], ["remedies"]),
        ([], ["(section not found)"]),
    ]


def test_macro_f1_by_hand():
    pairs = [(["causes"], ["causes", "remedies"]), (["remedies"], ["remedies"]), ([], ["warning_signs"])]
    assert passages_f1(pairs, LABELS) == pytest.approx(np.mean([1, 2 / 3, 0]))


def test_the_table_marks_what_is_missed():
    text = table([Figure("a", 0.5, 0.25, "guess"), Figure("b", 0.5, None, "")], {"a": 0.6, "b": 0.5})
    first, second = text.splitlines()[1:]
    assert "MISSED" in first
    assert "(guess)" in first
    assert "MISSED" not in second


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A sample of three pages, so that a test is quick."""
    folder = tmp_path_factory.mktemp("sample")
    for site, stem, ending in (
        ("harborwell", "muscle-twitching", "txt"),
        ("northfield-clinic", "hives-what-helps", "html"),
    ):
        (folder / site).mkdir()
        for name in (f"{stem}.{ending}", f"{stem}.truth.json"):
            shutil.copy(SAMPLE / site / name, folder / site)
    return folder


def test_floors_hold_are_missed_and_only_rise(small, tmp_path, capsys):
    floors = tmp_path / "floors.json"
    call = ["evaluate", "--sample", str(small), "--floors", str(floors), "--json", str(tmp_path / "figures.json")]
    assert main(call) == 0
    assert main([*call, "--repin"]) == 0
    pinned = json.loads(floors.read_text())
    figures = {row["name"]: row["value"] for row in json.loads((tmp_path / "figures.json").read_text())}
    assert all(0 <= figures[name] - floor < 0.002 for name, floor in pinned.items())
    name = "folds html: word F1 of articles"
    floors.write_text(json.dumps({**pinned, name: 0.9999}))
    capsys.readouterr()
    assert main(call) == 1
    assert f"below their floors, or gone: {name}" in capsys.readouterr().out
    assert main([*call, "--repin"]) == 1
    assert json.loads(floors.read_text())[name] == 0.9999
    floors.write_text(json.dumps({**pinned, "folds of yesteryear": 0.1}))
    assert main(call) == 1


def test_a_page_without_truth_is_wrong_use(small, tmp_path, capsys):
    shutil.copytree(small, tmp_path / "sample")
    (tmp_path / "sample" / "new.txt").write_text("A page nobody has read.")
    assert main(["evaluate", "--sample", str(tmp_path / "sample")]) == 2
    assert "new.txt: cannot be read, or has no truth beside it" in capsys.readouterr().err
