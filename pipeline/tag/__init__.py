"""tag: sections to tags with calibrated probabilities and evidence.

    sections --lay_out--> layout --look_up--> sums, --read_page--> reading --first_level--> features
             --second_level--> logits --calibrate--> probabilities --> tags, evidence

A passage carries every label whose probability reaches the label's threshold (articles without any heading have a
calibration and thresholds of their own: mostly news, where tags are rarer), unless a higher confidence is asked
for (`pipeline.tag.demand`); a section carries the tags that
at least a third of its words carry.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.callable_package import make_callable
from pipeline.records import Section, TaggedPassage, TaggedSection
from pipeline.tag.evidence import evidence_for, take_apart
from pipeline.tag.layout import lay_out
from pipeline.tag.lookup import look_up
from pipeline.tag.model import Tagger, load_tagger
from pipeline.tag.reader import read_page
from pipeline.tag.score import calibrate, first_level, log_odds, score_sentences, second_level
from pipeline.tag.turns import MIN_RUN, runs

__all__ = ["Tagger", "load_tagger", "tag", "section_tags"]

make_callable(__name__)  # pipeline.tag(...) is pipeline.api.tag

#: Share of a section's words from which on a tag is one of the section's, compared without rounding.
SECTION_SHARE = (1, 3)


def tag(title: str | None, sections: Sequence[Section], tagger: Tagger) -> list[TaggedSection]:
    """Tag the passages and sections of one article.

    Parameters
    ----------
    title
        Of the article, None where it has none.
    sections
        As `split` cut them.
    tagger
        From `load_tagger`.

    Returns
    -------
    list of TaggedSection
        One for each section, in order; a long one without a heading is cut where its topics turn. The same article
        gives the same answer, whatever was tagged before.
    """
    if not any(section.passages for section in sections):
        return [TaggedSection(section, (), (0.0,) * len(tagger.labels), ()) for section in sections]
    layout = lay_out(title, sections)
    found = look_up(layout.texts, tagger.linear)
    sentences = score_sentences(found.sentence_sums, found.words.spans, tagger.linear)
    reading = read_page(layout, found.words.words, found.words.borders, tagger.reader)
    first = first_level(layout, found.sums, sentences, tagger.linear, reading)
    plain = not any(section.heading for section in sections)
    logits, calibration = second_level(first.features, tagger.nets), tagger.calibration[int(plain)]
    probabilities = calibrate(logits, calibration).tolist()
    thresholds = tagger.plain_thresholds if plain else tagger.thresholds
    sure = tagger.min_confidence
    carried = [
        [label for label in carried_labels(scores, thresholds) if scores[label] >= sure] for scores in probabilities
    ]
    second = log_odds(logits, calibration) - first.logits
    told = [i for i, labels in enumerate(carried) if labels]
    parts = take_apart(layout, found, tagger.linear, second, told) if told else None
    tagged = []
    for position, (passage, labels) in enumerate(zip(layout.passages, carried, strict=True)):
        scores = tuple(probabilities[position])
        evidence = evidence_for(position, labels, layout, found, parts, tagger.labels) if labels and parts else ()
        unsure = tuple(label for label, p in zip(tagger.labels, scores, strict=True) if 1 - sure < p < sure)
        tagged.append(TaggedPassage(passage, tuple(tagger.labels[label] for label in labels), scores, evidence, unsure))
    answers = iter(tagged)
    whole = [(section, [next(answers) for _ in section.passages]) for section in sections]
    return [
        _tagged_section(*part, len(tagger.labels)) for section, passages in whole for part in cut(section, passages)
    ]


def cut(section: Section, passages: Sequence[TaggedPassage]) -> list[tuple[Section, tuple[TaggedPassage, ...]]]:
    """A section as it is, or, where no heading stands above it, cut where its topics turn."""
    if section.heading or len(passages) < 2 * MIN_RUN:
        return [(section, tuple(passages))]
    words = np.array([max(len(tagged.passage.text.split()), 1) for tagged in passages])
    parts = []
    begin = 0
    for end in runs(np.array([tagged.scores for tagged in passages]), words):
        of_run = section.passages[begin:end]
        parts.append((section._replace(passages=of_run, position=of_run[0].block), tuple(passages[begin:end])))
        begin = end
    return parts


def carried_labels(scores: Sequence[float], thresholds: Sequence[float]) -> list[int]:
    """Labels whose score reaches its threshold, the one furthest above it (as odds) first.

    >>> carried_labels((0.6, 0.9, 0.1), (0.4, 0.5, 0.3))
    [1, 0]
    """
    carried = [label for label, (p, limit) in enumerate(zip(scores, thresholds, strict=True)) if p >= limit]
    return sorted(carried, key=lambda label: (-_odds(scores[label]) / _odds(thresholds[label]), label))


def section_tags(tags: Sequence[Sequence[str]], words: Sequence[int]) -> tuple[str, ...]:
    """The tags carried by at least a third of a section's words, most words first; of equal ones by name.

    Parameters
    ----------
    tags, words
        Tags and number of words of each passage of the section.

    >>> section_tags([["causes"], ["remedies"], []], [10, 20, 15])
    ('remedies',)
    """
    part, whole = SECTION_SHARE
    total = sum(words)
    names = sorted({label for carried in tags for label in carried})
    carrying = {label: sum(n for carried, n in zip(tags, words, strict=True) if label in carried) for label in names}
    kept = [label for label in names if carrying[label] and carrying[label] * whole >= total * part]
    first = {label: sum(n for t, n in zip(tags, words, strict=True) if t and t[0] == label) for label in names}
    return tuple(sorted(kept, key=lambda label: (-carrying[label], -first[label])))


def _tagged_section(section: Section, passages: tuple[TaggedPassage, ...], n_labels: int) -> TaggedSection:
    words = [max(len(tagged.passage.text.split()), 1) for tagged in passages]
    total = max(sum(words), 1)
    scores = tuple(
        round(sum(tagged.scores[label] * n for tagged, n in zip(passages, words, strict=True)) / total, 4)
        for label in range(n_labels)
    )
    return TaggedSection(section, section_tags([tagged.tags for tagged in passages], words), scores, passages)


def _odds(probability: float) -> float:
    return probability / max(1 - probability, 1e-4)
