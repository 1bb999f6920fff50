"""What a user may ask of a tagger beyond its own thresholds: a least confidence, or a recall.

The recall is one on the folds by publisher, out of fold; the model's manifest keeps, for every label, which
threshold reached which recall there at which precision (`curves`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.read import InputError
from pipeline.tag.model import Tagger

#: Least confidence that says something: below one half no answer could be unsure.
LOWEST_CONFIDENCE = 0.5


class Demand(NamedTuple):
    """What is asked of a tagger."""

    min_confidence: float = 0.0  # from LOWEST_CONFIDENCE to 1; 0: none is asked
    recall: tuple[tuple[str, float], ...] = ()  # label and the recall that it is to reach, 0 to 1


class DemandError(InputError):
    """A demand that makes no sense or that the model cannot meet; the message says why."""


def meet(tagger: Tagger, demand: Demand) -> Tagger:
    """The tagger with the thresholds and the confidence that are asked for.

    Raises
    ------
    DemandError
        If a label is unknown or named twice, a number out of range, or no threshold of the folds reaches the recall.

    >>> from pipeline.tag.model import load_tagger
    >>> tagger = load_tagger()
    >>> meet(tagger, Demand()) is tagger
    True
    """
    if demand == Demand():
        return tagger
    if demand.min_confidence and demand.recall:
        raise DemandError("a least confidence and a recall work against each other: ask for one of them")
    if demand.min_confidence and not LOWEST_CONFIDENCE <= demand.min_confidence < 1:
        raise DemandError(f"the least confidence is {demand.min_confidence}; it must be from 0.5 to below 1")
    labels = [label for label, _ in demand.recall]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    unknown = sorted(set(labels) - set(tagger.labels))
    if unknown or twice:
        raise DemandError(
            f"recall of {', '.join(unknown or twice)}: name each of {', '.join(tagger.labels)} once at most"
        )
    asked = {label: _point(tagger, label, recall)[0] for label, recall in demand.recall}
    thresholds, plain = (
        tuple(asked.get(label, usual) for label, usual in zip(tagger.labels, of_kind, strict=True))
        for of_kind in (tagger.thresholds, tagger.plain_thresholds)
    )
    return tagger._replace(thresholds=thresholds, plain_thresholds=plain, min_confidence=demand.min_confidence)


def cost(tagger: Tagger, demand: Demand) -> list[str]:
    """A line for each recall that is asked for: its threshold, and the precision that it costs on the folds."""
    lines = []
    for label, recall in demand.recall:
        threshold, precision, reached = _point(tagger, label, recall)
        usual = tagger.thresholds[tagger.labels.index(label)]
        _, before, before_recall = min(tagger.curves[label], key=lambda point: abs(point[0] - usual))
        lines.append(
            f"{label}: threshold {threshold:.4f} instead of {usual:.4f}; on the folds recall {reached:.2f} instead of "
            f"{before_recall:.2f}, precision {precision:.2f} instead of {before:.2f}"
        )
    return lines


def recalls(texts: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """What is written LABEL=RECALL, read.

    >>> recalls(["warning_signs=0.95"])
    (('warning_signs', 0.95),)
    """
    read = []
    for text in texts:
        label, _, number = text.partition("=")
        try:
            read.append((label, float(number)))
        except ValueError:
            raise DemandError(f"{text!r}: write LABEL=RECALL, for example warning_signs=0.95") from None
    return tuple(read)


def _point(tagger: Tagger, label: str, recall: float) -> tuple[float, float, float]:
    """The highest threshold that reaches the recall, with its precision and recall."""
    curve = tagger.curves.get(label, ())
    reaching = [point for point in curve if point[2] >= recall > 0]
    if not reaching:
        highest = max((point[2] for point in curve), default=0.0)
        raise DemandError(f"recall {recall} of {label}: this model knows thresholds for recalls up to {highest:.3f}")
    return max(reaching)
