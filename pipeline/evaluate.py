"""evaluate: the shipped models against the labelled sample, and the figures of their training, each with its floor.

Two kinds of figures stand in one table. Those of the sample are measured now, from raw page to tags; the sample is
never used in training. Those of the folds were measured when the models were trained (no model that scored a page had
seen its site or publisher) and are read from the manifests, which are sealed by digests of the weights.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.clean import clean
from pipeline.end_to_end import measure, read_dumps, read_held_out
from pipeline.learn.promote import FIGURES
from pipeline.learn.tag_scores import macro_f1, tags_to_array
from pipeline.parse import parse
from pipeline.read import InputError, PageError, find, read
from pipeline.records import Article, TaggedSection
from pipeline.shard import Models, load_models, tag_article
from pipeline.tag import section_tags

Truth = dict[str, Any]
_SPACE = re.compile(r"\s+")
#: A floor is pinned this much below what was measured, so that another processor's rounding does not miss it.
SLACK = 0.0005


class Figure(NamedTuple):
    """One measured value."""

    name: str
    value: float
    baseline: float | None  # the same measure for the simplest thing that could be done
    note: str  # what the baseline is
    spread: float | None = None  # standard deviation over the folds
    pinned: bool = True  # not: measured on data that is no part of the repository


class Outcome(NamedTuple):
    """What the pipeline made of one sample page."""

    truth: Truth
    article: Article
    sections: list[TaggedSection]


def evaluate(options: argparse.Namespace) -> bool:
    """Print the table, write it as JSON if asked, and say whether every floor held.

    Raises
    ------
    InputError
        If the sample or its truth cannot be read.
    """
    if options.held_out and not options.end_to_end:
        raise InputError("--held-out: holds answers to the pages of --end-to-end DIR, which must be given too")
    models = load_models((options.cleaner, options.tagger))
    figures = sample_figures(outcomes(options.sample, models)) + recorded_figures(options.cleaner, options.tagger)
    if options.end_to_end:
        figures += end_to_end_figures(options.end_to_end, options.held_out, models)
    floors = _read_floors(options.floors)
    if options.repin:
        floors = {f.name: max(round(f.value - SLACK, 4), floors.get(f.name, 0.0)) for f in figures if f.pinned}
        options.floors.write_text(json.dumps(floors, indent=1) + "\n", encoding="utf-8")
    print(table(figures, floors))
    missed = [f.name for f in figures if f.value < floors.get(f.name, 0.0)]
    missed += sorted(set(floors) - {f.name for f in figures})
    if options.json:
        rows = [{**f._asdict(), "floor": floors.get(f.name)} for f in figures]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if missed:
        print(f"\nbelow their floors, or gone: {', '.join(missed)}")
    return not missed


def outcomes(sample: Path, models: Models) -> list[Outcome]:
    """The sample's pages through the pipeline, each beside its truth; each page is judged alone."""
    truths: dict[str, Truth] = {}
    for path in sorted(sample.rglob("*.truth.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        truths.update({t["page_id"]: t for t in (found if isinstance(found, list) else [found])})
    results = []
    for source in find([str(sample)]):
        for raw in read(source):
            if isinstance(raw, PageError) or raw.page_id not in truths:
                raise InputError(f"{source.path}: cannot be read, or has no truth beside it")
            article = clean(parse(raw), models.cleaner)
            results.append(Outcome(truths[raw.page_id], article, tag_article(article, models.tagger)))
    return results


def sample_figures(results: Sequence[Outcome]) -> list[Figure]:
    """What is measured on the sample, from raw page to tags."""
    articles = [o for o in results if o.truth["page_kind"] == "article"]  # a list page yields its best text
    text = [o for o in articles if not o.article.page.is_html]
    html = [o for o in articles if o.article.page.is_html]
    figures = []
    for name, group in (("text", text), ("html", html)):
        wrong = [leaked(o.truth, o.article) + lost(o.truth, o.article) for o in group]
        exact = sum(not w for w in wrong) / len(group)
        everything = sum(not o.truth["boilerplate"] for o in group) / len(group)
        figures.append(Figure(f"sample {name}: pages cleaned without a fault", exact, everything, "keep everything"))
    right = sum(o.article.page_kind == o.truth["page_kind"] for o in results) / len(results)
    figures.append(Figure("sample: page kind right", right, len(articles) / len(results), "always article"))
    passages = [pair for o in results for pair in passage_pairs(o)]
    asked = sorted({tag for wanted, _ in passages for tag in wanted})  # the truth knows nothing of further labels
    pairs = [pair for o in results for pair in section_pairs(o, asked)]
    none = sum(not wanted for wanted, _ in pairs) / len(pairs)
    figures.append(Figure("sample: first tag of sections right", _share(pairs), none, "never a tag"))
    always = passages_f1([(wanted, asked) for wanted, _ in passages], asked)
    figures.append(Figure("sample: macro-F1 of passages", passages_f1(passages, asked), always, "every tag on all"))
    return figures


def recorded_figures(cleaner: Path, tagger: Path) -> list[Figure]:
    """The out-of-fold figures that the manifests hold."""
    cleaned = json.loads((cleaner / "manifest.json").read_text(encoding="utf-8"))["scores"]
    tagged = json.loads((tagger / "manifest.json").read_text(encoding="utf-8"))["scores"]
    rows = ((name, cleaned[branch][group]) for name, (branch, group) in FIGURES.items())
    figures = [
        Figure(name, row["f1"], row["baseline"], "keep prose", round(float(np.std(row["folds"])), 4))
        for name, row in rows
    ]
    base = tagged["baseline"]["macro_f1"]
    for group in ("all", "news", "explainer"):
        name = f"folds tags: macro-F1 of passages, {group}"
        spread = tagged["macro_f1_spread"] if group == "all" else None
        figures.append(Figure(name, tagged["macro_f1"][group], base[group], "TF-IDF, logistic regression", spread))
    figures.append(Figure("folds tags: macro-F1 of sections, all", tagged["sections"]["all"], None, ""))
    for label, bins in tagged["reliability"].items():
        counts = np.array([n for _, _, n in bins])
        share = float(np.dot([carried for _, carried, _ in bins], counts) / counts.sum())
        skill = 1 - tagged["labels"][label]["brier"] / (share * (1 - share))
        figures.append(Figure(f"folds tags: Brier skill, {label}", skill, 0.0, "the label's share"))
    worst = max(row["calibration_error"] for row in tagged["labels"].values())
    figures.append(Figure("folds tags: 1 - calibration error, worst label", 1 - worst, None, ""))
    return figures


def end_to_end_figures(shared: Path, held_out: Path | None, models: Models) -> list[Figure]:
    """Raw dumps to tagged passages; without answers held out the models have learnt from these very pages."""
    dumps = read_dumps(shared)
    found = measure(dumps, models, read_held_out(held_out) if held_out else None)
    base = measure(dumps, models, None, keep_all=True)
    how = "held out" if held_out else "learnt from"
    spread = round(found.spread, 4)
    return [
        Figure(f"dumps, {how}: macro-F1 of passages", found.macro_f1, base.macro_f1, "clean nothing", spread, False),
        Figure(f"dumps, {how}: passages kept", 1 - found.lost, 1 - base.lost, "clean nothing", None, False),
        Figure(f"dumps, {how}: pages without leaks", found.clean_pages, base.clean_pages, "clean nothing", None, False),
    ]


def lost(truth: Truth, article: Article) -> list[str]:
    """The units of the article that were not kept whole; white space does not count."""
    kept = _squeezed("".join(block.text for block in article.kept))
    return [unit["text"] for unit in truth["article"] if _squeezed(unit["text"]) not in kept]


def leaked(truth: Truth, article: Article) -> list[str]:
    """The kept blocks that are no part of the article."""
    wanted = _squeezed("".join(unit["text"] for unit in truth["article"]))
    return [block.text for block in article.kept if _squeezed(block.text) not in wanted]


def section_pairs(outcome: Outcome, asked: Sequence[str]) -> list[tuple[Sequence[str], Sequence[str]]]:
    """For each section of the truth its first tag, and the first one found of those `asked`: lists of at most one."""
    if outcome.truth["language"] != "en":
        return []
    found: dict[str, tuple[str, ...]] = {}
    plain = [passage for tagged in outcome.sections if not tagged.section.heading for passage in tagged.passages]
    if plain:  # runs cut where topics turn: the truth has them as one section
        found[""] = section_tags([one.tags for one in plain], [len(one.passage.text.split()) for one in plain])
    for tagged in outcome.sections:
        found.setdefault(_squeezed(tagged.section.heading), tagged.tags)
    found = {heading: tuple(tag for tag in tags if tag in asked) for heading, tags in found.items()}
    missing = ("(section not found)",)
    return [
        (section["tags"][:1], list(found.get(_squeezed(section["heading"]), missing)[:1]))
        for section in outcome.truth["sections"]
    ]


def passage_pairs(outcome: Outcome) -> list[tuple[Sequence[str], Sequence[str]]]:
    """For each passage of the truth its tags and those found; a passage that was not found has none."""
    found = {_squeezed(p.passage.text): p.tags for tagged in outcome.sections for p in tagged.passages}
    return [
        (unit["tags"], found.get(_squeezed(unit["text"]), ())) for unit in outcome.truth["article"] if "tags" in unit
    ]


def passages_f1(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], labels: Sequence[str]) -> float:
    """Macro-F1 over the labels of pairs of wanted and found tags.

    >>> passages_f1([(["causes"], ["causes"]), (["remedies"], [])], ["causes", "remedies"])
    0.5
    """
    return macro_f1(*(tags_to_array([pair[side] for pair in pairs], labels) for side in (0, 1)))


def table(figures: Sequence[Figure], floors: Mapping[str, float]) -> str:
    """The figures for people."""
    lines = [f"{'figure':52} {'value':>7} {'spread':>7} {'floor':>7} {'baseline':>9}"]
    for f in figures:
        floor = floors.get(f.name)
        mark = "  MISSED" if floor is not None and f.value < floor else ""
        baseline = "" if f.baseline is None else f"{f.baseline:9.4f} ({f.note})"
        spread, pinned = ("" if x is None else format(x, ".4f") for x in (f.spread, floor))
        lines.append(f"{f.name:52} {f.value:7.4f} {spread:>7} {pinned:>7} {baseline}{mark}".rstrip())
    return "\n".join(lines)


def _share(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float:
    return sum(list(wanted) == list(found) for wanted, found in pairs) / len(pairs)


def _squeezed(text: str) -> str:
    return _SPACE.sub("", text)


def _read_floors(path: Path) -> dict[str, float]:
    try:
        floors: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); --repin writes it anew") from error
    return floors
