"""A fourth label taught by a user's own passages: `labels/diagnosis.jsonl`, written for this."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, ROOT, SAMPLE

from pipeline.batch import load_batch
from pipeline.cli import main
from pipeline.drift import REFERENCE
from pipeline.learn.refit import Base
from pipeline.learn.retrain import retrain_tagger
from pipeline.learn.rows import CorpusError
from pipeline.learn.shipped_rows import columns_for, kept_features, said_columns
from pipeline.learn.widen import widened
from pipeline.records import Section
from pipeline.split import split
from pipeline.tag import Tagger, load_tagger, tag
from pipeline.tag.context import feature_names

FOUR = (*LABELS, "diagnosis")
DIAGNOSIS = ROOT / "tests" / "labels" / "diagnosis.jsonl"
SHARE = 0.06
PAGE = """<!doctype html><html lang="en"><head><title>Kidney stones</title></head><body><article><h1>Kidney stones</h1>
<h2>How stones are found</h2>
<p>An ultrasound scan of the kidneys shows most stones, and it takes only ten minutes and no preparation at all.</p>
<p>To confirm the diagnosis, the doctor orders a urine test and, if it is still in doubt, a scan of the belly.</p>
<p>A blood test measures calcium and uric acid, so that the next stone can perhaps be kept from forming.</p>
<h2>What causes them?</h2>
<p>Stones form because salts settle when the urine is too concentrated, for example when somebody drinks too little.</p>
<p>A diet with a lot of salt and meat raises the risk, and so does a family in which stones are frequent.</p>
</article></body></html>"""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a list of four labels."""
    folder = tmp_path_factory.mktemp("names")
    text = (ROOT / "data" / "labels" / "labels.toml").read_text("utf-8")
    entry = '\n[[label]]\nname = "diagnosis"\ndefinition = "how it is found"\nkey = "d"\ncolour = "#CC79A7"\n'
    (folder / "labels.toml").write_text(text + entry, "utf-8")
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    out = tmp_path_factory.mktemp("three") / "tagger"
    retrain_tagger(out, share=SHARE)
    return load_tagger(out)


@pytest.fixture(scope="module")
def four(names: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The model and what its training told."""
    out, lines = tmp_path_factory.mktemp("four") / "tagger", []
    retrain_tagger(out, [DIAGNOSIS], names=names, share=SHARE, force=True, say=lines.append)
    return out, lines


def sections(*lines: str) -> list[Section]:
    from pipeline.records import Block

    return split([(n, Block(line, "heading" if line.endswith(":") else "paragraph")) for n, line in enumerate(lines)])


def test_it_is_learnt_and_told_with_how_many_passages_it_rests_on(four: tuple[Path, list[str]]) -> None:
    folder, lines = four
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    told = manifest["further"]["diagnosis"]
    assert load_tagger(folder).labels == FOUR and set(manifest["scores"]["labels"]) == set(LABELS)
    assert (told["passages"], told["carried"]) == (66, 31) and told["f1"] > 0.7
    assert manifest["own"]["f1_before_and_now"]["diagnosis"] == [None, told["f1"]]
    assert "on 66 passages, 31 of which carry it" in next(line for line in lines if line.startswith("diagnosis is new"))
    card = (folder / "CARD.md").read_text("utf-8")
    assert "**causes**, **remedies**, **warning signs** or **diagnosis**" in card
    assert "| diagnosis | 66 | 31 |" in card
    assert json.loads((folder / REFERENCE).read_text("utf-8"))["labels"] == list(LABELS)


def test_the_other_labels_hardly_move(four: tuple[Path, list[str]], three: Tagger) -> None:
    now, was = load_tagger(four[0]), three
    page = sections(
        "What causes twitching:", "Stress and too much coffee make the nerve fire.", "Lack of sleep does it, too.",
        "What helps:", "Stretch the muscle and drink enough.", "See a doctor if it lasts for more than two weeks.",
    )  # fmt: skip
    before, after = (
        np.array([p.scores for section in tag("Twitching", page, tagger) for p in section.passages])
        for tagger in (was, now)
    )
    assert np.abs(after[:, :3] - before).mean() < 0.1
    assert (after[:, 3] < 0.5).all()


def test_a_run_shows_it(four: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stones.html").write_text(PAGE, "utf-8")
    out, model = tmp_path / "run", str(four[0])
    inputs = [str(tmp_path / "stones.html"), str(SAMPLE / "harborwell" / "muscle-twitching.txt")]
    assert main(["run", *inputs, "-o", str(out), "--tagger", model, "--engine", "serial"]) == 0
    batch = load_batch(out)
    assert batch.labels == FOUR
    stones = batch.sections[batch.sections["page_id"] == "stones"]
    assert stones["tags"].map(list).tolist() == [["diagnosis"], ["causes"]]
    evidence = batch.passages[batch.passages["page_id"] == "stones"].iloc[0]["evidence"][0]
    assert evidence["tag"] == "diagnosis" and len(evidence["terms"])
    assert ".section.diagnosis { border-color" in (out / "report.html").read_text("utf-8")
    capsys.readouterr()
    main(["compare", str(out), "--tagger", model])
    assert "mean confidence" in capsys.readouterr().out


def test_without_passages_it_is_refused(names: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="label diagnosis: 0 passages carry it, 0 of them yours; it needs 20"):
        retrain_tagger(tmp_path / "tagger", names=names, share=SHARE)
    assert not (tmp_path / "tagger").exists()


def test_a_wider_model_says_of_its_own_labels_what_it_said() -> None:
    tagger = load_tagger()
    linear, reader = widened(tagger.linear, tagger.reader, LABELS, ("diagnosis", *LABELS))
    back = widened(linear, reader, ("diagnosis", *LABELS), LABELS)
    assert (back[0].table == tagger.linear.table).all() and (back[0].weak_mix == tagger.linear.weak_mix).all()
    assert (back[1].output == tagger.reader.output).all()
    n_terms = len(tagger.linear.table)
    assert not linear.table.reshape(n_terms, -1, 4)[:, :, 0].any() and linear.weak_intercept.shape == (12,)
    assert Base([], linear, reader, ("diagnosis", *LABELS)).linear.weak_mix.shape == (12, 4)


@pytest.mark.parametrize("which", [said_columns, kept_features])
def test_what_shipped_rows_say_finds_its_columns(which) -> None:
    names = np.array(feature_names(LABELS))[which(LABELS)]
    values = np.arange(2.0 * len(names)).reshape(2, -1) + 1
    wide = columns_for(FOUR, LABELS, values, which)
    wanted = np.array(feature_names(FOUR))[which(FOUR)]
    assert (wide[:, np.isin(wanted, names)] == values).all()
    assert not wide[:, [name.endswith("diagnosis") for name in wanted]].any()
