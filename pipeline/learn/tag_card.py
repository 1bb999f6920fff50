"""The tagger's model card, made from its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.records import Passage, Section
from pipeline.tag import Tagger, load_tagger, tag
from pipeline.tag.model import THRESHOLDS
from pipeline.webpage import readable

_INTRODUCTION = """\
# Model card: tagger

Says of every passage of an English health article (a paragraph, a list item, a table row) whether it tells
{labels}, with a calibrated probability and the words that weighed most.
It sorts text for reading and search. It is **not medical advice**, does not know whether what a page says is
true, and must not be used to decide what anybody should do about an illness.

## How it works

Level 1: logistic regression over words, pairs of words and word beginnings of the passage, of the passages
beside it, of its heading and of the lead-in of its list, with the scores of two models that learnt from
sections labelled by their headings, and of a student: ridge regression on what fine-tuned transformers
(all-MiniLM-L6-v2), the teachers, said of unlabelled passages. A reader, a small net over the words of a passage
and of the texts around it, learnt from the teachers too. Level 2: small neural nets over what level 1 said of the
passage, its sentences, its neighbours and its section, and over what the reader said. Platt scaling makes a
probability of it, a threshold per label a tag (articles without any heading have their own of both). At run time
all of it is arrays in `arrays.npz` and terms in `words.json.gz`. Passages without a heading are cut into sections
where their probabilities turn.
"""

_SCORES = """\
## Scores

Pooled over {folds} folds by publisher: every passage was answered by a model that had seen nothing of its
publisher, neither hand-labelled nor weakly labelled; calibration and thresholds came from the other folds.
Student and reader of a fold learnt from a teacher that had seen no label of it, and from no text of its publishers;
they are heard in {taught} of the {folds} folds. The coarse choices of the recipe were made on the same folds, so
expect a little less elsewhere.
"""

_PUBLISHERS = """\
Sources left out whole: a publisher's passages all stand in one fold, so these were answered by a model that had
seen nothing of it. A score over few passages of a label is rough.
"""

_RELIABILITY = """\
## What its probabilities mean

Out of fold, in ten bins: the mean probability, the share of passages that readers gave the label, and how many
passages there are. The two first should be equal.
"""

_ABLATION = """\
## What its parts bring

The tagger trained without each part, and scored on the same folds, by a protocol with a shortcut: compare rows with
the first one. Differences of less than 0.003 are what another seed gives.
"""

_FURTHER = """\
## Further labels

Learnt from its user's passages alone: the shipped ones were never asked about them, which counts neither for nor
against. Weak models, student and reader know nothing of them. Out of fold on the passages that were asked; the fewer
carry a label, the rougher its figures. The scores below are of the other labels.
"""

_LIMITS = """\
## Where it fails

News without headings is much harder for it than explainers with headings, above all causes and warning signs.
There it tends to say remedies of background or of a quote that only names a treatment, and to miss what is told
in figures, by a comparison, by a pronoun or as a denial. Below are sentences of our own, each set between two
passages without a tag on a page without headings, with what the labelling guide wants and what it answers:
"""

_END = """\
It knows English only. It learnt from US, UK and Australian pages; texts of other kinds (leaflets for doctors,
forums, advertisements) were not measured.
"""

#: Sentences of our own, and the tags that the labelling guide gives them.
_EXAMPLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Most patients recovered within a week when they took the new tablets.", ("remedies",)),
    ("Those who walked daily scored higher on the test than those who did not.", ("remedies",)),
    ("Vitamin C does not cure a cold.", ("remedies",)),
    ("Half of those asked had taken aspirin the week before.", ()),
    ("People who slept less than five hours a night were a third more likely to have a stroke.", ("causes",)),
    ("Vaccines do not cause autism, the authors stress.", ("causes",)),
    ("That is not what brings it on, as smoke and dust do.", ("causes",)),
    ("Untreated, this leads to scars that block the tube.", ("warning_signs",)),
    ("The pills raised the risk of bleeding in the stomach.", ("warning_signs",)),
    ("Long use of the tablets wears down the kidneys.", ("causes",)),
    ("Only adults with a fever and a headache could take part.", ()),
    ("Chest pain", ("warning_signs",)),
)
_BEFORE = "The findings were presented at a meeting in Oslo on Monday."
_AFTER = "The study was paid for by the city."


def write_card(folder: Path) -> None:
    """Write the card of the tagger in `folder`, beside its manifest.

    Raises
    ------
    ModelError
        If the folder holds no whole tagger.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    card = tagger_card(manifest, _answers(load_tagger(folder)))
    (folder / "CARD.md").write_text(card, encoding="utf-8")


def _answers(tagger: Tagger) -> list[list[str]]:
    """Rows of the table of examples: sentence, tags wanted, tags given, highest score."""
    rows = []
    for sentence, wanted in _EXAMPLES:
        texts = (_BEFORE, sentence, _AFTER)
        passages = tuple(Passage(number, "paragraph", text) for number, text in enumerate(texts))
        (section,) = tag(None, [Section("", 0, (), passages, 0)], tagger)
        given = section.passages[1]
        best = max(range(len(tagger.labels)), key=given.scores.__getitem__)
        score = f"{tagger.labels[best]} {given.scores[best]}"
        rows.append([sentence, ", ".join(wanted) or "none", ", ".join(given.tags) or "none", score])
    return rows


def tagger_card(manifest: Mapping[str, Any], answers: Sequence[Sequence[str]]) -> str:
    """The card as Markdown; `answers` are the rows of the table of examples."""
    scores, data = manifest["scores"], manifest["data"]
    groups = list(scores["macro_f1"])
    folds = list(scores["macro_f1_by_fold"])
    rows = {
        "tagger": scores["macro_f1"],
        "level 1 alone": scores["level_1"],
        "the same against the labels before they were read again": scores["before_correction"],
        "tagger, section tags": scores["sections"],
        "tagger, section tags, cut where topics turn": scores["sections_and_runs"],
        f"baseline: {scores['baseline']['model']}": scores["baseline"]["macro_f1"],
    }
    macro_rows = [[name, *(row[group] for group in groups)] for name, row in rows.items()]
    macro = _table(["macro-F1", *groups], macro_rows)
    by_fold = _table(
        ["macro-F1 by fold", *folds],
        [
            ["tagger", *scores["macro_f1_by_fold"].values()],
            ["lost to the fold's own best thresholds", *scores["threshold_loss_by_fold"].values()],
            ["baseline", *scores["baseline"]["macro_f1_by_fold"].values()],
        ],
    )
    measures = list(next(iter(scores["labels"].values())))
    limits = {label: [manifest[name][label] for name in THRESHOLDS] for label in scores["labels"]}
    by_label = _table(
        ["label", "threshold", "without headings", *(name.replace("_", " ") for name in measures)],
        [[label, *limits[label], *row.values()] for label, row in scores["labels"].items()],
    )
    asked = data["copies_with_asked_headings"]
    files = "\n".join(f"- `{name}` sha256 `{digest}`" for name, digest in data["sha256"].items())
    counts = ", ".join(f"{count:,} {name}" for name, count in scores["passages"].items() if name != "all")
    parts = [
        _INTRODUCTION.format(labels=_either(manifest["labels"])),
        "## Data\n",
        f"{data['articles']:,} hand-labelled articles with {data['passages']:,} passages ({counts}),",
        f"{asked} copies of them with their usual headings asked as questions, and",
        f"{data['weak_paragraphs']:,} paragraphs of sections labelled by their headings; the student learnt from",
        f"{data['taught_texts']:,} unlabelled passages and sentences. These texts belong to their publishers and",
        f"are not part of this project. Readers corrected {data['corrected_passages']} passages on which models",
        f"disagreed, and labelled {data['added_articles']} more articles with {data['added_passages']:,} passages",
        f"(`data/labels`): learnt from{_added(scores)}. {data['written_articles']} explainers with",
        f"{data['written_passages']:,} passages were written for the project (`data/written`): learnt from, but never",
        "scored.\n",
        files + "\n",
        *_rows(manifest),
        *_further(manifest),
        _SCORES.format(folds=len(folds), taught=len(data["taught_folds"])),
        macro + "\n",
        by_fold + "\n",
        f"Standard deviation over the folds: {scores['macro_f1_spread']}.\n",
        by_label + "\n",
        _PUBLISHERS,
        _table(
            ["publisher", "passages", "macro-F1"],
            [[name, f"{row['passages']:,}", row["macro_f1"]] for name, row in scores["publishers"].items()],
        )
        + "\n",
        _RELIABILITY,
        _table(list(scores["reliability"]), _side_by_side(scores["reliability"])) + "\n",
        *_ablation(manifest["ablation"]),
        _LIMITS,
        _table(["sentence", "guide", "tagger", "highest score"], answers) + "\n",
        _END,
    ]
    return "\n".join(parts)


def _rows(manifest: Mapping[str, Any]) -> list[str]:
    """What a training from the shipped rows gave, and what a user's own labels brought."""
    again, own = manifest["from_rows"], manifest.get("own")
    told = " and ".join(f"{figure} ({group})" for group, figure in again["macro_f1"].items() if group != "all")
    said = (
        f"All hand-labelled passages ship as rows (`rows`, no text). Trained from them alone its macro-F1 is "
        f"{again['macro_f1']['all']} on the same folds: {told}.\n"
    )
    if not own:
        return [said]
    by_label = "; ".join(
        f"{label} {'nothing' if was is None else was} before, {now} out of fold"
        for label, (was, now) in own["f1_before_and_now"].items()
    )
    return [
        f"This one was trained from the rows, and from {own['passages']} passages of {own['articles']} articles of its "
        f"user, each counted {own['weight']:g} times (F1 on them: {by_label or 'none'}). Scores of sections, of the "
        "baseline and of labels before correction are those of the model that shipped.\n"
        if own["passages"]
        else "This one was trained from the rows. Scores of sections, of the baseline and of labels before correction "
        "are those of the model that shipped.\n",
        said,
    ]


def _either(labels: Sequence[str]) -> str:
    """Labels in words, the last one after an or.

    >>> _either(["causes", "remedies", "warning_signs"])
    '**causes**, **remedies** or **warning signs**'
    """
    *first, last = (f"**{readable(label)}**" for label in labels)
    return f"{', '.join(first)} or {last}" if first else last


def _further(manifest: Mapping[str, Any]) -> list[str]:
    """The figures of labels that the shipped rows were not asked about; nothing where there are none."""
    further = manifest.get("further")
    if not further:
        return []
    measures = [name for name in next(iter(further.values())) if name not in ("passages", "carried")]
    head = ["label", "passages asked", "carry it", "threshold", "without headings", *map(readable, measures)]
    rows = [
        [
            label, f"{row['passages']:,}", f"{row['carried']:,}", *(manifest[name][label] for name in THRESHOLDS),
            *(row[name] for name in measures),
        ]
        for label, row in further.items()
    ]  # fmt: skip
    return [_FURTHER, _table(head, rows) + "\n"]


def _added(scores: Mapping[str, Any]) -> str:
    """How the added articles were answered out of fold."""
    return f", and out of fold macro-F1 {scores['added']['macro_f1']} on them" if "added" in scores else ""


def _side_by_side(tables: Mapping[str, Sequence[Sequence[float]]]) -> list[list[str]]:
    """Bins of each label as a column of cells, those of the lowest probabilities first."""
    rows = max(len(bins) for bins in tables.values())
    cells = [[f"{p:.3f}: {share:.3f} of {n:,}" for p, share, n in bins] for bins in tables.values()]
    return [[of_label[row] if row < len(of_label) else "" for of_label in cells] for row in range(rows)]


def _ablation(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table of parts left out; nothing where they were not measured."""
    if not rows:
        return []
    cells = [[row["without"], *(f"{row[name]:.4f}" for name in list(row)[1:])] for row in rows]
    return [_ABLATION, _table(["without", *list(rows[0])[1:]], cells) + "\n"]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
