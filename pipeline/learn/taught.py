"""What a teacher said of unlabelled passages: its logits, kept without the texts, and joined to them again.

    models/teacher/   arrays.npz: a key a text (its hash), the logits of every teacher, and its fold
    unlabelled_articles.jsonl.gz: the texts, in the corpora

The texts are passages, and of news-like articles, which are few, also the sentences of each passage by themselves.

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
from pipeline.tag.terms import sentences

#: Logits are kept as whole numbers of this step, within CLIP of 0.
STEP = 0.1
CLIP = 6.0
#: Of the hash of a text so many bytes are its key: that two of 50,000 share one has a chance of 1 in 900.
KEY_BYTES = 5
SCHEMA: Schema = {
    "keys": (KEY_BYTES, "texts"),
    "logits": ("texts", "teachers", "labels"),
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
#: heading as much, which the student does not hear. On two folds 0.03, 0.1, 0.3 and 1 were tried for these and 0, 0.2
#: and 0.5 for sentences.
WEIGHTS = {"news": 1.0, "sentence": 0.5, "reference": 0.1}


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
    place = {key: number for number, key in enumerate(unpacked_keys(arrays["keys"]).tolist())}
    texts: dict[str, tuple[str, float, int]] = {}
    for article in read_unlabelled(corpora):
        whole = "news" if article.kind in NEWS_KINDS else "reference"
        for sort, parts in ((whole, passages_of(article)), ("sentence", sentences_of(article))):
            for text in parts:
                key = text_key(text)
                if key in place:
                    texts.setdefault(text, (article.publisher, WEIGHTS[sort], place[key]))
    rows = [row for _, _, row in texts.values()]
    publishers = [publisher for publisher, _, _ in texts.values()]
    weights = np.array([weight for _, weight, _ in texts.values()])
    logits = with_labels(arrays["logits"][rows] * STEP, known, wanted)
    return Taught(list(texts), publishers, weights, logits, wanted, tuple(arrays["folds"].tolist()))


def passages_of(article: UnlabelledArticle) -> list[str]:
    """The text of every passage, in order."""
    return [passage.text for section in article.sections for passage in section.passages]


def sentences_of(article: UnlabelledArticle) -> list[str]:
    """Of a news-like article the sentences of every passage of several, in order; of others none."""
    if article.kind not in NEWS_KINDS:
        return []
    ranges = [(text, sentences(text)) for text in passages_of(article)]
    return [text[start:end] for text, spans in ranges if len(spans) > 1 for start, end in spans]


def text_key(text: str) -> int:
    """The first bytes of the SHA-256 of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:KEY_BYTES], "big")


def packed_keys(keys: np.ndarray) -> np.ndarray:
    """Keys in ascending order, as they are kept: first the highest bytes of all, which are alike; (KEY_BYTES, n)."""
    return np.ascontiguousarray(keys.astype(">u8").view(np.uint8).reshape(-1, 8)[:, -KEY_BYTES:].T)


def unpacked_keys(packed: np.ndarray) -> np.ndarray:
    """The keys of `packed_keys`, shape (n,)."""
    return 256 ** np.arange(KEY_BYTES - 1, -1, -1, dtype=np.uint64) @ packed.astype(np.uint64)


def quantize(logits: np.ndarray) -> np.ndarray:
    """Logits as they are kept."""
    return np.round(np.clip(logits, -CLIP, CLIP) / STEP).astype(np.int8)
