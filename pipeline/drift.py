"""drift: does a batch look like what the models learnt from?

`reference.json` beside the tagger says what that looked like.

The limit of a measure is what the training publisher most unlike the others showed. A batch fails if even the friendly
end of the 95 % interval of its own figure (bootstrap over pages) lies beyond the limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.batch import Batch
from pipeline.compare import page_sums
from pipeline.model_store import ModelError
from pipeline.tag import Tagger
from pipeline.tag.terms import tokens

REFERENCE = "reference.json"
#: Measure -> whether high values are the strange ones.
HIGH_IS_STRANGE = {"unknown words": True, "mean confidence": False, "pages without an article": True}
RESAMPLES = 2000
_HINT = "make it with: python -m pipeline train reference"


class Sum(NamedTuple):
    """A page's share in a measure: what is counted, out of how much."""

    over: float
    under: float


class Drift(NamedTuple):
    """A measure of a batch against its limit."""

    measure: str
    value: float
    interval: tuple[float, float]  # 95 %
    usual: float  # in the training data
    limit: float

    @property
    def strange(self) -> bool:
        """Whether the batch is unlike the training data."""
        low, high = self.interval
        return low > self.limit if HIGH_IS_STRANGE[self.measure] else high < self.limit


def unknown_words(texts: Iterable[str], tagger: Tagger) -> Sum:
    """How many words the tagger has no row for; numbers and signs are no words."""
    rows = tagger.linear.vocabulary.rows
    words = [word for text in texts for word in tokens(text) if word[0].isalpha()]
    return Sum(sum(word not in rows for word in words), len(words))


def batch_sums(batch: Batch, tagger: Tagger, labels: Sequence[str]) -> dict[str, list[Sum]]:
    """Every measure's sums, page by page; `labels` are those whose confidence counts."""
    table = page_sums(batch, labels)
    texts = batch.passages.groupby("page_id")["text"]
    return {
        "unknown words": [unknown_words(of_page, tagger) for _, of_page in texts],
        "mean confidence": [Sum(*pair) for pair in table[["confidence", "passages"]].itertuples(index=False)],
        "pages without an article": [Sum(*pair) for pair in table[["no_article", "pages"]].itertuples(index=False)],
    }


def drift(sums: dict[str, list[Sum]], reference: dict[str, Any], seed: int = 0) -> list[Drift]:
    """Each measure of a batch against the reference; one without anything to count is left out."""
    rng = np.random.default_rng(seed)
    found = []
    for measure in HIGH_IS_STRANGE:
        pages = np.array(sums[measure], dtype=float).reshape(-1, 2)
        pages = pages[pages[:, 1] > 0]
        if len(pages):
            drawn = pages[rng.integers(0, len(pages), (RESAMPLES, len(pages)))].sum(axis=1)
            low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
            known = reference["measures"][measure]
            value = pages[:, 0].sum() / pages[:, 1].sum()
            found.append(Drift(measure, float(value), (float(low), float(high)), known["usual"], known["limit"]))
    return found


def read_reference(folder: Path, digest: str) -> dict[str, Any]:
    """The reference figures beside a tagger.

    Raises
    ------
    ModelError
        If there are none, or they belong to another tagger.
    """
    path = folder / REFERENCE
    try:
        reference: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        belongs, measures = reference["tagger"], set(reference["measures"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: no reference figures can be read ({error}); {_HINT}") from error
    if belongs != digest:
        raise ModelError(f"{path}: belongs to tagger {belongs}, this one is {digest}; {_HINT}")
    if measures != set(HIGH_IS_STRANGE):
        raise ModelError(f"{path}: needs the measures {', '.join(HIGH_IS_STRANGE)}; {_HINT}")
    return reference


def drift_table(found: Sequence[Drift]) -> str:
    """The figures for people."""
    lines = [f"{'measure':26} {'batch':>7} {'95 %':>15} {'usual':>7} {'limit':>7}"]
    for d in found:
        interval = f"{d.interval[0]:.3f}–{d.interval[1]:.3f}"
        verdict = "  UNLIKE" if d.strange else ""
        lines.append(f"{d.measure:26} {d.value:7.3f} {interval:>15} {d.usual:7.3f} {d.limit:7.3f}{verdict}")
    return "\n".join(lines)
