"""Rows of blocks that ship with the cleaner, and what a user's keep / drop labels make of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.clean import clean, load_cleaner
from pipeline.clean.second import SECOND_COLUMNS
from pipeline.cli import main
from pipeline.label.store import LabelError
from pipeline.learn import teach as module
from pipeline.learn.bench import Example, parse_or_empty
from pipeline.learn.block_rows import (
    FOLDER,
    LEVELS,
    Rows,
    choose_rows,
    column_levels,
    load_rows,
    places_of,
    rounded,
    rows_arrays,
    save_rows,
    site_key,
)  # fmt: skip
from pipeline.learn.own_blocks import read_own_blocks
from pipeline.learn.rows import CorpusError
from pipeline.learn.teach import TeachOptions, added_trees, rows_f1, teach_cleaner
from pipeline.model_store import SHIPPED, ModelError
from pipeline.records import RawPage

QUICK = TeachOptions(trees=6)
PROMOTION = "Our clinic offers a first visit free of charge, and we look forward to seeing you there soon."
TOPICS = (
    "calf cramps", "dry eyes", "hiccups", "a stiff neck", "cold feet", "a sore throat", "itchy skin", "bad sleep",
)  # fmt: skip


def page_of(topic: str) -> str:
    """A page of a clinic: an article with a promotion in the publisher's own voice in the midst of it."""
    paragraphs = [
        f"Many people who have {topic} wait for weeks before they ask for advice, and most of them need not worry.",
        f"The usual causes of {topic} are long days, too little rest and too little water between the meals.",
        PROMOTION,
        f"See a doctor about {topic} if they last for more than two weeks or come back after every treatment.",
    ]
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return f"<html><body><nav><a href=/>Home</a></nav><article><h1>About {topic}</h1>{body}</article></body></html>"


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the shipped rows are quicker to learn from."""

    def load(folder: Path, branch: str) -> Rows:
        rows = load_rows(folder, branch)
        return Rows(rows.levels, *(field[::2] for field in rows[1:]))

    monkeypatch.setattr(module, "load_rows", load)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    for number, topic in enumerate(TOPICS):
        (folder / f"page{number}.html").write_text(page_of(topic))
    return folder


def labels(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def all_labels(n: int = len(TOPICS)) -> list[dict[str, Any]]:
    """The promotion dropped, and one paragraph kept, on the first pages."""
    dropped = [{"page": f"page{i}", "text": PROMOTION, "keep": False} for i in range(n)]
    return dropped + [
        {"page": f"page{i}", "text": parse_or_empty(RawPage("p", "p", page_of(TOPICS[i]), True)).blocks[2].text,
         "keep": True}
        for i in range(n)
    ]  # fmt: skip


def test_rows_hold_numbers_labels_and_hashes_of_sites(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    examples, tables, logits = [], [], []
    for n in range(6):
        page = parse_or_empty(RawPage(f"p{n}", "p", page_of(TOPICS[n]), True, site=f"site{n % 2}"))
        size = len(page.blocks)
        examples.append(Example(page, [True] * size, [i > 0 for i in range(size)], n % 5, "article", False, n == 5, ""))
        tables.append(rng.normal(size=(size, len(SECOND_COLUMNS))).astype(np.float32))
        logits.append(np.full(size, 4.0))
    drawn = choose_rows(examples, tables, logits, [np.ones(len(z)) for z in logits], 0)
    save_rows(tmp_path, rows_arrays({"html": drawn, "text": drawn}))
    rows = load_rows(tmp_path, "html")
    counted = sum(len(z) - 1 for z in logits[:5])  # neither what does not count nor the page with a wrong reference
    assert len(rows.labels) == counted and rows.labels.all()
    assert rows.logits.tolist() == [4.0] * counted and (rows.stands_for == 1).all()
    assert set(rows.sites.tolist()) == {site_key("site0"), site_key("site1")}
    wanted = {
        tuple(row) for i in range(5) for row in rounded(places_of(tables[i][1:], rows.levels), rows.levels).tolist()
    }
    assert {tuple(row) for row in rows.table.tolist()} == wanted
    assert not list(tmp_path.glob("words*")) or json.loads((tmp_path / "manifest.json").read_text())["words"] == {}


@pytest.mark.parametrize(
    ("values", "off"),
    [([0.0, 0.0, 0.0], 0.0), ([0.0, 1.0, 1.0], 0.0), (list(range(LEVELS)), 0.0), ([i / 100 for i in range(100)], 0.03)],
)
def test_values_go_to_the_nearest_of_a_few_levels(values: list[float], off: float) -> None:
    table = np.array(values, dtype=np.float32)[:, None]
    levels = column_levels(table)
    near = rounded(places_of(table, levels), levels)
    assert levels.shape == (1, LEVELS) and np.abs(near - table).max() <= off
    assert (rounded(places_of(near, levels), levels) == near).all()


def test_added_trees_go_on_from_the_logits() -> None:
    rng = np.random.default_rng(0)
    table = np.zeros((400, len(SECOND_COLUMNS)), dtype=np.float32)
    table[:, 3] = rng.integers(-15, 16, size=400) / 10
    target = (table[:, 3] > 0.5).astype(float)
    before = np.where(table[:, 3] > 0, 2.0, -2.0)  # wrong between 0 and 0.5
    trees = module.built(added_trees(table, before, target, np.ones(400), QUICK, 0.1), SECOND_COLUMNS)
    now = before + trees.logits(table)
    assert ((before > 0) != target).sum() > 40 and ((now > 0) != target).sum() == 0


def test_labels_change_the_pages_of_their_site_and_little_else(pages: Path, tmp_path: Path) -> None:
    file = labels(tmp_path / "mine.jsonl", *all_labels(6))
    said: list[str] = []
    brought = teach_cleaner(tmp_path / "new", [file], [str(pages)], say=said.append, options=QUICK)
    before, now = load_cleaner(), load_cleaner(tmp_path / "new")
    held = [parse_or_empty(RawPage(f"page{i}", "p", page_of(TOPICS[i]), True)) for i in range(6, len(TOPICS))]
    for cleaner, kept in ((before, True), (now, False)):
        for page in held:
            assert (PROMOTION in [block.text for block in clean(page, cleaner).kept]) is kept
    told = brought["html"]
    assert told["own_right"][0] <= 6 + 1 and told["own_right"][1] == 12 and told["blocks"] == 12
    assert abs(told["elsewhere_f1"][1] - told["elsewhere_f1"][0]) <= module.NOISE
    assert said[0].startswith("HTML pages: of 12 labelled blocks on 6 pages") and "learnt from 12" in (
        (tmp_path / "new" / "CARD.md").read_text()
    )
    assert (now.text.second.starts == before.text.second.starts).all()
    arrays = (tmp_path / "new" / "arrays.npz").read_bytes()
    assert teach_cleaner(tmp_path / "new", [file], [str(pages)], options=QUICK) == brought  # from where it began before
    assert (tmp_path / "new" / "arrays.npz").read_bytes() == arrays


def test_a_worse_model_is_written_only_by_force(pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = labels(tmp_path / "mine.jsonl", *all_labels())
    leaf = {name: np.zeros(1) for name in ("value", "feature", "threshold", "left", "right")}
    nothing = (leaf, np.zeros(1, dtype=np.int32), 0.0)
    out, before = tmp_path / "new", load_cleaner()
    for own, elsewhere, worse in (
        ((9, 8), (0.9, 0.9), True),
        ((8, 8), (0.9, 0.897), True),
        ((8, 8), (0.9, 0.899), False),
    ):
        taught = module.Taught(nothing, own, elsewhere)
        monkeypatch.setattr(module, "teach", lambda *_, taught=taught: taught)
        if worse:
            with pytest.raises(CorpusError, match=r"HTML pages: the new model is worse and is not written; --force"):
                teach_cleaner(out, [file], [str(pages)])
            assert not out.exists()
    teach_cleaner(out, [file], [str(pages)], options=TeachOptions(trees=1))
    assert len(load_cleaner(out).html.second.starts) == len(before.html.second.starts) + 1
    monkeypatch.setattr(module, "teach", lambda *_: module.Taught(nothing, (9, 8), (0.9, 0.9)))
    teach_cleaner(out, [file], [str(pages)], force=True, options=TeachOptions(trees=1))
    assert len(load_cleaner(out).html.second.starts) == len(before.html.second.starts) + 1  # taught anew each time


GOOD = all_labels()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*GOOD, {"page": "page99", "text": "x", "keep": True}], r"mine\.jsonl:17: page page99"),
        ([*GOOD, {"page": "page0", "text": "Not there.", "keep": True}], r"mine\.jsonl:17: page page0, block 'Not there\.'"),
        ([*GOOD, {**GOOD[0], "keep": True}], r"two answers.*\n.*mine\.jsonl:1 and .*mine\.jsonl:17: page page0, block 'Our"),
        (GOOD[:9], None),
        ([*GOOD[:5], *GOOD[8:12]], r"9 labelled blocks of 5 HTML pages; it takes 10 of 2"),
        ([], r"0 labelled blocks of 0 HTML pages"),
        ([{"page": "page0", "keep": True}], r"mine\.jsonl:1: a label has page, keep, and either text or hash"),
        ([{"page": "page0", "keep": 1, "text": "x"}], r"mine\.jsonl:1: page and text .* keep true or false"),
        ([{"page": "page0", "keep": True, "text": "x", "tag": 1}], r"mine\.jsonl:1: a label has page"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_used_are_refused(
    pages: Path, tmp_path: Path, rows: list[dict[str, Any]], message: str | None
) -> None:
    file = labels(tmp_path / "mine.jsonl", *rows)
    if message is None:
        rows = rows[:8]
        message = r"8 labelled blocks of 8 HTML pages"
        file = labels(tmp_path / "mine.jsonl", *rows)
    with pytest.raises(LabelError, match=message):
        read_own_blocks([file], [str(pages)])


def test_a_page_that_cannot_be_parsed_or_is_there_twice_is_refused(pages: Path, tmp_path: Path) -> None:
    file = labels(tmp_path / "mine.jsonl", *GOOD)
    (pages / "page3.html").write_text("")
    with pytest.raises(LabelError, match=r"page3 has labels and cannot be used"):
        read_own_blocks([file], [str(pages)])
    (pages / "page3.html").write_text(page_of("x"))
    rows = tmp_path / "more.jsonl"
    rows.write_text(json.dumps({"id": "page0", "html": page_of("hiccups")}) + "\n")
    with pytest.raises(LabelError, match=r"page0 has labels, and .*page0\.html is it, too"):
        read_own_blocks([file], [str(pages), str(rows)])


def test_rows_of_another_cleaner_are_refused(pages: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(SHIPPED / "cleaner", tmp_path / "new"))
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "rows": "other"}))
    with pytest.raises(ModelError, match=r"rows of another cleaner; .*train cleaner --corpus"):
        teach_cleaner(out, [labels(tmp_path / "mine.jsonl", *GOOD)], [str(pages)])


def test_the_shipped_rows_say_nearly_what_the_folds_do() -> None:
    """The shipped rows stand for all blocks: word F1 over all of them is that of the development pages."""
    for branch, lowest in (("html", 0.88), ("text", 0.9)):
        rows = load_rows(SHIPPED / "cleaner" / FOLDER, branch)
        assert lowest < rows_f1(rows, rows.logits) < 0.97


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["cleaner", "--labels", "mine.jsonl"], "--labels FILE and --pages PATH go together"),
        (["cleaner", "--pages", "pages"], "--labels FILE and --pages PATH go together"),
        (["tagger", "--labels", "mine.jsonl", "--pages", "pages"], "--labels FILE and --pages PATH go together"),
        (["cleaner", "--labels", "mine.jsonl", "--pages", "pages", "--corpus", "x"], "and no --corpus"),
        (["cleaner", "--labels", "mine.jsonl", "--pages", "pages"], "mine.jsonl: cannot be read"),
    ],
)
def test_wrong_use_is_told(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *options]) == 2
    assert said in capsys.readouterr().err
