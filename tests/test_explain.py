"""explain: what weighed most adds up and is named; the terminal and the page show it, and no page can act in either."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, SAMPLE, html_page, text_page
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.clean import COLUMNS, REASONS, Cleaner, clean, features, load_cleaner, score
from pipeline.clean.model import Branch
from pipeline.clean.second import SECOND_COLUMNS
from pipeline.clean.trees import Trees, flatten
from pipeline.clean.weigh import (
    GROUPS,
    PATH_HEAD,
    PATH_TAIL,
    TOP,
    attribute,
    group_amounts,
    group_of,
    page_amounts,
    weigh,
)
from pipeline.clean.words import Words
from pipeline.cli import main
from pipeline.explain import explain, gather, shorten_path
from pipeline.explain_page import render
from pipeline.model_store import SHIPPED, ModelError
from pipeline.parse import parse
from pipeline.read import find, read

HTML_PAGE = SAMPLE / "northfield-clinic" / "ringing-ears-faq.html"
DUMP = SAMPLE / "harborwell" / "muscle-twitching.txt"
ATTACK = "document.title='taken'"
HOSTILE = f'</p></title></style><script>{ATTACK}</script>"><img src=x onerror="{ATTACK}">{{{{ 7*7 }}}}'
ESCAPED = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
HOSTILE_PAGE = f"""<!doctype html><html lang='en"><b>'><head><title>{ESCAPED}</title>
<link rel="canonical" href="javascript:{ATTACK}"></head><body>
<div class='menu {ESCAPED.replace("'", "")}'><p>&#27;[2J&#27;]0;taken&#7; menu &#x9b;31m &#x202e;turned</p></div>
<article><h1>{ESCAPED}</h1><h2>What causes it? {ESCAPED}</h2>
<p>Sleeping on a bent wrist is the most common cause, because it squeezes the nerve for hours. {ESCAPED}</p>
<p>Typing all day is another cause, since the tendons swell and press on the nerve in its tunnel at the wrist.</p>
<p>Pregnancy and an underactive thyroid can cause it too, because the body then holds more water than usual.</p>
</article></body></html>"""


def parsed(path):
    (raw,) = read(find([str(path)])[0])
    return parse(raw)


def explained(page, models):
    return gather(clean(page, models.cleaner), models)


@pytest.fixture(scope="module")
def faq(models):
    return explained(parsed(HTML_PAGE), models)


@pytest.fixture(scope="module")
def hostile(models, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "hostile.html"
    path.write_text(HOSTILE_PAGE, encoding="utf-8")
    return explained(parsed(path), models)


# what weighed


@pytest.mark.parametrize("path", [HTML_PAGE, DUMP], ids=["html", "dump"])
def test_parts_and_base_sum_to_the_logit(path, cleaner):
    page = parsed(path)
    branch = cleaner.branch(page)
    table = features(page, branch)
    found = attribute(branch.first, table)
    assert found.base + found.columns.sum(axis=1) == pytest.approx(branch.first.logits(table), abs=1e-9)
    assert found.base == pytest.approx(branch.first.baseline)  # the trees themselves begin from nothing
    base, amounts = page_amounts(branch, page, table)
    scores = 1 / (1 + np.exp(-(base + amounts.sum(axis=1))))
    assert scores == pytest.approx(score(table, page, cleaner), abs=6e-5)


def test_parts_are_the_changes_of_the_value_along_the_way():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(300, 4))
    model = HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=7, learning_rate=0.2)
    model.fit(table, table[:, 0] + table[:, 2] * table[:, 3] > 0)
    nodes, starts, baseline = flatten(model)
    nodes = {name: array.astype(float if name in ("value", "threshold") else int) for name, array in nodes.items()}
    expected = np.zeros((20, 4))
    for i in range(20):
        for start in starts:
            at = start
            while nodes["left"][at]:
                goes_left = table[i, nodes["feature"][at]] <= nodes["threshold"][at]
                below = start + nodes["left" if goes_left else "right"][at]
                scale = 1.0 if nodes["left"][below] == 0 else 0.2
                here = nodes["value"][at] * 0.2
                expected[i, nodes["feature"][at]] += nodes["value"][below] * scale - here
                at = below
    found = attribute(Trees(nodes, starts.astype(int), baseline, 4, shrinkage=0.2), table[:20])
    assert found.columns == pytest.approx(expected)
    assert np.abs(found.columns[:, 1]).sum() < np.abs(found.columns[:, 0]).sum()  # the column that says nothing


def test_groups_hold_every_column_and_every_pattern_holds_one():
    columns = {*COLUMNS, *SECOND_COLUMNS[1:]}
    assert {group_of(column) for column in columns} == {g for g, group in enumerate(GROUPS) if group.columns}
    for g, group in enumerate(GROUPS):
        for pattern in group.columns:
            own = [c for c in columns if group_of(c) == g and re.fullmatch(pattern.replace("*", ".*"), c)]
            assert own, f"{group.key}: {pattern}"


def test_groups_lose_nothing():
    columns = np.random.default_rng(0).normal(size=(3, len(COLUMNS)))
    assert group_amounts(columns, COLUMNS).sum(axis=1) == pytest.approx(columns.sum(axis=1))


def splits(columns: tuple[str, ...], **sizes: float) -> Trees:
    """Trees that each add a size where a column is above zero, and else take it away."""
    rows = []
    for column, size in sizes.items():
        rows += [(0.0, columns.index(column), 0.0, 1, 2), (-size, 0, 0.0, 0, 0), (size, 0, 0.0, 0, 0)]
    kinds = (float, int, float, int, int)
    found = zip(("value", "feature", "threshold", "left", "right"), kinds, zip(*rows, strict=True), strict=True)
    nodes = {name: np.array(column, dtype=kind) for name, kind, column in found}
    return Trees(nodes, 3 * np.arange(len(sizes)), 0.0, len(columns))


def toy_cleaner(words, names) -> Cleaner:
    """Its first look goes by the words of a block, and less by names; its second by the first, and by names."""
    first = splits(COLUMNS, word_score=2.0, name_sum=1.0)
    branch = Branch(Words(words, 0.0), names, first, splits(SECOND_COLUMNS, first=2.0, name_sum=1.0))
    return Cleaner(branch, branch, "toy")


TOY = toy_cleaner(
    {"related": -3.0, "posts": -1.0, "^related": -1.0, "=posts": 9.0, "cramp": 2.0, "<why": 1.5, "a": 5.0, "of": -5.0},
    {"related": (-2.0, 0.0, 0.0), "list": (-1.0, 0.0, 0.0), "entry": (3.0, 0.0, 0.0), "<li>": (0.0, -1.5, 0.0)},
)
TOY_PAGE = html_page(
    '<div class="wide related-list new"><ul><li>Related posts of</li></ul></div>'
    '<div class="entry"><h2>Why</h2><p>A cramp is a cramp.</p></div>'
)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (0, [("words", -2.0, "“related”, “posts”"), ("names", -1.0, "li")]),
        (2, [("words", 2.0, "“cramp”, “heading: why”"), ("names", 1.0, "div.entry “entry”")]),
    ],
)
def test_words_and_elements_are_named(block, expected):
    weights = weigh(TOY_PAGE, TOY)[block].weights
    assert [(w.key, w.amount, w.detail) for w in weights] == expected


def test_the_name_that_weighs_most_is_told_wherever_it_stands():
    cleaner = toy_cleaner({}, {"related": (-2.0, 0.0, 0.0), "list": (-1.0, 0.0, 0.0)})
    (names,) = (w for w in weigh(TOY_PAGE, cleaner)[0].weights if w.key == "names")
    assert (names.phrase, names.detail) == ("elements of other things", "div.related-list “related”")


def test_a_path_names_the_telling_words():
    assert [" > ".join(weighed.path) for weighed in weigh(TOY_PAGE, TOY)] == [
        "html > body > div.related-list > ul > li",
        "html > body > div.entry > h2",
        "html > body > div.entry > p",
    ]


def test_a_dump_has_no_paths(cleaner):
    assert {weighed.path for weighed in weigh(text_page("One line.\n\nAnother line."), cleaner)} == {()}


def test_a_page_nested_without_end_has_short_paths(cleaner):
    page = html_page("<div>" * 400 + "<p>Deep down.</p>" * 50 + "</div>" * 400)
    assert {len(weighed.path) for weighed in weigh(page, cleaner)} == {PATH_HEAD + 1 + PATH_TAIL}


def test_every_block_has_three_weights_that_shrink(faq):
    for weighed in faq.weighed:
        amounts = [abs(weight.amount) for weight in weighed.weights]
        assert len(amounts) == TOP
        assert amounts == sorted(amounts, reverse=True)


def test_a_page_without_blocks_has_nothing_to_weigh(cleaner):
    assert weigh(html_page(""), cleaner) == []


def test_a_run_does_not_weigh():
    code = "import sys; import pipeline.engine, pipeline.clean, pipeline.tag; sys.exit('pipeline.clean.weigh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("options", [{}, {"learning_rate": 0.0}, {"learning_rate": "0.1"}, None])
def test_a_cleaner_without_its_learning_rate_is_refused(tmp_path, options):
    shutil.copytree(SHIPPED / "cleaner", tmp_path / "cleaner")
    path = tmp_path / "cleaner" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "options": options}))
    with pytest.raises(ModelError, match="manifest.json: options need a learning_rate"):
        load_cleaner(tmp_path / "cleaner")


# the terminal


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "html > body > div.wrap > div.post > p"),
        (36, "html > body > … > div.post > p"),
        (25, "html > … > div.post > p"),
        (18, "html > … > p"),
        (10, "… > p"),
        (4, "… >…"),
    ],
)
def test_shorten_path(width, expected):
    assert shorten_path(("html", "body", "div.wrap", "div.post", "p"), width) == expected


@pytest.mark.parametrize("width", [60, 120])
def test_lines_fit_the_terminal(faq, width):
    lines = explain(faq, width, False).splitlines()
    assert [line for line in lines if len(line) > width and line != faq.article.page.url] == []
    heads = [line for line in lines if re.match(r" {0,3}\d+ (keep|drop) \d\.\d\d \[", line)]
    assert len(heads) == len(faq.article.verdicts)
    assert sum(bool(re.match(r" {15}[+−]\d\.\d\d \w", line)) for line in lines) == TOP * len(heads)


def test_a_narrow_terminal_cuts_paths_in_the_middle(faq):
    paths = {
        width: [
            line.strip() for line in explain(faq, width, False).splitlines() if line.startswith(" " * 15 + "html > ")
        ]
        for width in (60, 400)
    }
    whole = [" > ".join(weighed.path) for weighed in faq.weighed]
    assert paths[400] == whole
    for cut, path in zip(paths[60], whole, strict=True):
        head, _, tail = cut.partition("…")
        assert cut == path if len(path) <= 45 else path.startswith(head) and path.endswith(tail) and tail


def test_colours_change_no_letter(faq):
    coloured = explain(faq, 80, True)
    assert "\033[32m+" in coloured and "\033[31m−" in coloured
    assert re.sub(r"\033\[\d+m", "", coloured) == explain(faq, 80, False)


@pytest.mark.parametrize("width", [60, 120])
def test_a_page_cannot_command_the_terminal(hostile, width):
    text = explain(hostile, width, False)
    assert "\ufffd[2J" in text
    controls = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - {"\n"}
    assert controls == set()


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False), ("", False)])
def test_no_color_is_respected(monkeypatch, capsys, no_color, coloured):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert main(["explain", str(DUMP)]) == 0
    assert ("\033[" in capsys.readouterr().out) is coloured


def test_a_page_without_sections_says_why(models):
    text = explain(explained(html_page('<p><a href="/a">One</a></p>'), models), 80, False)
    assert text.endswith("Not tagged: no article was found on it. Only articles and forums are tagged.\n")


def test_it_says_from_which_score_on_blocks_are_kept(faq):
    verdicts = faq.article.verdicts
    kept = sum(verdict.keep for verdict in verdicts)
    assert f"{len(verdicts)} blocks, {kept} kept: those from 0.50 on" in " ".join(explain(faq, 60, False).split())
    unsure = faq._replace(threshold=0.2)
    assert "those from 0.20 on" in explain(unsure, 120, False)
    assert "Blocks are kept from 0.20 on" in words(soup_of(unsure).select_one(".how"))


# the page


def soup_of(explanation) -> BeautifulSoup:
    return BeautifulSoup(render(explanation), "html.parser")


def words(element) -> str:
    return " ".join(element.get_text(" ").split())


def test_the_page_shows_every_block_with_its_verdict(faq):
    blocks = soup_of(faq).select("section.block")
    verdicts = faq.article.verdicts
    assert [block["id"] for block in blocks] == [f"b{i}" for i in range(len(verdicts))]
    for block, verdict, source in zip(blocks, verdicts, faq.article.page.blocks, strict=True):
        note = source.kind if verdict.keep else verdict.reason
        said = f"{'kept' if verdict.keep else 'dropped'} {verdict.score:.2f} {note}"
        assert words(block.select_one(".verdict")).endswith(said)
        assert block.select_one(".passage > p").get_text() == source.text
        assert [span.get("title") for span in block.select(".verdict span")[2:]] == [REASONS.get(verdict.reason)]
        assert len(block.select(".bars li")) == TOP
        assert block.select_one(".path") is not None


def test_the_page_shows_sections_tags_and_evidence(faq):
    soup = soup_of(faq)
    begins = [words(p) for p in soup.select(".begins")]
    assert [text.split(":")[0] for text in begins] == [f"Section {n}" for n in range(1, len(faq.sections) + 1)]
    passages = [passage for section in faq.sections for passage in section.passages]
    for passage in passages:
        block = soup.select_one(f"#b{passage.passage.block}")
        assert len(block.select(".passage .chip")) == len(passage.tags)
        assert len(block.select(".others span")) == 3 - len(passage.tags)
    assert len(soup.select("mark")) >= sum(bool(passage.tags) for passage in passages)


def test_page_text_stays_text(hostile):
    soup = soup_of(hostile)
    assert len(soup.select("style")) == 1
    assert soup.select("script, img, b b, iframe, object, embed, form, base, link, [style]") == []
    assert [name for e in soup.find_all() for name in e.attrs if name.lower().startswith("on")] == []
    assert [a["href"] for a in soup.select("a[href]")] == []
    assert soup.select_one("h1").get_text() == " ".join(HOSTILE.split())
    assert soup.select_one("main > div")["lang"] == hostile.article.page.language


def test_the_policy_names_the_style_and_forbids_the_rest(hostile):
    soup = soup_of(hostile)
    digest = base64.b64encode(hashlib.sha256(soup.select_one("style").get_text().encode()).digest()).decode()
    assert soup.select_one("meta[http-equiv]")["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_a_dump_and_an_empty_page_render(models):
    dump = soup_of(explained(parsed(DUMP), models))
    assert dump.select(".path") == []
    assert "What causes muscle twitching?" in [words(p) for p in dump.select(".passage.heading p")]
    empty = soup_of(explained(html_page(""), models))
    assert words(empty.select_one(".empty")) == "The page holds no blocks."
    assert words(empty.select_one(".note")).startswith("Not tagged: no article was found")


def test_the_command_writes_the_page(tmp_path, capsys):
    out = tmp_path / "why.html"
    out.write_text("old")
    assert main(["explain", str(HTML_PAGE), "--html", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert BeautifulSoup(out.read_text("utf-8"), "html.parser").h1.get_text() == "Ringing in the ears: your questions"
    assert [path.name for path in tmp_path.iterdir()] == ["why.html"]


def test_the_command_says_where_it_cannot_write(tmp_path, capsys):
    assert main(["explain", str(DUMP), "--html", str(tmp_path / "no" / "why.html")]) == 2
    assert "why.html: cannot be written" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_in_a_browser_nothing_acts(hostile, tmp_path):
    out = tmp_path / "why.html"
    out.write_text(render(hostile), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    quiet = "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=3000"
    command = ["chromium", *flags.split(), *quiet.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, out.as_uri()], capture_output=True, text=True, encoding="utf-8", timeout=120, check=True
    )
    assert BeautifulSoup(done.stdout, "html.parser").title.get_text().endswith(": explained by Healthsift")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
