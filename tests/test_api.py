"""The Python interface: packages that can be called, what the functions give, and what they refuse."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from importlib import import_module

import pandas as pd
import pytest
from conftest import ROOT, SAMPLE

import pipeline
from pipeline import api
from pipeline.engine import RunOptions
from pipeline.model_store import ModelError
from pipeline.parse import NoText, parse
from pipeline.read import InputError
from pipeline.records import Article, RawPage, TaggedSection
from pipeline.workers import RunError

HTML_PAGE = SAMPLE / "northfield-clinic" / "ringing-ears-faq.html"
DUMP = SAMPLE / "harborwell" / "muscle-twitching.txt"


@pytest.fixture(scope="module")
def article() -> Article:
    return pipeline.clean(HTML_PAGE.read_bytes())


# packages that can be called


@pytest.mark.parametrize("name", ["clean", "tag"])
def test_a_package_stays_a_package(name):
    package = getattr(pipeline, name)
    assert package is import_module(f"pipeline.{name}") is sys.modules[f"pipeline.{name}"]
    assert inspect.ismodule(package) and callable(package)
    assert inspect.signature(package) == inspect.signature(getattr(api, name))
    assert callable(getattr(package, name))  # the stage's own function, `from pipeline.clean import clean`


def test_the_names_of_the_package():
    assert {"clean", "run", "tag"} <= set(dir(pipeline))
    assert pipeline.run is api.run
    with pytest.raises(AttributeError, match="module 'pipeline' has no attribute 'wash'"):
        _ = pipeline.wash


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import pipeline", "sklearn pandas numpy pyarrow jinja2"),
        ("import pipeline.cli, pipeline; dir(pipeline)", "sklearn pandas jinja2"),
        ("import pipeline.__main__", "sklearn pandas"),
        ("import pipeline; pipeline.clean, pipeline.tag", "sklearn pandas jinja2"),
        ("import pipeline; pipeline.run", "pandas jinja2"),
    ],
)
def test_nothing_is_imported_before_it_is_needed(code, unwanted):
    look = f"import sys; sys.argv = ['pipeline', '--help']\ntry:\n    {code}\nexcept SystemExit: pass\n"
    look += f"print(*sorted(set({unwanted.split()}) & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


# clean


def test_clean_gives_what_the_stage_gives(article, models):
    page = parse(RawPage("page", "page", HTML_PAGE.read_bytes()))
    assert article == import_module("pipeline.clean").clean(page, models.cleaner)
    assert article.page_kind == "article"


def test_text_and_bytes_give_the_same():
    source = DUMP.read_bytes()
    assert pipeline.clean(source) == pipeline.clean(source.decode())
    assert not pipeline.clean(source).page.is_html


def test_the_address_gives_the_site():
    page = pipeline.clean("<p>Short.</p>", "https://www.knees.example/sore-knee").page
    assert (page.page_id, page.url, page.site) == (
        "https://www.knees.example/sore-knee",
        "https://www.knees.example/sore-knee",
        "knees.example",
    )


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("", "the page is empty"),
        (b"", "the page is empty"),
        (" \n\t ", "the page is empty"),
        (bytes(range(32)) * 40, "the page is binary data"),
    ],
)
def test_a_page_without_text_is_refused(page, message):
    with pytest.raises(NoText, match=message):
        pipeline.clean(page)


@pytest.mark.parametrize(
    "page",
    [
        "<p>",
        "<html></html>",
        "<script>only()</script>",
        "<" * 500,
        "</div>" * 500 + "<p>late</p>",
        "<div>" * 500,
        "<table><td><tr><table>cell",
        "lone \ud800 half",
        "&#0;&#xd800;&#x1f;",
        "<p>\x00\x0b\x0c</p>",
        "<svg><p>in</svg>",
        "<!--",
        "x",
        "\u202e" * 9,
        "\u3000",
        "<p>" + "a" * 100_000,
        b"\xff\xfe<\x00p\x00>\x00",
        b"\x80\x81 caf\xe9",
    ],
)
def test_no_broken_page_raises(page):
    try:
        found = pipeline.clean(page)
    except NoText:
        return
    assert len(found.verdicts) == len(found.page.blocks)
    assert isinstance(pipeline.tag(found), list)


@pytest.mark.parametrize("page", [None, 7, HTML_PAGE, ["<p>"]])
def test_clean_takes_text_or_bytes_only(page):
    with pytest.raises(TypeError, match="page is of type .*; give str or bytes"):
        pipeline.clean(page)


def test_models_are_loaded_once_and_can_be_given(article, models):
    assert api.shipped_cleaner() is api.shipped_cleaner()
    assert api.shipped_tagger() is api.shipped_tagger()
    never = models.cleaner.html.second
    deaf = models.cleaner._replace(
        html=models.cleaner.html._replace(second=type(never)(never.nodes, never.starts, -90.0, never.n_features))
    )
    assert pipeline.clean(HTML_PAGE.read_bytes(), cleaner=deaf).text == ""
    strict = models.tagger._replace(thresholds=(0.9999,) * 3, plain_thresholds=(0.9999,) * 3)
    assert {tagged.tags for tagged in pipeline.tag(article, tagger=strict)} == {()}


# tag


def test_tag_gives_sections(article):
    tagged = pipeline.tag(article)
    assert all(isinstance(section, TaggedSection) for section in tagged)
    assert ("warning_signs",) in {section.tags for section in tagged}


@pytest.mark.parametrize("change", [{"page_kind": "list"}, {"language": "es"}], ids=["list", "Spanish"])
def test_pages_that_are_not_tagged(article, change):
    if "language" in change:
        assert pipeline.tag(article._replace(page=article.page._replace(**change))) == []
    else:
        assert pipeline.tag(article._replace(**change)) == []


def test_what_the_functions_give_can_be_pickled(article):
    assert pickle.loads(pickle.dumps((article, pipeline.tag(article)))) == (article, pipeline.tag(article))


# run


def test_run_gives_frames(tmp_path):
    told = []
    batch = pipeline.run(DUMP, tmp_path / "out", engine="serial", progress=lambda *counts: told.append(counts))
    assert list(batch._fields) == ["pages", "sections", "passages", "dropped", "errors"]
    assert all(isinstance(frame, pd.DataFrame) for frame in batch)
    assert batch.pages["page_id"].tolist() == ["muscle-twitching"]
    assert (tmp_path / "out" / "report.html").exists()
    assert told[-1] == (1, 3, 3)


def test_run_takes_several_inputs_and_the_options(tmp_path):
    batch = pipeline.run([str(DUMP), HTML_PAGE], str(tmp_path / "out"), engine="serial", limit=1)
    assert len(batch.pages) == 1
    with pytest.raises(RunError, match="holds a run with other"):
        pipeline.run(DUMP, tmp_path / "out", engine="serial")
    assert len(pipeline.run(DUMP, tmp_path / "out", engine="serial", replace=True).pages) == 1


def test_what_run_refuses(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(TypeError, match=f"run has no option speed; known are {', '.join(RunOptions._fields)}"):
        pipeline.run(DUMP, out, speed=9)
    with pytest.raises(InputError, match="no such file"):
        pipeline.run(tmp_path / "nowhere", out)
    with pytest.raises(ModelError, match="manifest.json: cannot be read"):
        pipeline.run(DUMP, out, cleaner=tmp_path)
    assert not out.exists()
