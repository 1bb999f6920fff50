"""Every option in every --help does something that a test can see: one here, or one that is named here.

A new option needs a test that uses it on the command line, in a test of its command; or, where its short name is used, an entry
here: a row in one of the tables of effects, or the test that shows its effect in `ELSEWHERE`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE
from test_label_loop import NAMES, ONE

from pipeline.cli import build_parser, main
from pipeline.engine import RunOptions
from pipeline.label import read_answers
from pipeline.label.tasks import write_tasks
from pipeline.limits import Limits
from pipeline.read import Columns
from pipeline.tag.demand import Demand

PAGE = SAMPLE / "harborwell" / "muscle-twitching.txt"

SOURCES = [
    path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py") if path.name != "test_options.py"
]
#: Option of `run` -> its value, and what it makes of the options that the engine gets. What the engine makes of these
#: is tested with the engine (`test_run`, `test_workers`, `test_hostile`, `test_read_tables`).
RUN = {
    "--engine": (["serial"], RunOptions(engine="serial")),
    "--workers": (["3"], RunOptions(workers=3)),
    "--limit": (["7"], RunOptions(limit=7)),
    "--replace": ([], RunOptions(replace=True)),
    "--report-pages": (["9"], RunOptions(report_pages=9)),
    "--parser": (["soup"], RunOptions(parser="soup")),
    "--page-mb": (["2"], RunOptions(limits=Limits(page_mb=2))),
    "--cpu-seconds": (["0.5"], RunOptions(limits=Limits(cpu_seconds=0.5))),
    "--worker-mb": (["800"], RunOptions(limits=Limits(worker_mb=800))),
    "--site-table": (["x.json"], RunOptions(site_table=Path("x.json"))),
    "--retry-errors": (["NoText"], RunOptions(retry_errors="NoText")),
    "--min-confidence": (["0.9"], RunOptions(demand=Demand(min_confidence=0.9))),
    "--recall": (["causes=0.7"], RunOptions(demand=Demand(recall=(("causes", 0.7),)))),
    "--tries": (["5"], RunOptions(limits=Limits(tries=5))),
    **{f"--{name}-column": (["x"], RunOptions(columns=Columns(**{name: "x"}))) for name in Columns._fields},
}
#: Option of `clean` -> column of a table that is called so, and what `clean` then says of the row.
COLUMNS = {
    "--id-column": ("id", "row 9"),
    "--url-column": ("url", "https://a.example/x"),
    "--site-column": ("site", "My site"),
    "--title-column": ("title", "My title"),
    "--text-column": ("text", "Some words of a page."),
    "--html-column": ("html", "<p>Some words</p><p>of a page.</p><p>And more.</p>"),
}
#: Another model is read from its folder: one that is not there ends the command with status 2, and is named.
MODELS = {
    ("run", "--cleaner"): ["run", str(PAGE), "-o", "out", "--engine", "serial"],
    ("run", "--tagger"): ["run", str(PAGE), "-o", "out", "--engine", "serial"],
    ("clean", "--cleaner"): ["clean", str(PAGE)],
    ("tag", "--tagger"): ["tag", "articles.jsonl"],
    ("explain", "--cleaner"): ["explain", str(PAGE)],
    ("explain", "--tagger"): ["explain", str(PAGE)],
    ("evaluate", "--cleaner"): ["evaluate", "--sample", str(SAMPLE)],
    ("evaluate", "--tagger"): ["evaluate", "--sample", str(SAMPLE)],
}
ELSEWHERE = {
    ("", "--version"): "test_options::test_version",
    ("run", "INPUT"): "test_run::test_every_page_is_a_row_and_counts_agree",
    ("run", "--out"): "test_cli::test_run_prints_counts_and_the_report",
    ("run", "--max-failed"): "test_cli::test_status_1_where_too_many_pages_failed",
    ("clean", "INPUT"): "test_cli::test_clean_writes_one_row_a_page_in_input_order",
    ("clean", "--out"): "test_cli::test_clean_writes_one_row_a_page_in_input_order",
    ("clean", "--parser"): "test_parse_soup::test_explain_and_clean_use_the_parser",
    ("tag", "ARTICLES.jsonl"): "test_cli::test_tag_reads_what_clean_writes",
    ("tag", "--out"): "test_cli::test_tag_reads_what_clean_writes",
    ("explain", "PAGE"): "test_cli::test_explain_shows_every_block_and_every_passage",
    ("explain", "--parser"): "test_parse_soup::test_explain_and_clean_use_the_parser",
    ("explain", "--html"): "test_explain::test_the_command_writes_the_page",
    ("explain", "--run"): "test_passes::test_explain_says_of_a_page_what_the_run_said",
    ("export", "RUN"): "test_export::test_wrong_use",
    ("export", "--markdown"): "test_export::test_several_forms_at_once",
    ("export", "--jsonld"): "test_export::test_jsonld_is_one_graph",
    ("export", "--csv"): "test_export::test_several_forms_at_once",
    ("export", "--dataset"): "test_export::test_datasets_loads_it",
    ("train", "model"): "test_options::test_options_of_train",
    ("train", "--corpus"): "test_options::test_options_of_train",
    ("train", "--out"): "test_options::test_options_of_train",
    ("train", "--predictions"): "test_options::test_options_of_train",
    ("train", "--labels"): "test_options::test_options_of_train",
    ("train", "--weight"): "test_options::test_options_of_train",
    ("train", "--force"): "test_options::test_options_of_train",
    ("train", "--ablate"): "test_options::test_options_of_train",
    ("tag", "--recall"): "test_options::test_tag_meets_demands_and_tells_their_cost",
    ("tag", "--min-confidence"): "test_options::test_tag_meets_demands_and_tells_their_cost",
    ("train", "--folds"): "test_options::test_options_of_train",
    ("evaluate", "--sample"): "test_evaluate::test_floors_hold_are_missed_and_only_rise",
    ("evaluate", "--floors"): "test_evaluate::test_floors_hold_are_missed_and_only_rise",
    ("evaluate", "--json"): "test_evaluate::test_floors_hold_are_missed_and_only_rise",
    ("evaluate", "--end-to-end"): "test_end_to_end::test_evaluate_adds_the_rows",
    ("evaluate", "--held-out"): "test_end_to_end::test_evaluate_adds_the_rows",
    ("evaluate", "--repin"): "test_evaluate::test_floors_hold_are_missed_and_only_rise",
    **{
        ("label draw", name): "test_label_loop::test_from_a_run_to_labels_and_back"
        for name in ("RUN", "--labels", "--passages", "--out")
    },
    **{
        ("label here", name): "test_label_loop::test_from_a_run_to_labels_and_back"
        for name in ("DIR", "--labels", "--reader")
    },
    ("label import", "FILE"): "test_label_loop::test_from_a_run_to_labels_and_back",
    ("label import", "--labels"): "test_label_loop::test_from_a_run_to_labels_and_back",
    ("label import", "--reader"): "test_options::test_readers_of_answers_that_name_none",
    ("label import", "--drawn"): "test_label_loop::test_answers_to_a_corpus_need_it_to_be_named",
    ("label import", "--as"): "test_label_loop::test_answers_to_a_corpus_need_it_to_be_named",
    ("label check", "--labels"): "test_label_loop::test_what_check_finds_can_be_labelled_anew",
    ("label check", "--corpus"): "test_label_loop::test_what_check_finds_can_be_labelled_anew",
    ("label check", "--out"): "test_label_loop::test_what_check_finds_can_be_labelled_anew",
    ("label check", "--passages"): "test_options::test_check_tells_at_most_so_many",
    ("label attach", "--labels"): "test_label_store::test_attach_corrects_a_corpus_of_blocks",
    ("label attach", "--corpus"): "test_label_store::test_attach_corrects_a_corpus_of_blocks",
    ("label attach", "--out"): "test_label_store::test_attach_corrects_a_corpus_of_blocks",
}


def options_of(parser: argparse.ArgumentParser, verb: str = "") -> Iterator[tuple[str, str]]:
    """Every command with each of its options (the long name) and arguments."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from options_of(sub, f"{verb} {name}".strip())
        elif not isinstance(action, argparse._HelpAction):
            yield verb, action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)


def used_in_tests(verb: str, option: str) -> bool:
    """Whether a test module uses the command, and with it the option (an argument is always there)."""
    word = f'"{verb.split()[-1]}"'
    return any(word in source and (not option.startswith("-") or f'"{option}"' in source) for source in SOURCES)


def test_every_option_has_a_test():
    known = {*ELSEWHERE, *MODELS, *(("run", name) for name in RUN), *(("clean", name) for name in COLUMNS)}
    there = set(options_of(build_parser()))
    missing = sorted(pair for pair in there - known if not used_in_tests(*pair))
    assert missing == [], "no test uses them; write one, or enter them in tests/test_options.py"
    assert known - there == set(), "entries of options that are gone"


def test_the_tests_elsewhere_exist():
    for entry in set(ELSEWHERE.values()):
        module, name = entry.split("::")
        source = (ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", source, re.M), entry


@pytest.mark.parametrize("option", RUN)
def test_options_of_run_reach_the_engine(option, monkeypatch, capsys):
    got = []

    def run(inputs, out, options, models, progress):
        got.append(options)
        return {"counts": dict.fromkeys(("pages", "sections", "passages", "errors"), 0)}

    monkeypatch.setattr("pipeline.commands.run", run)
    values, wanted = RUN[option]
    assert main(["run", "x", "-o", "out"]) == main(["run", "x", "-o", "out", option, *values]) == 0
    assert got == [RunOptions(), wanted]


@pytest.mark.parametrize("option", COLUMNS)
def test_columns_may_have_other_names(option, tmp_path):
    column, value = COLUMNS[option]
    row = {"other": value, **({} if column in ("text", "html") else {"text": "Some words of a page."})}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    said = []
    for more in ([], [option, "other"]):
        main(["clean", str(tmp_path / "rows.jsonl"), "-o", str(tmp_path / "out.jsonl"), *more])
        said.append(json.loads((tmp_path / "out.jsonl").read_text()))
    without, named = said
    if column in ("text", "html"):
        assert "needs" in without["error"] or without["error"].startswith("read: ")
        assert named["error"] is None and len(named["blocks"]) == (1 if column == "text" else 3)
    else:
        assert (without[column] == value, named[column]) == (False, value)


@pytest.mark.parametrize(("verb", "option"), MODELS)
def test_another_model_is_read(verb, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "articles.jsonl").write_text('{"blocks": []}\n')
    assert main([*MODELS[verb, option], option, "another"]) == 2
    assert f"another{'/'}manifest.json: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["cleaner", "tagger", "teacher"])
def test_options_of_train(model, monkeypatch):
    got = []
    monkeypatch.setattr("pipeline.learn.train", lambda *words, **named: got.append((*words[:-1], named)))
    assert main(["train", model]) == 0
    options = ["--corpus", "c", "-o", "o", "--predictions", "p", "--labels", "l", "--force", "--folds", "maker"]
    options += ["--weight", "3", "--share", "0.5", "--ablate", "--pages", "q"]
    assert main(["train", model, *options]) == 0
    usual = {"predictions": None, "labels": [], "weight": None, "share": 1.0, "force": False, "ablate": False}
    usual |= {"folds": "site", "pages": []}
    asked = {"predictions": Path("p"), "labels": [Path("l")], "weight": 3.0, "share": 0.5, "force": True}
    asked |= {"ablate": True, "folds": "maker", "pages": ["q"]}
    assert got == [(model, None, None, usual), (model, Path("c"), Path("o"), asked)]


def test_tag_meets_demands_and_tells_their_cost(tmp_path, capsys):
    texts = ["Stress brings it on.", "It may have to do with the weather.", "Rest helps against the pain."]
    row = {"title": "Aches", "blocks": [{"kind": "paragraph", "text": text} for text in texts]}
    (tmp_path / "articles.jsonl").write_text(json.dumps(row))

    def tagged(*options: str) -> list[dict]:
        assert main(["tag", str(tmp_path / "articles.jsonl"), *options]) == 0
        return [
            passage for section in json.loads(capsys.readouterr().out)["sections"] for passage in section["passages"]
        ]

    assert all(passage["unsure"] == [] for passage in tagged())
    for passage in tagged("--min-confidence", "0.99"):
        assert all(passage["scores"][label] >= 0.99 for label in passage["tags"])
        assert passage["unsure"] == [label for label, score in passage["scores"].items() if 0.01 < score < 0.99]
    assert main(["tag", str(tmp_path / "articles.jsonl"), "--recall", "causes=0.95"]) == 0
    told = capsys.readouterr()
    threshold = float(re.search(r"causes: threshold (0\.\d+) instead of", told.err)[1])
    for section in json.loads(told.out)["sections"]:
        for passage in section["passages"]:
            assert ("causes" in passage["tags"]) == (passage["scores"]["causes"] >= threshold)
    assert main(["tag", str(tmp_path / "articles.jsonl"), "--recall", "causes"]) == 2
    assert "write LABEL=RECALL" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert re.fullmatch(r"healthsift \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.fixture
def store(tmp_path):
    """A folder of labels without answers, and a corpus of two passages that are alike and labelled differently."""
    (tmp_path / "store").mkdir()
    names = ROOT / "data" / "labels" / "labels.toml"
    (tmp_path / "store" / "labels.toml").write_bytes(names.read_bytes())
    text = "Call a doctor at once if the pain is sudden and severe or comes with fever"
    rows = [{"id": name, "blocks": [{"kind": "paragraph", "text": text, "tags": []}]} for name in ("a1", "a2")]
    rows[0]["blocks"][0]["tags"] = ["warning_signs"]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "store"


def test_readers_of_answers_that_name_none(tmp_path, store):
    write_tasks(tmp_path / "tasks", [ONE], NAMES, "model 1")
    table = (tmp_path / "tasks" / "tasks.csv").read_text("utf-8-sig")
    head, row = csv.reader(io.StringIO(table))
    row[head.index("tags")] = "remedies"
    with (tmp_path / "tasks" / "filled.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([head, row])
    words = ["label", "import", str(tmp_path / "tasks" / "filled.csv"), "--labels", str(store), "--reader", "kim"]
    assert main(words) == 0
    assert [answer.reader for answer in read_answers(store)] == ["kim"]


def test_check_tells_at_most_so_many(tmp_path, store, capsys):
    words = ["label", "check", "--corpus", str(tmp_path / "corpus.jsonl"), "--labels", str(store)]
    rows = (tmp_path / "corpus.jsonl").read_text()
    other = rows.replace("doctor", "nurse").replace("pain", "ache").replace("a1", "a3").replace("a2", "a4")
    (tmp_path / "corpus.jsonl").write_text(rows + other)
    told = []
    for more in ([], ["--passages", "1"]):
        assert main([*words, *more]) == 0
        told.append(capsys.readouterr().out.count(" alike to one of "))
    assert told[0] > told[1] == 1
