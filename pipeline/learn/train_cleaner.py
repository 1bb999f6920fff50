"""`pipeline train cleaner`: benchmarks in; `models/cleaner` with manifest and card out."""

from __future__ import annotations

import datetime
import json
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn
from joblib import Parallel, delayed

from pipeline.clean import judge
from pipeline.clean.borders import BORDER_COLUMNS
from pipeline.clean.features import COLUMNS
from pipeline.clean.model import BRANCHES, LOOKS
from pipeline.clean.second import SECOND_COLUMNS
from pipeline.clean.tokens import are_titles, page_words
from pipeline.clean.trees import NODE_COLUMNS
from pipeline.learn import silver
from pipeline.learn.bench import FILES, FOLDS, Example, lines_of, read_html, read_text, with_tables
from pipeline.learn.block_rows import choose_rows, rows_arrays
from pipeline.learn.borders import fit_borders, logits_of
from pipeline.learn.cleaner import Fitted, Options, Report, block_weights, fit
from pipeline.learn.corpus import WRITTEN
from pipeline.learn.measures import interval, line_f1, word_f1
from pipeline.learn.promote import promote
from pipeline.learn.rows import digests

#: The baseline keeps blocks of so many words and at most this share of links.
BASELINE_WORDS = 10
BASELINE_LINK_SHARE = 0.33


class Measured(NamedTuple):
    """The figures of one page."""

    example: Example
    value: float  # HTML: word F1; dumps: line F1
    exact: bool  # all of it was right
    baseline: float  # `value` of the baseline


def train_cleaner(
    bench: Path, out: Path, report: Report, folds: str = "site", predictions: Path | None = None, force: bool = False
) -> dict[str, Any]:
    """Fit both branches, measure them out of fold, and write the model folder if no figure is below its floor.

    Parameters
    ----------
    bench : Path
        The folder of the cleaning benchmarks (`html/` and `text/`).
    out : Path
        The model folder to write.
    report : callable
        Told a line for each step.
    folds : {"site", "maker"}
        What is held out together: pages of a site, or all pages of like making (HTML by clusters of class and id
        words, farm dumps by template), to see how the cleaner does on pages of makers it has never seen.
    predictions : Path, optional
        A folder for the out-of-fold articles as JSON Lines (`html.jsonl`, `text.jsonl`: id, text, scores of blocks).
    force : bool
        Write the model to `out` even where a figure is below its floor (see `promote`).

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    CorpusError
        If the benchmarks cannot be read, or a figure is below its floor; the model then lies in another folder.
    """
    options = Options()
    readers = {"html": lambda: read_all_html(bench, folds), "text": lambda: read_text(bench, folds)}
    jobs = Parallel(n_jobs=2, backend="loky")(delayed(_fit_branch)(b, readers[b], options) for b in BRANCHES)
    arrays: dict[str, np.ndarray] = {}
    words: dict[str, Sequence[str]] = {"columns": COLUMNS + SECOND_COLUMNS + BORDER_COLUMNS}
    scores: dict[str, Any] = {}
    rows: dict[str, dict[str, np.ndarray]] = {}
    for name, (fitted, branch_scores, texts, rows[name]) in zip(BRANCHES, jobs, strict=True):
        arrays.update({f"{name}_{key}": value for key, value in _arrays(name, fitted).items()})
        words[f"{name}_words"] = sorted(fitted.words.weights)  # sorted they pack better
        words[f"{name}_names"] = sorted(fitted.names)
        scores[name] = branch_scores
        report(f"{name}: {json.dumps(branch_scores)}")
        if predictions:
            predictions.mkdir(parents=True, exist_ok=True)
            with open(predictions / f"{name}.jsonl", "w", encoding="utf-8") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in texts)
    manifest = {
        "created": datetime.date.today().isoformat(),
        "options": options._asdict(),
        "data": {
            **digests(bench, [name for name in (*FILES, silver.FILE) if (bench / name).exists()]),
            **digests(WRITTEN, sorted(path.name for path in WRITTEN.glob("*.jsonl"))),
        },
        "versions": {"python": platform.python_version(), "scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "folds": {"by": folds, "count": FOLDS},
        "scores": scores,
    }
    promote(out, arrays, words, manifest, rows_arrays(rows), force)
    return manifest


def _fit_branch(
    name: str, read: Callable[[], list[Example]], options: Options
) -> tuple[Fitted, dict[str, Any], list[dict[str, Any]], dict[str, np.ndarray]]:
    """One branch, its figures, its out-of-fold articles, and the rows to ship; run in a process of its own."""
    examples = read()
    fitted, scores = fit(examples, options, lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True))
    logits = [logits_of(of_page) for of_page in scores.with_site]
    rows = choose_rows(examples, scores.seconds, logits, block_weights(examples, options), options.seed)
    if name == "text":
        border, scores = fit_borders(examples, scores, options)
        fitted = fitted._replace(border=border)
    measured, texts, snippets = [], [], []
    for example, with_site, alone in zip(examples, scores.with_site, scores.alone, strict=True):
        kept = judge_example(example, with_site)
        text = "\n".join(example.page.blocks[i].text for i in kept)
        if example.group == silver.GROUP:
            snippets.append((text, example.truth))
        elif example.scored:
            baseline = measure(example, prose(example))[0]
            measured.append(Measured(example, *measure(example, kept), baseline))
            if example.group.startswith("b "):
                kept = judge_example(example, alone)
                measured.append(Measured(example._replace(group="b alone"), *measure(example, kept), baseline))
            texts.append({"id": example.page.page_id, "text": text, "scores": with_site.round(4).tolist()})
    figures = summarize(measured)
    if snippets:
        figures[silver.GROUP] = silver.string_scores(*zip(*snippets, strict=True))
    return fitted, figures, texts, rows


def read_all_html(bench: Path, folds: str) -> list[Example]:
    """Pages with a reference, and those labelled by the agreement of tools."""
    examples = read_html(bench, {"site": "domain", "maker": "cluster"}[folds])
    sites = {example.page.site: example.fold for example in examples if example.page.site}
    return with_tables([*examples, *silver.read_silver(bench, sites)])


def judge_example(example: Example, scores: np.ndarray) -> list[int]:
    """The indexes of the blocks that are kept under these scores."""
    if not example.page.blocks:
        return []
    table = np.zeros((len(scores), len(COLUMNS)))  # what else it holds, only reasons are told from
    table[:, COLUMNS.index("is_title")] = are_titles(example.page, page_words(example.page))
    article = judge(example.page, table, np.round(scores, 4))
    return [i for i, verdict in enumerate(article.verdicts) if verdict.keep]


def measure(example: Example, kept: Sequence[int]) -> tuple[float, bool]:
    """The page's figure (HTML: word F1; dumps: line F1), and whether all of it was right."""
    blocks = example.page.blocks
    if example.page.is_html:
        value = word_f1("\n".join(blocks[i].text for i in kept), example.truth)
        return value, value == 1.0
    lines, labels, neutral = example.truth
    covered = lines_of(example.page, lines)
    return line_f1((k for i in kept for k in covered[i]), lines, labels, neutral)


def prose(example: Example) -> list[int]:
    """The baseline: the blocks of at least `BASELINE_WORDS` words that are not mostly links."""
    return [
        i
        for i, block in enumerate(example.page.blocks)
        if block.text.count(" ") + 1 >= BASELINE_WORDS and block.link_share < BASELINE_LINK_SHARE
    ]


def summarize(measured: Sequence[Measured]) -> dict[str, Any]:
    """Means over groups of pages, each with its baseline, 95 % interval and spread over folds."""
    groups: dict[str, list[Measured]] = {}
    for row in measured:
        for name in _groups(row.example):
            groups.setdefault(name, []).append(row)
    return {name: _row(rows) for name, rows in sorted(groups.items())}


def _groups(example: Example) -> list[str]:
    if not example.page.is_html:
        if example.group == "b alone":
            return [example.group]
        return ["all", example.group.split()[0], example.group]
    names = ["all", example.group]
    if example.group == "article" and not example.suspect:
        names.append("article, right truth")
    return [*names, "health"] if example.health else names


def _row(rows: Sequence[Measured]) -> dict[str, Any]:
    values = [row.value for row in rows]
    by_fold = [[row.value for row in rows if row.example.fold == fold] for fold in range(FOLDS)]
    return {
        "pages": len(values),
        "f1": round(float(np.mean(values)), 4),
        "baseline": round(float(np.mean([row.baseline for row in rows])), 4),
        "interval": [round(x, 4) for x in interval(values)],
        "folds": [round(float(np.mean(part)), 4) for part in by_fold if part],
        "below_half": sum(value < 0.5 for value in values),
        "exact": round(float(np.mean([row.exact for row in rows])), 4),
    }


def _arrays(branch: str, fitted: Fitted) -> dict[str, np.ndarray]:
    """The arrays of the model folder: weights of words and names in half precision, which moves no verdict."""
    trees = {look: getattr(fitted, look) for look in (*LOOKS, *BRANCHES[branch])}
    names = np.array([fitted.names[name] for name in sorted(fitted.names)], dtype=np.float16).reshape(-1, 3)
    return {
        "word_weights": np.array([fitted.words.weights[w] for w in sorted(fitted.words.weights)], dtype=np.float16),
        "name_weights": names,
        "biases": np.array([fitted.words.bias, *(baseline for _, _, baseline in trees.values())]),
        **{f"{look}_starts": starts for look, (_, starts, _) in trees.items()},
        **{f"{look}_{column}": nodes[column] for look, (nodes, _, _) in trees.items() for column in NODE_COLUMNS},
        **{f"{look}_value": nodes["value"].astype(np.float32) for look, (nodes, _, _) in trees.items()},
    }
