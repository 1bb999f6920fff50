"""The tagger's out-of-fold answers as a file, without any text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.learn.corpus import GoldArticle
from pipeline.write import text_hash


def write_predictions(articles: Sequence[GoldArticle], given: np.ndarray, labels: Sequence[str], folder: Path) -> None:
    """Write `tags.jsonl`: a line an article, with hash and tags of every passage.

    Parameters
    ----------
    articles
        The scored ones.
    given : bool array of shape (n_passages, n_labels)
        The tags, in the order of the articles' passages.
    labels
        Those of the columns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = iter(given)
    with open(folder / "tags.jsonl", "w", encoding="utf-8") as stream:
        for article in articles:
            passages = [
                {
                    "text_hash": text_hash(passage.text),
                    "tags": [label for label, on in zip(labels, next(rows), strict=True) if on],
                }
                for section in article.sections
                for passage in section.passages
            ]
            stream.write(json.dumps({"id": article.article_id, "passages": passages}) + "\n")
