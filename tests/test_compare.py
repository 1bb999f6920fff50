"""compare: which changes between runs are more than noise, and whether a batch looks like the training data."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SAMPLE, SHARED

from pipeline.batch import load_batch
from pipeline.cli import main
from pipeline.compare import ALL, FEW, MEASURES, NO_SITE, change_table, compare, page_sums, step_up
from pipeline.drift import HIGH_IS_STRANGE, Sum, drift, read_reference, unknown_words
from pipeline.engine import RunOptions, run
from pipeline.model_store import SHIPPED, ModelError
from pipeline.tag import load_tagger

MODELS = (SHIPPED / "cleaner", SHIPPED / "tagger")


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "sample"
    run([str(SAMPLE)], out, RunOptions("serial"), MODELS, lambda *step: None)
    return out


def pages(
    n: int, rng: np.random.Generator, site: str = "a", causes: float = 0.3, first: int = 0, **fixed
) -> pd.DataFrame:
    """The sums of n made-up pages of ten passages each, all alike but for chance."""
    columns = ["site", "causes", *dict.fromkeys(name for pair in MEASURES.values() for name in pair)]
    table = pd.DataFrame(0.0, index=[f"p{first + i}" for i in range(n)], columns=columns[1:])
    table.insert(0, "site", site)
    table["passages"], table["pages"], table["blocks"] = 10.0, 1.0, 20.0
    table["causes"] = rng.binomial(10, causes, n).astype(float)
    table["confidence"] = rng.uniform(7, 9, n)
    table["dropped"] = rng.binomial(20, 0.4, n).astype(float)
    return table.assign(**fixed)


def real(changes) -> set[tuple[str, str]]:
    return {(change.site, change.measure) for change in changes if change.real}


def test_a_change_at_one_site_is_found_there():
    rng = np.random.default_rng(1)
    before = pd.concat([pages(60, rng, "a"), pages(60, rng, "b", first=60)])
    after = pd.concat([pages(60, rng, "a", first=200), pages(60, rng, "b", causes=0.7, first=300)])
    found = real(compare(before, after, permutations=999))
    assert ("b", "passages with causes") in found and (ALL, "passages with causes") in found
    assert not {pair for pair in found if pair[0] == "a"}


def test_noise_is_seldom_called_a_change():
    """Forty comparisons of equals: under the false discovery rate of 5 %, two of them may have a mark, most have none."""
    rng = np.random.default_rng(2)
    pairs = [(pages(20, rng), pages(20, rng, first=50)) for _ in range(40)]
    assert sum(bool(real(compare(*pair, permutations=999))) for pair in pairs) <= 5


def test_pages_in_both_runs_are_compared_with_themselves():
    """Pages differ widely, and every one of them loses a tenth of its tags: only the pairs show that."""
    rng = np.random.default_rng(3)
    before = pages(40, rng, causes=0.5)
    before["causes"] = np.linspace(1, 9, 40)
    after = before.assign(causes=before["causes"] - 0.5)
    assert (ALL, "passages with causes") in real(compare(before, after, permutations=999))
    strangers = after.set_axis([f"q{i}" for i in range(40)])
    assert not real(compare(before, strangers, permutations=999))
    assert not real(compare(before, before, permutations=999))


def test_small_sites_are_taken_together_and_failed_pages_keep_their_site():
    rng = np.random.default_rng(4)
    before = pd.concat([pages(6, rng, "a"), pages(3, rng, "b", first=10)])
    after = before.copy()
    after.loc["p0", ["site", "failed", "passages"]] = [NO_SITE, 1.0, 0.0]
    found = compare(before, after)
    assert {change.site for change in found} == {ALL, "a", FEW}
    (failed,) = (c for c in found if (c.site, c.measure) == ("a", "pages failed"))
    assert (failed.pages, failed.before, failed.after) == ((6, 6), 0.0, pytest.approx(1 / 6))


def test_step_up_is_monotone_and_never_above_one():
    rng = np.random.default_rng(5)
    p = rng.uniform(size=50)
    q = np.array(step_up(p))
    assert (np.diff(q[np.argsort(p)]) >= 0).all() and (q >= p).all() and q.max() <= 1
    assert step_up([]) == []


def test_what_cannot_be_told_is_left_out():
    rng = np.random.default_rng(6)
    nothing = pages(5, rng, passages=0.0)
    assert {c.measure for c in compare(nothing, nothing)} == {
        "blocks dropped",
        "pages without an article",
        "pages failed",
    }
    assert compare(nothing.iloc[:0], nothing) == []


def test_the_sums_of_a_run_are_those_of_its_tables(sample_run):
    batch = load_batch(sample_run)
    table = page_sums(batch)
    assert len(table) == table["pages"].sum() == len(batch.pages) + len(batch.errors)
    assert table["passages"].sum() == len(batch.passages)
    assert table["causes"].sum() == sum("causes" in tags for tags in batch.passages["tags"])
    assert table["dropped"].sum() == len(batch.dropped)
    assert table.loc["salud-clara" if "salud-clara" in table.index else table.index[0], "pages"] == 1
    failed = batch._replace(errors=pd.DataFrame({"page_id": ["x"]}))
    assert page_sums(failed).loc["x", ["failed", "no_article", "passages"]].tolist() == [1.0, 1.0, 0.0]


def test_compare_from_the_command_line(sample_run, tmp_path, capsys):
    other = tmp_path / "other"
    run([str(SAMPLE / "harborwell")], other, RunOptions("serial"), MODELS, lambda *step: None)
    capsys.readouterr()
    assert main(["compare", str(sample_run), str(other), "--csv", str(tmp_path / "all.csv")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^\(all\) +passages with causes +19/\d", told, re.M)
    assert "permutation test over pages" in told
    assert {"site", "measure", "p", "q", "real"} <= set(pd.read_csv(tmp_path / "all.csv").columns)
    assert main(["compare", str(sample_run), str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert main(["compare", *[str(sample_run)] * 3]) == 2
    assert "takes one run or two" in capsys.readouterr().err


def test_the_table_marks_what_is_real():
    rng = np.random.default_rng(7)
    changes = compare(pages(40, rng), pages(40, rng, causes=0.8, first=50))
    lines = change_table(changes).splitlines()
    assert [("more than noise" in line) for line in lines if "causes" in line] == [True, True]
    assert len(change_table(changes, everything=True).splitlines()) == len(changes) + 1


# --- drift

USUAL = {"measures": {name: {"usual": 0.1, "limit": 0.2} for name in HIGH_IS_STRANGE}}


@pytest.mark.parametrize(
    ("share", "n", "strange"),
    [
        (0.1, 400, {"mean confidence"}),
        (0.3, 400, {"unknown words", "pages without an article"}),
        (0.3, 3, set()),  # three pages out of four are too few to tell
    ],
)
def test_a_batch_fails_only_if_it_is_surely_beyond_the_limit(share, n, strange):
    sums = [Sum(float(i < share * n), 1.0) for i in range(n)]
    found = drift(dict.fromkeys(HIGH_IS_STRANGE, sums), USUAL)
    assert {d.measure for d in found if d.strange} == strange


def test_a_measure_without_anything_to_count_is_left_out():
    assert drift(dict.fromkeys(HIGH_IS_STRANGE, [Sum(0.0, 0.0)]), USUAL) == []


def test_unknown_words_are_counted():
    assert unknown_words(["The doctor said 24 zzyzxq, blorfing."], load_tagger()) == Sum(2, 5)


def test_the_sample_looks_like_the_training_data(sample_run, capsys):
    assert main(["compare", str(sample_run)]) == 0
    assert "UNLIKE" not in capsys.readouterr().out


def test_a_batch_in_another_language_does_not(tmp_path, capsys):
    page = (SAMPLE / "salud-clara").glob("*.html")
    text = next(page).read_text(encoding="utf-8")
    for number in range(20):
        (tmp_path / f"page-{number}.html").write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    run([str(tmp_path)], out, RunOptions("serial"), MODELS, lambda *step: None)
    assert main(["compare", str(out)]) == 1
    told = capsys.readouterr()
    assert "UNLIKE" in told.out and "is unlike the training data: pages without an article" in told.err


def test_reference_figures_belong_to_one_tagger(tmp_path, sample_run, capsys):
    digest = load_tagger().digest
    assert set(read_reference(SHIPPED / "tagger", digest)["measures"]) == set(HIGH_IS_STRANGE)
    shutil.copytree(SHIPPED / "tagger", tmp_path / "tagger")
    path = tmp_path / "tagger" / "reference.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tagger": "other"}))
    assert main(["compare", str(sample_run), "--tagger", str(tmp_path / "tagger")]) == 2
    assert "belongs to tagger other" in capsys.readouterr().err
    path.unlink()
    with pytest.raises(ModelError, match="train reference"):
        read_reference(tmp_path / "tagger", digest)


@pytest.mark.skipif(not (SHARED / "corpora").is_dir(), reason="needs the labelled data in ../shared")
def test_the_reference_was_measured_on_the_data_that_is_there():
    from pipeline.learn.reference import ARTICLES, PAGES
    from pipeline.learn.rows import digests

    shipped = json.loads((ROOT / "models" / "tagger" / "reference.json").read_text())
    assert shipped["sha256"] == digests(SHARED, (ARTICLES, PAGES))
