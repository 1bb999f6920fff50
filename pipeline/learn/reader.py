"""Train the reader on what the teachers said, and keep what it says of the passages that the tagger learns from.

    models/teacher --logits of the teacher without fold f--> reader f --its logits of hand-labelled passages--> kept
                   --mean logits of all teachers--> the reader that the tagger is shipped with

A reader learns from unlabelled texts only; reader f has heard of no label of fold f. Needs the extra `teacher`. What
is kept is known by a hash of the passage and of the texts around it, so that the tagger can be trained without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.label.store import STORE, read_label_names, read_labels
from pipeline.learn.corpus import (
    FILES,
    NEWS_KINDS,
    read_added,
    read_gold,
    read_unlabelled,
    read_weak,
    read_written,
)
from pipeline.learn.questions import with_asked_headings
from pipeline.learn.rows import CorpusError, digests, missing_extra
from pipeline.learn.taught import STEP, TEACHER, WEIGHTS, passages_of, quantize, read_taught, sentences_of, text_key
from pipeline.learn.widen import widened_reader, with_labels
from pipeline.model_store import SHIPPED, Schema, load_model, save_model
from pipeline.tag.layout import Layout, lay_out
from pipeline.tag.model import READER_SCHEMA, labels_of, reader_arrays, reader_of
from pipeline.tag.reader import READER_ROLES, Reader, read_page, silent
from pipeline.tag.terms import PREFIX_LETTERS, PREFIX_MARK, sentences, tokens

READER = SHIPPED / "reader"
SCHEMA: Schema = {
    "keys": ("passages",),
    "logits": ("passages", "readers", "labels"),
    "folds": ("readers",),
    **READER_SCHEMA,
}


class ReaderOptions(NamedTuple):
    """Everything that decides how the readers are trained; a few values were tried on one fold."""

    min_texts: int = 20  # a word or prefix with a row of its own stands in at least so many texts
    width: int = 32
    states: int = 64
    heads: int = 4
    units: int = 32
    dropped: float = 0.2
    words_dropped: float = 0.1
    rate: float = 4e-3
    epochs: int = 20
    piece: int = 8  # passages in a row that are learnt together
    batch: int = 32  # pieces
    reference_step: int = 3  # of reference pages every third is learnt from, with three times the weight
    seed: int = 0


DEFAULTS = ReaderOptions()


class Heard(NamedTuple):
    """What the readers say."""

    said: Mapping[int, int]  # key of a passage -> its row
    logits: np.ndarray  # shape (n_passages, n_readers, n_labels)
    folds: tuple[int, ...]  # of each reader: the fold of whose labels it has not heard
    shipped: Reader

    def by(self, fold: int, layouts: Sequence[Layout]) -> tuple[np.ndarray, int]:
        """Logits of the passages of the layouts by the reader that has not heard of the fold, and how many it knew.

        Where no reader has left the fold out they are 0. A passage that the readers were not asked about is
        answered by the shipped one: it has heard of labels through the teachers, but has seen none.
        """
        out = np.zeros((sum(len(layout.passages) for layout in layouts), self.logits.shape[2]), dtype=np.float32)
        if fold not in self.folds:
            return out, len(out)
        column, first, known = self.folds.index(fold), 0, 0
        for layout in layouts:
            rows = [self.said.get(key) for key in passage_keys(layout)]
            here = [row for row in rows if row is not None]
            known += len(here)
            if len(here) == len(rows):
                out[first : first + len(rows)] = self.logits[here, column] * STEP
            else:
                told = read_page(layout, *_words_of(layout.texts), self.shipped)
                for place, row in enumerate(rows):
                    out[first + place] = told[place] if row is None else self.logits[row, column] * STEP
            first += len(rows)
        return out, known

    def read(self, layouts: Sequence[Layout]) -> np.ndarray:
        """What the shipped reader says of the passages of the layouts, shape (n_passages, n_labels)."""
        return np.concatenate([read_page(layout, *_words_of(layout.texts), self.shipped) for layout in layouts])


def nobody(n_labels: int) -> Heard:
    """Readers that say nothing."""
    return Heard({}, np.zeros((0, 0, n_labels)), (), silent(n_labels))


def read_heard(labels: Sequence[str], folder: Path = READER) -> Heard:
    """What the readers in `folder` say of the labels, 0 of those that they do not know; nothing without such a folder.

    Raises
    ------
    ModelError
        If the folder holds no whole set.
    """
    if not folder.is_dir():
        return nobody(len(labels))
    model = load_model(folder, "reader", SCHEMA)
    said = {key: row for row, key in enumerate(model.arrays["keys"].tolist())}
    folds = tuple(model.arrays["folds"].tolist())
    known = labels_of(folder, model.manifest, "reader")
    logits = with_labels(model.arrays["logits"].astype(np.float32), known, labels)
    return Heard(said, logits, folds, widened_reader(reader_of(model), known, labels))


def passage_keys(layout: Layout) -> list[int]:
    """A key of each passage with the texts around it."""
    return [text_key("\0".join(layout.texts[text] for text in texts)) for texts in _texts_of(layout).tolist()]


def train_reader(
    corpora: Path,
    out: Path,
    options: ReaderOptions = DEFAULTS,
    say: Callable[[str], None] = lambda message: None,
    teacher: Path = TEACHER,
    labels: Path = STORE,
) -> None:
    """Train a reader a fold and one for all, and write what they say and the last one.

    Parameters
    ----------
    corpora
        Folder with the files named in `pipeline.learn.corpus`.
    out
        The folder, made if it is missing.
    options
        See `ReaderOptions`.
    say
        Called with one line at each step.
    teacher
        The logits of the teachers.
    labels
        The label store: the articles that it adds are read too.

    Raises
    ------
    CorpusError
        If the corpora cannot be read, there are no teachers, or the extra `teacher` is not installed.
    """
    try:
        from pipeline.learn import reader_net as net
    except ImportError as error:
        raise missing_extra("the reader", error) from error
    taught = read_taught(corpora, teacher)
    if not taught.folds:
        raise CorpusError(f"{teacher}: no teachers to learn from; train them with: python -m pipeline train teacher")
    say(f"reading {corpora}")
    answers, names = read_labels(labels), [label.name for label in read_label_names(labels)]
    gold = read_gold(corpora, names, answers)
    asked = [*gold, *read_added(corpora, names, answers), *with_asked_headings(gold), *read_written(names)]
    pages = [lay_out(article.title, article.sections) for article in asked]
    texts, examples = _examples(corpora, taught.texts, options)
    counted = {
        *texts,
        *(text for page in pages for text in page.texts),
        *(row.text for row in read_weak(corpora, set())),
    }
    rows = _vocabulary(counted, options.min_texts)
    say(f"{len(rows)} words and prefixes")
    first = _embeddings(rows, counted, net.word_vectors, options.width)
    words = [_rows(text, rows) for text in texts]
    publishers = np.array(taught.publishers)
    unseen = {fold: {article.publisher for article in asked if article.fold == fold} for fold in taught.folds}

    def fitted(logits: np.ndarray, may: np.ndarray) -> Reader:
        used = may[examples.taught]
        at = examples.taught[used]
        trained = net.fit(first, words, examples.texts[used], logits[at], examples.weights[used], options)
        return net.frozen(trained, rows)

    said = []
    for number, fold in enumerate(taught.folds, 1):
        say(f"reader without fold {fold} ({number} of {len(taught.folds) + 1})")
        reader = fitted(taught.logits[:, number - 1], ~np.isin(publishers, list(unseen[fold])))
        said.append(quantize(np.concatenate([read_page(page, *_words_of(page.texts), reader) for page in pages])))
    say("reader of all folds")
    shipped = fitted(taught.by_all(), np.ones(len(publishers), dtype=bool))
    keys, once = np.unique(
        np.array([key for page in pages for key in passage_keys(page)], np.uint64), return_index=True
    )
    manifest: dict[str, Any] = {
        "labels": list(taught.labels),
        "options": options._asdict(),
        "data": {"sha256": digests(corpora, FILES), "teacher_sha256": digests(teacher, ("arrays.npz",))},
    }
    arrays, names = reader_arrays(shipped)
    folds = np.array(taught.folds, dtype=np.uint8)
    kept = {"keys": keys, "logits": np.stack(said, axis=1)[once], "folds": folds}
    save_model(out, "reader", {**kept, **arrays}, {"reader": names}, manifest)


class _Examples(NamedTuple):
    """What there is to learn from."""

    texts: np.ndarray  # shape (n, len(READER_ROLES)): numbers of texts
    taught: np.ndarray  # shape (n,): number of the taught text
    weights: np.ndarray  # shape (n,)


def _examples(corpora: Path, taught: Sequence[str], options: ReaderOptions) -> tuple[list[str], _Examples]:
    """All texts, the first of them "", and the passages and sentences that the teachers have answered."""
    place = {text: number for number, text in enumerate(taught)}
    index: dict[str, int] = {"": 0}
    texts: list[list[int]] = []
    at: list[int] = []
    weights: list[float] = []
    references = 0
    for article in read_unlabelled(corpora):
        news = article.kind in NEWS_KINDS
        if not any(text in place for text in passages_of(article)):
            continue
        references += not news
        if not news and references % options.reference_step:
            continue
        layout = lay_out(article.title, article.sections)
        numbers = np.array([index.setdefault(text, len(index)) for text in layout.texts])
        for passage, around in zip(layout.passages, numbers[_texts_of(layout)].tolist(), strict=True):
            if passage.text in place:
                texts.append(around)
                at.append(place[passage.text])
                weights.append(WEIGHTS["news"] if news else WEIGHTS["reference"] * options.reference_step)
        for text in sentences_of(article):
            if text in place:
                texts.append([index.setdefault(text, len(index)), *([0] * (len(READER_ROLES) - 1))])
                at.append(place[text])
                weights.append(WEIGHTS["sentence"])
    return list(index), _Examples(np.array(texts), np.array(at), np.array(weights, dtype=np.float32))


def _texts_of(layout: Layout) -> np.ndarray:
    """The texts of each passage in the order of `READER_ROLES`, as numbers within the page; (n_passages, n_roles)."""
    title = np.full_like(layout.own, layout.title)
    columns = layout.own, layout.previous, layout.following, layout.heading, layout.lead_in, title
    return np.stack(columns, axis=1)


def _words_of(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The words of texts, and where each begins, as `pipeline.tag.lookup` reads them."""
    parts = [[word for start, end in sentences(text) for word in tokens(text[start:end])] for text in texts]
    return [word for part in parts for word in part], np.cumsum([0, *map(len, parts)])


def _vocabulary(texts: set[str], min_texts: int) -> dict[str, int]:
    """Rows of the words, and behind them of the prefixes, that stand in so many texts; row 0 is for others."""
    words: Counter[str] = Counter()
    prefixes: Counter[str] = Counter()
    for text in texts:
        here = set(_words_of([text])[0])
        words.update(here)
        prefixes.update({word[:PREFIX_LETTERS] for word in here})
    names = sorted(word for word, count in words.items() if count >= min_texts)
    names += sorted(PREFIX_MARK + prefix for prefix, count in prefixes.items() if count >= min_texts)
    return {name: row for row, name in enumerate(names, 1)}


def _embeddings(
    rows: Mapping[str, int], texts: set[str], vectors_of: Callable[[Sequence[str]], np.ndarray], width: int
) -> np.ndarray:
    """The first principal components of what the encoder makes of the words; a prefix is the mean of its words."""
    counts = Counter(word for text in texts for word in set(_words_of([text])[0]))
    words = sorted(word for word, count in counts.items() if count > 1)
    vectors = vectors_of(words)
    sums = np.zeros((len(rows) + 1, vectors.shape[1]))
    weight = np.zeros(len(rows) + 1)
    for word, vector in zip(words, vectors, strict=True):
        row = rows.get(word) or rows.get(PREFIX_MARK + word[:PREFIX_LETTERS], 0)
        sums[row] += vector * counts[word]
        weight[row] += counts[word]
    sums[0], weight[0] = 0, 0
    known = weight > 0
    means = sums[known] / weight[known, None]
    means -= means.mean(axis=0)
    _, vectors_to = np.linalg.eigh(means.T @ means)
    out = np.zeros((len(rows) + 1, width), dtype=np.float32)
    out[known] = means @ vectors_to[:, ::-1][:, :width]
    return out / out[known].std(axis=0).mean()


def _rows(text: str, rows: Mapping[str, int]) -> np.ndarray:
    words, _ = _words_of([text])
    found = [rows.get(word) or rows.get(PREFIX_MARK + word[:PREFIX_LETTERS], 0) for word in words]
    return np.array(found, dtype=np.int64)
