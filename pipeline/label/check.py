"""check: labels that are likely wrong, and passages nearly alike that carry different labels.

Confident learning. A simple model scores every passage without having seen its article; a tag is doubtful where
the model is surer than it usually is of passages that are labelled the other way.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, zip_longest
from typing import NamedTuple

import numpy as np

from pipeline.label.articles import NOT_LABELLED, Row
from pipeline.label.sketch import likeness, sketch
from pipeline.label.store import NONE
from pipeline.label.tasks import Task
from pipeline.write import text_hash

FOLDS = 5
#: A tag is looked at if at least so many passages carry it, and as many do not.
MIN_CARRIED = 20
#: Passages that share so much of their pairs of words are nearly alike; shorter ones take their sense from around them.
MIN_ALIKE = 0.8
MIN_ALIKE_WORDS = 6
#: Two sketches are compared if they share a band of so many bytes: of texts alike by 0.8, under 1 in 1,000 is missed.
BAND = 4


class Passage(NamedTuple):
    """A labelled passage in its place."""

    article: str
    site: str
    url: str
    title: str
    heading: str
    before: str
    text: str
    after: str
    tags: tuple[str, ...]
    asked: tuple[str, ...]  # labels; () where it was asked about all


class Finding(NamedTuple):
    """A label worth a second look."""

    task: Task  # with the model's scores, to be labelled anew
    tags: tuple[str, ...]  # what it is labelled
    doubt: float  # how far past the usual the model is against it, or the likeness of the other passage
    why: str


class Checked(NamedTuple):
    """What was found, and what could be looked for."""

    findings: list[Finding]  # the most doubtful and those most alike first, by turns
    told: str


def passages_of(articles: Iterable[Row]) -> list[Passage]:
    """The labelled passages of articles as `attach` gives them."""
    found = []
    for row in articles:
        heading = ""
        texts = [block["text"] if block["kind"] not in NOT_LABELLED else "" for block in row["blocks"]]
        for place, block in enumerate(row["blocks"]):
            if block["kind"] == "heading":
                heading = block["text"]
            elif block["kind"] not in NOT_LABELLED and block["tags"] is not None:
                site, url, title = (str(row.get(name) or "") for name in ("site", "url", "title"))
                before, after = "".join(texts[:place][-1:]), "".join(texts[place + 1 :][:1])
                around = (row["id"], site, url, title, heading, before)
                found.append(
                    Passage(*around, block["text"], after, tuple(block["tags"]), tuple(block.get("asked", ())))
                )
    return found


def check(passages: Sequence[Passage], names: Sequence[str]) -> Checked:
    """Labels worth a second look.

    Parameters
    ----------
    passages : sequence of Passage
    names : sequence of str
        The labels.
    """
    carried = np.array([[name in passage.tags for name in names] for passage in passages], dtype=bool)
    carried = carried.reshape(len(passages), len(names))
    known = np.array([[not p.asked or name in p.asked for name in names] for p in passages], dtype=bool)
    known = known.reshape(carried.shape)
    articles = len({passage.article for passage in passages})
    counts = np.minimum(carried.sum(axis=0), (known & ~carried).sum(axis=0))
    enough = [column for column in range(len(names)) if counts[column] >= MIN_CARRIED and articles >= FOLDS]
    scores = held_out_scores(passages, carried, known, enough)
    doubtful = sorted(_doubtful(passages, carried, known, scores, names, enough), key=lambda finding: -finding.doubt)
    twins = sorted(_unlike_twins(passages, carried, known, scores, names), key=lambda finding: -finding.doubt)
    told = "tags looked at: " + (", ".join(names[column] for column in enough) or NONE)
    few = [names[column] for column in range(len(names)) if column not in enough]
    if few:
        told += f"; too few labels for {', '.join(few)} ({MIN_CARRIED} with and without it, in {FOLDS} articles)"
    best: dict[tuple[str, str], Finding] = {}
    for finding in (
        f for pair in zip_longest(doubtful, twins) for f in pair if f
    ):  # by turns, the surest of each first
        best.setdefault((finding.task.article, finding.task.hash), finding)
    return Checked(list(best.values()), told)


def held_out_scores(
    passages: Sequence[Passage], carried: np.ndarray, known: np.ndarray, columns: Sequence[int]
) -> np.ndarray:
    """Probability of each label by models that have not seen the passage's article; 0.5 for labels not in `columns`.

    They learn from the passages that were asked about it (`known`, of the shape of `carried`).

    Returns
    -------
    array of shape (n_passages, n_labels)
    """
    scores = np.full(carried.shape, 0.5)
    if not columns:
        return scores
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    own = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+")
    above = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+")
    features = hstack(
        [
            own.fit_transform([passage.text for passage in passages]),
            above.fit_transform([passage.heading or "no heading" for passage in passages]),
        ]
    ).tocsr()
    groups = [passage.article for passage in passages]
    for train, test in GroupKFold(FOLDS).split(features, groups=groups):
        for column in columns:
            learnt = train[known[train, column]]
            if 0 < carried[learnt, column].sum() < len(learnt):
                model = LogisticRegression(C=4.0, solver="liblinear", random_state=0)
                model.fit(features[learnt], carried[learnt, column])
                scores[test, column] = model.predict_proba(features[test])[:, 1]
    return scores


def doubts(carried: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How far the score of one tag is past what is usual for the other answer; not above 0 where there is no doubt.

    The usual is the mean score of the passages labelled that way, but at least one half.

    >>> doubts(np.array([True, True, False, False]), np.array([0.9, 0.2, 0.7, 0.1])).round(2).tolist()
    [-0.5, 0.2, 0.15, -0.45]
    """
    usual_with = max(float(scores[carried].mean()), 0.5)
    usual_without = max(float(1 - scores[~carried].mean()), 0.5)
    return np.where(carried, (1 - scores) - usual_without, scores - usual_with)


def _doubtful(
    passages: Sequence[Passage], carried: np.ndarray, known: np.ndarray, scores: np.ndarray, names: Sequence[str],
    columns: Sequence[int],
) -> list[Finding]:  # fmt: skip
    found = []
    for column in columns:
        doubt = np.zeros(len(passages))
        asked = known[:, column]
        doubt[asked] = doubts(carried[asked, column], scores[asked, column])
        for row in np.flatnonzero(doubt > 0).tolist():
            has = "is labelled" if carried[row, column] else "is not labelled"
            why = f"{has} {names[column]}, and its probability is {scores[row, column]:.2f}"
            found.append(_finding(passages[row], scores[row], names, float(doubt[row]), why))
    return found


def _unlike_twins(
    passages: Sequence[Passage], carried: np.ndarray, known: np.ndarray, scores: np.ndarray, names: Sequence[str]
) -> list[Finding]:
    """Passages nearly alike, under like headings, that carry other tags."""
    sketches = {row: sketch(p.text) for row, p in enumerate(passages) if len(p.text.split()) >= MIN_ALIKE_WORDS}
    bands: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row, of_text in sketches.items():
        for start in range(0, len(of_text), 2 * BAND):
            bands[start, of_text[start : start + 2 * BAND]].append(row)
    pairs = {pair for rows in bands.values() for pair in combinations(rows, 2)}
    found = []
    for one, other in sorted(pairs):
        like = likeness(sketches[one], sketches[other])
        if like >= MIN_ALIKE and ((carried[one] != carried[other]) & known[one] & known[other]).any():
            for row, twin in ((one, other), (other, one)):
                tags = ", ".join(passages[twin].tags) or NONE
                why = f"is {like:.2f} alike to one of {passages[twin].article} that is labelled {tags}"
                found.append(_finding(passages[row], scores[row], names, like, why))
    return found


def _finding(passage: Passage, scores: np.ndarray, names: Sequence[str], doubt: float, why: str) -> Finding:
    likely = sorted(
        (name for name, p in zip(names, scores, strict=True) if p > 0.5), key=lambda n: -scores[names.index(n)]
    )
    told = {name: value for name, value in passage._asdict().items() if name not in ("tags", "asked")}
    probabilities = tuple((name, round(float(p), 4)) for name, p in zip(names, scores, strict=True))
    task = Task(hash=text_hash(passage.text), **told, tags=tuple(likely), scores=probabilities)
    return Finding(task, passage.tags, doubt, why)


def finding_table(findings: Sequence[Finding]) -> str:
    """The findings for people."""
    lines = []
    for f in findings:
        lines.append(f"{f.task.article} {f.task.hash} [{', '.join(f.tags) or NONE}] {f.why}")
        lines.append(f"    {textwrap.shorten(f.task.text, 110, placeholder=' …')}")
    return "\n".join(lines)
