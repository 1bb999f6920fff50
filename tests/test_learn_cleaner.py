"""Training of the cleaner on a small benchmark made here: labels, folds, weights, and the whole command."""

from __future__ import annotations

import contextlib
import gzip
import json
import random

import numpy as np
import pytest

from pipeline.clean import features, load_cleaner, score
from pipeline.clean.model import SCHEMA
from pipeline.cli import main
from pipeline.learn.bench import fold_of_site, lines_of, read_html, read_text
from pipeline.learn.block_rows import FOLDER
from pipeline.learn.block_rows import SCHEMA as ROWS
from pipeline.learn.cleaner import Options, _Tokens, fit
from pipeline.learn.dumps import DECOYS, dump, rewrap, torn_dump
from pipeline.learn.promote import promote
from pipeline.learn.rows import CorpusError
from pipeline.learn.train_cleaner import judge_example
from pipeline.model_store import SHIPPED, load_model

WORDS = (
    "calf night muscle nerve sleep water pain cramp stretch wall morning doctor leg foot rest salt bread heat".split()
)


def sentence(rng: random.Random, n: int) -> str:
    return " ".join(rng.choices(WORDS, k=n)).capitalize() + "."


def made_page(n: int) -> tuple[str, str, list[str], list[int]]:
    """HTML, its reference, and a dump of it with labels."""
    rng = random.Random(n)
    article = [sentence(rng, rng.randrange(14, 40)) for _ in range(5)]
    menu = ["Home", "News", "Health", "Contact us", f"Read more about page {n}"]
    html = "".join(f"<li><a href=x>{m}</a></li>" for m in menu)
    body = "".join(f"<p>{a}</p>" for a in article)
    page = f"<nav class=menu><ul>{html}</ul></nav><article class='post body{n % 3}'><h1>Page {n}</h1>{body}</article><footer>Copyright {n}</footer>"
    lines = [*menu, f"Page {n}", *article, f"Copyright {n}"]
    labels = [0] * len(menu) + [0] + [1] * len(article) + [0]
    return page, "\n".join(article), lines, labels


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    (folder / "html" / "dev").mkdir(parents=True)
    (folder / "text").mkdir()
    truths, folds, a, b = [], [], [], []
    for n in range(40):
        page, reference, lines, labels = made_page(n)
        name = f"{n:04}"
        (folder / "html" / "dev" / f"{name}.html.gz").write_bytes(gzip.compress(page.encode()))
        url = f"https://site{n}.example/p"
        truths.append(
            {
                "id": name,
                "url": url,
                "page_type": "article",
                "health": n % 2 == 0,
                "suspect_truth": n == 7,
                "main_content": reference,
            }
        )
        folds.append({"id": name, "domain": n % 5, "cluster": n % 3})
        row = {
            "site": f"site{n}.example",
            "url": url,
            "lines": lines,
            "labels": labels,
            "neutral": [5],
            "title": f"Page {n}",
        }
        if n < 15:
            a.append({**row, "id": f"a-dev-{name}-bs4", "kind": "article", "dump": "bs4"})
        elif n < 30:
            b.append({**row, "id": f"b-dev-{name}", "kind": "health", "dump": "t01", "source": f"wcxb:{name}"})
    for path, rows in {"html/dev_truth": truths, "text/dev_a": a, "text/dev_b": b}.items():
        (folder / f"{path}.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in rows).encode()))
    (folder / "html" / "folds.jsonl").write_text("".join(json.dumps(r) + "\n" for r in folds))
    return folder


def test_html_labels_come_from_the_reference(bench):
    examples = read_html(bench)
    assert len(examples) == 40
    for example in examples:
        assert [b.kind == "paragraph" and b.text.endswith(".") for b in example.page.blocks] == example.labels
    assert [e.suspect for e in examples].count(True) == 1
    assert {e.fold for e in read_html(bench, "cluster")} == {0, 1, 2}


def test_dump_labels_come_from_lines_and_titles_do_not_count(bench):
    for example in read_text(bench):
        if example.page.page_id.startswith("made"):
            continue
        assert example.labels == [b.text.endswith(".") for b in example.page.blocks]
        if example.scored:
            assert [b.text for b, c in zip(example.page.blocks, example.counted, strict=True) if not c] == [
                f"Page {int(example.page.page_id.split('-')[2])}"
            ]


def test_every_page_is_printed_once_more_in_the_fold_of_its_site(bench):
    examples = {e.page.page_id: e for e in read_text(bench)}
    made = {name.split("-")[1]: name for name in examples if name.startswith(("lines-", "torn-"))}
    assert sorted(made) == [f"{n:04}" for n in range(40) if n != 7]  # 7: a wrong reference
    assert {name.split("-")[0] for name in made.values()} == {"lines", "torn"}
    assert not any(examples[name].scored for name in made.values())
    assert all(examples[made[f"{n:04}"]].fold == examples[f"a-dev-{n:04}-bs4"].fold for n in range(15) if n != 7)


def test_a_torn_dump_breaks_lines_at_links(tmp_path):
    path = tmp_path / "page.html.gz"
    path.write_bytes(gzip.compress(b"<p>Rest and <a href=x>salt</a> help.</p><script>no()</script><nav>Home</nav>"))
    assert torn_dump(path, "Rest and salt help.") == (["Rest and", "salt", "help.", "Home"], [1, 1, 1, 0])


def test_farm_pages_can_be_held_out_by_template(bench):
    assert {e.fold for e in read_text(bench, "maker") if e.group == "b health"} == {0}
    assert len({e.fold for e in read_text(bench) if e.group == "b health"}) > 1


def test_what_a_site_repeats_is_counted_over_scored_pages_only(bench):
    tables = {e.page.page_id: e.table.pages for e in read_text(bench)}
    (printed,) = (pages for name, pages in tables.items() if name in ("torn-0003", "lines-0003"))
    assert tables["a-dev-0003-bs4"] == printed == 1


def test_dump_puts_one_block_on_a_line(bench):
    example = read_html(bench)[0]
    lines, labels = dump(example.page, example.labels)
    assert [line.strip(" -*•+") for line in lines if line] == [b.text for b in example.page.blocks]
    assert sum(labels) == sum(example.labels)


def test_rewrap_puts_another_article_into_the_chrome():
    lines = ["Home>NewsOld title", "Old title", "First.", "Related:A teaser", "Second.", "Third.", "Like (3)"]
    blocks = [("paragraph", "One."), ("heading", "Why?"), ("item", "Two"), ("item", "Three")]
    new, labels = rewrap(lines, [0, 0, 1, 0, 1, 1, 0], {1}, "Old title", "New title", blocks, style=1)
    assert new == [
        "Home>NewsNew title",
        "New title",
        "One.",
        "Related:A teaser",
        "Why?",
        "* Two",
        "* Three",
        "Like (3)",
    ]
    assert labels == [0, 0, 1, 0, 1, 1, 1, 0]


def test_some_rewrapped_articles_have_a_heading_that_sounds_like_a_list():
    new, labels = rewrap(
        ["Old", "First."], [0, 1], {0}, "Old", "New", [("heading", "Why?"), ("paragraph", "One.")], style=0
    )
    assert new == ["New", DECOYS[0], "One."]
    assert labels == [0, 1, 1]


def test_farm_chrome_round_written_articles_keeps_its_site(bench):
    examples = read_text(bench)
    made = {e.page.page_id: e for e in examples if e.page.page_id.startswith("made0-b-")}
    assert len(made) == 15
    for e in examples:
        if e.page.page_id.startswith("b-dev"):
            assert made[f"made0-{e.page.page_id}"].fold == e.fold
            assert sum(made[f"made0-{e.page.page_id}"].labels) > 5


def test_farm_chrome_gets_articles_of_its_own_fold_only(bench):
    pages = {e.page.page_id: e for e in read_html(bench)}
    inside = {f"{n:04}" for n in range(15, 30)}
    for e in read_text(bench):
        if e.page.page_id.startswith("made1-b-"):
            sources = [n for n, p in pages.items() if p.page.blocks[6].text in [b.text for b in e.page.blocks]]
            assert sources and not inside & set(sources)
            assert all(fold_of_site(pages[n].page.site) == e.fold for n in sources)


def test_lines_of_blocks():
    from conftest import text_page

    lines = ["A long first line that breaks off in the middle of the", "sentence", ", and ends here.", "", "- Item"]
    assert [list(r) for r in lines_of(text_page("\n".join(lines)), lines)] == [[0, 1, 2], [4]]


def test_linear_weights_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    rows = [{f"t{j}": 1.0 for j in rng.choice(12, 4, replace=False)} for _ in range(300)]
    y = np.array(["t1" in row or "t2" in row for row in rows])
    tokens = _Tokens(rows)
    page, weight = np.repeat(np.arange(30), 10), np.ones(300)
    linear = tokens.fit(np.arange(300), page, y, weight, 0.5, Options(min_pages=1))
    model = LogisticRegression(C=0.5, max_iter=60, tol=1e-3).fit(tokens.matrix, y, weight)
    ours = [linear.bias + sum(linear.weights[t] for t in row) for row in rows]
    assert ours == pytest.approx(model.decision_function(tokens.matrix), abs=1e-5)


def test_tokens_on_too_few_pages_are_left_out():
    rows = [{"common": 1.0, f"rare{i}": 1.0} for i in range(20)]
    tokens = _Tokens(rows)
    linear = tokens.fit(np.arange(20), np.arange(20), np.arange(20) % 2 == 0, np.ones(20), 0.5, Options(min_pages=2))
    assert set(linear.weights) == {"common"}


def test_no_score_comes_from_a_model_that_saw_the_fold(bench, monkeypatch):
    """Every linear model and every forest that touches a held-out page was fitted without its fold."""
    import pipeline.learn.cleaner as module

    seen: list[set[int]] = []
    original = module._Data._boost

    def boost(self, tables, *options):
        seen.append({self.examples[i].fold for i in tables})
        return original(self, tables, *options)

    monkeypatch.setattr(module._Data, "_boost", boost)
    fit(read_html(bench), Options(trees=3, leaves=4, min_leaf=5, second_trees=2), lambda line: None)
    everything = {0, 1, 2, 3, 4}
    expected = []
    for held in range(5):
        others = sorted(everything - {held})
        expected += [set(others[:2]), set(others[2:]), set(others), set(others)]  # halves, first look, second look
    assert seen == [*expected, everything, everything]


def test_a_title_is_dropped_in_measuring_as_in_use(bench):
    example = read_html(bench)[3]
    texts = [block.text for block in example.page.blocks]
    example = example._replace(page=example.page._replace(title="Page 3"))
    assert judge_example(example, np.ones(len(texts))) == [i for i, text in enumerate(texts) if text != "Page 3"]


def test_train_from_end_to_end(bench, tmp_path, capsys):
    out = tmp_path / "cleaner"
    assert (
        main(["train", "cleaner", "--corpus", str(bench), "-o", str(out), "--predictions", str(tmp_path / "oof")]) == 0
    )
    cleaner = load_cleaner(out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["scores"]["html"]["article"]["f1"] > 0.95
    assert manifest["scores"]["text"]["all"]["pages"] == 30
    assert manifest["scores"]["html"]["article"]["baseline"] > 0.5
    assert len((tmp_path / "oof" / "html.jsonl").read_text().splitlines()) == 40
    assert "word F1" in (out / "CARD.md").read_text()
    page = read_html(bench)[3].page
    scores = score(features(page, cleaner.html), page, cleaner)
    assert [s > 0.5 for s in scores] == [b.text.endswith(".") for b in page.blocks]


@pytest.mark.parametrize(
    ("floor", "force", "written"), [(0.9, False, "new"), (1.1, False, "new-refused"), (1.1, True, "new")]
)
def test_below_a_floor_a_model_is_promoted_by_force_only(tmp_path, floor, force, written):
    shipped = load_model(SHIPPED / "cleaner", "cleaner", SCHEMA)
    rows = load_model(SHIPPED / "cleaner" / FOLDER, "rows", ROWS).arrays
    (tmp_path / "floors.json").write_text(json.dumps({"folds html: word F1 of articles": floor, "sample: other": 2.0}))
    message = rf"word F1 of articles: 0\.9\d+, floor 1\.1000\. .* lies in {tmp_path}/new-refused; --force"
    with pytest.raises(CorpusError, match=message) if written == "new-refused" else contextlib.nullcontext():
        promote(tmp_path / "new", shipped.arrays, shipped.words, shipped.manifest, rows, force)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [written]
    assert load_cleaner(tmp_path / written).digest == shipped.digest


def test_a_missing_benchmark_is_said(tmp_path):
    with pytest.raises(CorpusError, match=r"folds\.jsonl: cannot be read .*--corpus"):
        read_html(tmp_path)
