"""The passes of a run: pages kept beside, sites counted on disk, duplicates joined, failed shards done again."""

from __future__ import annotations

import json
import logging
import random

import numpy as np
import pandas as pd
import pytest
from conftest import SAMPLE, html_page, text_page
from test_run import do_run, tables

import pipeline.shard
from pipeline.clean.site import count_sites, page_keys, table_rows
from pipeline.cli import main
from pipeline.duplicates import signature
from pipeline.keep import keep_pages, kept_pages
from pipeline.limits import Limits
from pipeline.parse import NoText, parse
from pipeline.read import find, read
from pipeline.records import ParsedPage
from pipeline.sites import bucket_of, count_bucket, keep_keys, load_tables
from pipeline.workers import RunError

WORDS = (
    "cramp night water salt stretch doctor pain sleep pillow nerve ankle swelling fever tea ginger rest walk".split()
)


def prose(seed: int, n_words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=n_words)).capitalize() + "."


def sample_pages() -> list[ParsedPage]:
    return [parse(raw) for source in find([str(SAMPLE)]) for raw in read(source)]


def test_kept_pages_are_the_parsed_pages(tmp_path):
    empty = html_page("")
    assert not empty.blocks
    pages = [empty, *sample_pages(), text_page("- one\n- two \u00e7\n\nlast"), empty]
    with keep_pages(tmp_path / "kept" / "x.arrow") as keep:
        for page in pages:
            keep(page)
    assert list(kept_pages(tmp_path / "kept" / "x.arrow")) == pages
    with keep_pages(tmp_path / "kept" / "none.arrow"):
        pass
    assert list(kept_pages(tmp_path / "kept" / "none.arrow")) == []


def test_pages_are_kept_whole_or_not_at_all(tmp_path):
    with pytest.raises(NoText), keep_pages(tmp_path / "x.arrow") as keep:
        keep(text_page("words"))
        raise NoText
    assert list(tmp_path.iterdir()) == []


def test_sites_counted_on_disk_are_those_counted_in_memory(tmp_path):
    menu = "".join(f"<li>Menu line {n}</li>" for n in range(5))
    pages = [
        html_page(f"<ul>{menu}</ul><p>{prose(n)}</p><p>{site}</p>")._replace(site=site)
        for site in ("a.example", "b\u00e9.example", 'q"uote', "few.example")
        for n in range(2 if site == "few.example" else 7)
    ] + [html_page("<p>no site</p>")._replace(site=None)]
    for shard in range(3):  # each site stands in several shards
        with keep_keys(tmp_path / "keys" / f"part-{shard}.arrow") as keep:
            for page in pages[shard::3]:
                if keys := page_keys(page):
                    keep(keys)
    paths = [tmp_path / "sites" / f"{bucket}.jsonl" for bucket in range(4)]
    for bucket, path in enumerate(paths):
        count_bucket(tmp_path / "keys", bucket, 4, path)
    sites = {page.site for page in pages if page.site}
    counted = {site: table for site, table in count_sites(pages).items() if table.counts}
    assert sorted(counted) == ["a.example", "b\u00e9.example", 'q"uote']
    assert load_tables(paths, sites) == counted
    assert load_tables([paths[bucket_of("a.example", 4)]], {"a.example"}) == {"a.example": counted["a.example"]}
    edited = tmp_path / "edited.jsonl"  # other keys first, other escapes
    rows = [json.dumps(dict(reversed(row.items()))) for row in table_rows(counted)]
    edited.write_text("\n".join(rows))
    assert load_tables([edited], sites) == counted


def test_signatures_tell_equal_pages():
    def share(one, other):
        return (np.frombuffer(one, "<u4") == np.frombuffer(other, "<u4")).mean()

    words = prose(1, 400)
    assert signature(words) == signature("  " + words.upper().replace(" ", "\n"))
    assert share(signature(words), signature(words + " and something more")) > 0.9
    assert share(signature(words), signature(prose(2, 400))) < 0.1
    assert signature("too few words") is None


def article(n: int, more: str = "") -> str:
    paragraphs = "".join(f"<p>{prose(100 * n + i)}</p>" for i in range(6))
    return f"<!doctype html><html><body><article><h1>Cramps {n}</h1>{paragraphs}{more}</article></body></html>"


@pytest.fixture
def copies(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, n in (("b", 1), ("a", 1), ("c", 1), ("d", 2), ("e", 3)):
        (folder / f"{name}.html").write_text(article(n, "<p>Read on another site, too.</p>" if name == "c" else ""))
    (folder / "f.jsonl").write_text(json.dumps({"id": "0", "html": article(3)}) + "\n")
    return folder


def test_duplicates_point_at_the_smallest_id(copies, tmp_path):
    summary, _ = do_run([copies], tmp_path / "out", engine="serial")
    pages = tables(tmp_path / "out")["pages"].set_index("page_id")["duplicate_of"]
    assert {key: value for key, value in pages.items() if isinstance(value, str)} == {"b": "a", "c": "a", "e": "0"}
    assert summary["duplicates"] == 3
    assert not (tmp_path / "out" / ".work").exists()


def test_what_the_sites_repeat_is_noted_and_can_be_given(tmp_path):
    for site in ("one", "two"):
        (tmp_path / "in" / site).mkdir(parents=True)
        for n in range(5):
            (tmp_path / "in" / site / f"{site}{n}.html").write_text(
                article(10 * len(site) * n + ord(site[0]), "<p>Ask us for more.</p>")
            )
    do_run([tmp_path / "in"], tmp_path / "out", engine="serial")
    (path,) = (tmp_path / "out" / "sites").iterdir()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"site": "two", "pages": 5, "count": 5, "text": "ask us for more."} in rows
    do_run([tmp_path / "in"], tmp_path / "again", engine="serial", site_table=path)
    assert not (tmp_path / "again" / "sites").exists()
    first, second = tables(tmp_path / "out"), tables(tmp_path / "again")
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name])
    with pytest.raises(RunError, match="other site_table"):
        do_run([tmp_path / "in"], tmp_path / "again", engine="serial")


@pytest.fixture
def parsed(monkeypatch):
    """The ids of the pages that are parsed."""
    ids = []
    parse_page = pipeline.shard.parse_page
    monkeypatch.setattr(
        "pipeline.shard.parse_page", lambda raw, *more: ids.append(raw.page_id) or parse_page(raw, *more)
    )
    return ids


def large_and_small(path, first=0, small=4):
    """Rows of which two are too large for one MB, on a site whose pages end alike."""
    rows = [{"id": f"small{n}", "html": article(n, "<p>Ask us for more.</p>")} for n in range(first, first + small)]
    rows[1:1] = [{"id": f"large{n}", "html": article(n, f"<p>{prose(n, 200_000)}</p>")} for n in range(2)]
    rows += [{"id": "nothing", "text": "  "}]
    path.write_text("".join(json.dumps({**row, "site": "rows.example"}) + "\n" for row in rows))


def test_pages_with_an_error_are_done_again_and_no_others(copies, tmp_path, parsed):
    large_and_small(copies / "large.jsonl")
    out = tmp_path / "out"
    summary, _ = do_run([copies], out, engine="serial", limits=Limits(page_mb=1))
    assert summary["errors"] == {"NoText": 1, "TooLarge": 2}
    with pytest.raises(RunError, match="--retry-errors BadRow: no page failed with it; there are NoText, TooLarge"):
        do_run([copies], out, engine="serial", limits=Limits(page_mb=1), retry_errors="BadRow")
    with pytest.raises(RunError, match="other limits"):
        do_run([copies], out, engine="serial")
    do_run([copies], tmp_path / "whole", engine="serial", site_table=out / "sites" / "sites-0000.jsonl")
    parsed.clear()
    summary, _ = do_run([copies], out, engine="serial", retry_errors="TooLarge")
    assert parsed == ["large0", "large1"]
    assert summary["errors"] == {"NoText": 1}
    whole, found = tables(tmp_path / "whole"), tables(out)
    assert summary["counts"] == {name: len(table) for name, table in found.items()}
    for name in whole:
        pd.testing.assert_frame_equal(found[name], whole[name])
    with pytest.raises(RunError, match="--retry-errors TooLarge: no page failed with it; there are NoText"):
        do_run([copies], out, engine="serial", retry_errors="TooLarge")


def test_a_retry_that_is_broken_off_goes_on(copies, tmp_path, parsed, monkeypatch):
    large_and_small(copies / "large.jsonl")
    do_run([copies], tmp_path / "out", engine="serial", limits=Limits(page_mb=1))
    whole, _ = do_run([copies], tmp_path / "whole", engine="serial")
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.shard.finish_page", lambda *a, **more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            do_run([copies], tmp_path / "out", engine="serial", retry_errors="TooLarge")
    with monkeypatch.context() as broken:  # some parts have their new rows by then
        broken.setattr("pipeline.shard.write_signatures", lambda *a: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            do_run([copies], tmp_path / "out", engine="serial", retry_errors="TooLarge")
    summary, _ = do_run([copies], tmp_path / "out", engine="serial")
    assert summary["counts"]["pages"] == len(tables(tmp_path / "out")["pages"]) == whole["counts"]["pages"]
    assert summary["errors"] == {"NoText": 1}


def test_more_inputs_are_added_and_only_shards_whose_sites_changed_are_done_again(tmp_path, parsed):
    (tmp_path / "in").mkdir()
    large_and_small(tmp_path / "in" / "b.jsonl")
    page = {"id": "alone", "html": article(77), "site": "other.example"}
    (tmp_path / "in" / "c.jsonl").write_text(json.dumps(page) + "\n")
    out = tmp_path / "out"
    do_run([tmp_path / "in"], out, engine="serial")
    before = {path.name: path.stat().st_mtime_ns for path in (out / "sections").iterdir()}

    (tmp_path / "in" / "a.jsonl").write_text(json.dumps({**page, "id": "new", "html": article(78)}) + "\n")
    parsed.clear()
    summary, steps = do_run([tmp_path / "in"], out, engine="serial")  # no count reaches its least number
    assert (parsed, summary["counts"]["pages"], steps[-1][1:]) == (["new"], 8, (9, 9))
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in (out / "sections").iterdir()}.items()

    large_and_small(tmp_path / "more.jsonl", first=50)
    parsed.clear()
    inputs = [tmp_path / "in", tmp_path / "more.jsonl"]
    summary, steps = do_run(inputs, out, engine="serial")
    old = ["small0", "large0", "large1", "small1", "small2", "small3", "nothing"]
    assert parsed == ["small50", "large0", "large1", "small51", "small52", "small53", "nothing", *old]
    assert steps[-1][1:] == (12, 12)
    do_run(inputs, tmp_path / "whole", engine="serial")
    whole, found = tables(tmp_path / "whole"), tables(out)
    for name in whole:
        order = list(whole[name].columns[:3])
        one, other = (table[name].sort_values(order).reset_index(drop=True) for table in (whole, found))
        pd.testing.assert_frame_equal(one, other)
    parsed.clear()
    _, steps = do_run(inputs, out, engine="serial")
    assert (len(steps), parsed) == (1, [])


def test_fewer_inputs_are_another_run(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.html").write_text(article(ord(name)))
    do_run([tmp_path / "a.html", tmp_path / "b.html"], tmp_path / "out", engine="serial")
    with pytest.raises(RunError, match="other inputs, sources; use --replace"):
        do_run([tmp_path / "a.html"], tmp_path / "out", engine="serial")
    summary, _ = do_run([tmp_path / "a.html"], tmp_path / "out", engine="serial", replace=True)
    assert summary["counts"]["pages"] == 1


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_run_can_log_lines(copies, tmp_path, kind, capsys):
    assert main(["run", str(copies), "-o", str(tmp_path / "out"), "--engine", "serial", "--log", kind]) == 0
    lines = capsys.readouterr().err.splitlines()
    logging.getLogger("pipeline.run").handlers.clear()
    assert any("a shard is done: 5 pages, 0 errors" in line for line in lines)
    if kind == "json":
        said = [json.loads(line) for line in lines]
        assert {"pass": "clean", "tasks": 2}.items() <= [s for s in said if s.get("pass") == "clean"][0].items()


def test_the_account_of_a_run_is_whole(copies, tmp_path):
    summary, _ = do_run([copies], tmp_path / "out", engine="serial")
    assert set(summary["pass_seconds"]) == {"parse", "count", "clean"}
    assert list(summary["stage_seconds"]) == ["read", "parse", "keep", "clean", "split", "tag", "write"]
    assert json.loads((tmp_path / "out" / "run.json").read_text()) == summary


def test_a_run_and_clean_take_the_same_blocks_for_repeated(tmp_path, capsys):
    (tmp_path / "in" / "site").mkdir(parents=True)
    for n in range(6):
        page = article(n, "<p>Our readers wrote many letters about this and we thank all of them for it.</p>")
        (tmp_path / "in" / "site" / f"p{n}.html").write_text(page)
    do_run([tmp_path / "in"], tmp_path / "out", engine="serial")
    table = tmp_path / "table.jsonl"
    assert (
        main(["clean", str(tmp_path / "in"), "-o", str(tmp_path / "clean.jsonl"), "--save-site-table", str(table)]) == 0
    )
    assert table.read_text() == (tmp_path / "out" / "sites" / "sites-0000.jsonl").read_text()
    rows = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
    dropped = tables(tmp_path / "out")["dropped"]
    for row in rows:
        scores = [block["score"] for block in row["blocks"] if not block["keep"]]
        assert dropped[dropped.page_id == row["id"]]["score"].tolist() == scores
    (tmp_path / "none.jsonl").write_text("")
    do_run([tmp_path / "in"], tmp_path / "none", engine="serial", site_table=tmp_path / "none.jsonl")
    assert dropped["score"].tolist() != tables(tmp_path / "none")["dropped"]["score"].tolist()


def test_explain_says_of_a_page_what_the_run_said(tmp_path, capsys):
    (tmp_path / "in" / "site").mkdir(parents=True)
    letters = "Our readers wrote many letters about this and we thank all of them for it."
    for n in range(6):
        (tmp_path / "in" / "site" / f"p{n}.html").write_text(article(n, f"<p>{letters}</p>"))
    do_run([tmp_path / "in"], tmp_path / "out", engine="serial")
    page = str(tmp_path / "in" / "site" / "p0.html")
    assert main(["explain", page]) == 0
    alone = capsys.readouterr().out
    assert main(["explain", page, "--run", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert told != alone
    run = tables(tmp_path / "out")
    scores = [row.score for row in run["dropped"].itertuples() if row.page_id == "p0"]
    shown = [float(line.split()[2]) for line in told.splitlines() if line[:4].strip().isdigit() and " drop " in line]
    assert scores and shown == [pytest.approx(score, abs=0.006) for score in scores]
    (tmp_path / "in" / "other.html").write_text(article(7, ""))
    assert main(["explain", str(tmp_path / "in" / "other.html"), "--run", str(tmp_path / "out")]) == 2
    assert "has no page other; name the folder of a run that read it" in capsys.readouterr().err
