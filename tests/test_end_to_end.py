"""end_to_end: dumps joined to labels, passages found, lost and leaked, and the rows that `evaluate` adds."""

from __future__ import annotations

import gzip
import json

import pytest
from conftest import SAMPLE, text_page

from pipeline.cli import main
from pipeline.end_to_end import Dump, HeldOut, measure, pairs_of, read_dumps, read_held_out
from pipeline.read import InputError
from pipeline.records import Article, Verdict
from pipeline.write import text_hash

CAUSE = "Eating too fast is the most common cause of hiccups, because air is swallowed with the food."
REMEDY = (
    "Drink a glass of cold water slowly to stop the hiccups, or hold your breath for ten seconds. If that does not help, "
    "a spoonful of sugar often does, and so does breathing into a paper bag for a minute while you sit down quietly."
)
LEAK = "Subscribe to our newsletter and never miss a story about your health again."
LOST = "This one the cleaner threw away although it belongs to the article."
PASSAGES = [(CAUSE, ("causes",)), (REMEDY, ("remedies",)), (LOST, ("causes",))]


def dump(lines, keep, fold=0, name="p1"):
    page = text_page("\n".join(lines))._replace(page_id=name)
    article = Article(page, "article", tuple(Verdict(k, 0.9, "" if k else "navigation") for k in keep))
    return Dump(page, "a1", PASSAGES, fold), article


def test_passages_are_found_lost_and_leaked(models):
    one, article = dump([CAUSE, REMEDY, LOST, LEAK], [True, True, False, True])
    cause, remedy, lost, leaked = pairs_of(one, article, models)
    assert (cause.wanted, cause.found, cause.lost) == (("causes",), ("causes",), False)
    assert (remedy.wanted, remedy.found) == (("remedies",), ("remedies",))
    assert (lost.wanted, lost.found, lost.lost) == (("causes",), (), True)
    assert (leaked.wanted, leaked.leaked) == ((), True)


def test_a_passage_may_be_torn_or_fused(models):
    half = CAUSE.index("cause of")
    one, article = dump([f"{CAUSE[:half]}.", CAUSE[half:].capitalize(), f"{REMEDY} {LOST}"], [True, True, True])
    torn, *fused = [pair for pair in pairs_of(one, article, models) if not pair.leaked]
    assert [pair.lost for pair in fused] == [False, False]
    assert torn.lost is False


def test_answers_held_out_take_the_place_of_the_models(models):
    one, _ = dump([CAUSE, REMEDY, LOST, LEAK], [True] * 4)
    tags = {("a1", text_hash(text)): tags for text, tags in PASSAGES}
    perfect = measure([one], models, HeldOut({"p1": [0.9, 0.9, 0.9, 0.1]}, tags))
    assert (perfect.lost, perfect.clean_pages, perfect.pages) == (0.0, 1.0, 1)
    assert perfect.macro_f1 == 1.0  # over the two labels that the dumps carry
    worse = measure([one], models, HeldOut({"p1": [0.1, 0.9, 0.9, 0.1]}, tags))
    assert worse.lost == pytest.approx(1 / 3)
    assert worse.macro_f1 < perfect.macro_f1
    with pytest.raises(InputError, match="page p1 has 4 blocks, but 2 scores"):
        measure([one], models, HeldOut({"p1": [0.1, 0.9]}, tags))


@pytest.fixture
def shared(tmp_path):
    (tmp_path / "bench" / "text").mkdir(parents=True)
    (tmp_path / "corpora").mkdir()
    blocks = [{"kind": "paragraph", "text": text, "tags": list(tags)} for text, tags in PASSAGES]
    blocks.append({"kind": "junk", "text": LEAK, "tags": None})
    rows = {
        "corpora/gold_dev.jsonl.gz": [{"id": "fakehealth-story-00007", "blocks": blocks}],
        "corpora/folds.jsonl": [{"id": "fakehealth-story-00007", "fold": 3}],
        "bench/text/dev_b.jsonl.gz": [
            {
                "id": f"b{n}",
                "source": source,
                "site": None,
                "url": None,
                "lines": ["Hiccups", CAUSE, REMEDY, LOST, LEAK],
            }
            for n, source in enumerate(["fakehealth:Health00007", "wcxb:12"])
        ],
    }
    for name, lines in rows.items():
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    return tmp_path


def test_dumps_are_joined_to_their_labels(shared):
    (one,) = read_dumps(shared)
    assert (one.page.page_id, one.article, one.fold, one.passages) == ("b0", "fakehealth-story-00007", 3, PASSAGES)


def test_evaluate_adds_the_rows(shared, capsys):
    (shared / "held").mkdir()
    scores = {"id": "b0", "scores": [0.9, 0.9, 0.9, 0.9, 0.0]}
    passages = [{"text_hash": text_hash(text), "tags": list(tags)} for text, tags in PASSAGES]
    (shared / "held" / "text.jsonl").write_text(json.dumps(scores) + "\n")
    (shared / "held" / "tags.jsonl").write_text(
        json.dumps({"id": "fakehealth-story-00007", "passages": passages}) + "\n"
    )
    call = ["evaluate", "--sample", str(SAMPLE), "--end-to-end", str(shared), "--floors", str(shared / "floors.json")]
    assert main([*call, "--repin"]) == 0
    shown = capsys.readouterr().out
    assert "dumps, learnt from: macro-F1 of passages" in shown
    assert not any("dumps" in name for name in json.loads((shared / "floors.json").read_text()))
    assert main([*call, "--held-out", str(shared / "held")]) == 0
    assert "dumps, held out: passages kept                        1.0000" in capsys.readouterr().out


def test_what_is_missing_is_said(shared, tmp_path, capsys):
    with pytest.raises(InputError, match="name the folder that holds bench/ and corpora/"):
        read_dumps(tmp_path / "none")
    with pytest.raises(InputError, match="train MODEL --predictions"):
        read_held_out(tmp_path)
    assert main(["evaluate", "--held-out", str(tmp_path)]) == 2
    assert "must be given too" in capsys.readouterr().err
