"""What a teacher said of unlabelled passages: its logits, kept without the texts, and joined to them again.

    models/teacher/   arrays.npz: a key a text (its hash), the logits of every teacher, and its fold
    unlabelled_articles.jsonl.gz: the texts, in the corpora

A teacher is a fine-tuned transformer (`pipeline.learn.teacher`) that has seen no label of one fold, so that a
student of it may be scored there. In a fold that no teacher has left out, no student is heard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.learn.corpus import NEWS_KINDS, UnlabelledArticle, read_unlabelled
from pipeline.learn.widen import with_labels
from pipeline.model_store import SHIPPED, Schema, load_model
from pipeline.tag.model import labels_of

#: Logits are kept as whole numbers of this step, within CLIP of 0.
STEP = 0.05
CLIP = 6.0
SCHEMA: Schema = {
    "keys": ("passages",),
    "logits": ("passages", "teachers", "labels"),
    "folds": ("teachers",),
}
TEACHER = SHIPPED / "teacher"


class Taught(NamedTuple):
    """Unlabelled texts with what the teachers said of them."""

    texts: list[str]
    publishers: list[str]
    weights: np.ndarray  # shape (n_texts,): how much each counts, see `WEIGHTS`
    logits: np.ndarray  # shape (n_texts, n_teachers, n_labels); 0 for labels that the teachers do not know
    labels: tuple[str, ...]
    folds: tuple[int, ...]  # of each teacher: the fold whose labels it has not seen

    def by(self, fold: int) -> np.ndarray | None:
        """Logits by the teacher that has seen no label of the fold, shape (n_texts, n_labels), if there is one."""
        return self.logits[:, self.folds.index(fold)] if fold in self.folds else None

    def by_all(self) -> np.ndarray:
        """Mean logits of all teachers, for a student that no fold will judge; shape (n_texts, n_labels)."""
        return self.logits.mean(axis=1)


def nothing(labels: Sequence[str]) -> Taught:
    """No texts."""
    return Taught([], [], np.zeros(0), np.zeros((0, 1, len(labels))), tuple(labels), ())


#: How much a text counts for the student. In news its own words decide; a passage of a reference page is told by its
#: heading as much, which the student does not hear. On two folds 0.03, 0.1, 0.3 and 1 were tried.
WEIGHTS = {"news": 1.0, "reference": 0.1}


def read_taught(corpora: Path, folder: Path = TEACHER, labels: Sequence[str] | None = None) -> Taught:
    """The texts of the unlabelled articles that the teachers in `folder` have answered, as to `labels` (None: theirs).

    Without such a folder there are none: the student then says nothing.

    Raises
    ------
    ModelError
        If the folder holds no whole set of logits.
    CorpusError
        If the unlabelled articles cannot be read.
    """
    if not folder.is_dir():
        return nothing(labels or ())
    model = load_model(folder, "teacher", SCHEMA)
    arrays, known = model.arrays, labels_of(folder, model.manifest, "teacher")
    wanted = known if labels is None else tuple(labels)
    place = {key: number for number, key in enumerate(arrays["keys"].tolist())}
    texts: dict[str, tuple[str, float, int]] = {}
    for article in read_unlabelled(corpora):
        weight = WEIGHTS["news" if article.kind in NEWS_KINDS else "reference"]
        for text in passages_of(article):
            key = text_key(text)
            if key in place:
                texts.setdefault(text, (article.publisher, weight, place[key]))
    rows = [row for _, _, row in texts.values()]
    publishers = [publisher for publisher, _, _ in texts.values()]
    weights = np.array([weight for _, weight, _ in texts.values()])
    logits = with_labels(arrays["logits"][rows] * STEP, known, wanted)
    return Taught(list(texts), publishers, weights, logits, wanted, tuple(arrays["folds"].tolist()))


def passages_of(article: UnlabelledArticle) -> list[str]:
    """The text of every passage, in order."""
    return [passage.text for section in article.sections for passage in section.passages]


def text_key(text: str) -> int:
    """The first 64 bits of the SHA-256 of a text: enough that no two of some 100,000 passages share it."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def quantize(logits: np.ndarray) -> np.ndarray:
    """Logits as they are kept."""
    return np.round(np.clip(logits, -CLIP, CLIP) / STEP).astype(np.int8)
