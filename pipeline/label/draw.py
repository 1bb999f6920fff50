"""draw: which passages of a run teach most when a reader labels them.

Whole articles are drawn, since a passage is read in its context. An article is worth the more, the less sure the model
is of its passages, the less it is like those drawn before it, and the fewer of these are of its site.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.label.attach import Labels, match
from pipeline.label.tasks import Task


class Drawn(NamedTuple):
    """What was drawn, and out of what."""

    tasks: list[Task]  # article by article
    articles: int
    answered: int  # passages of the run that have a label already
    open: int  # passages of the run that have none


def draw(articles: Mapping[str, Sequence[Task]], labels: Labels, n: int) -> Drawn:
    """At most `n` passages without a label, whole articles at a time; but one article at least.

    Parameters
    ----------
    articles : mapping of str to sequence of Task
        From `tasks_of`.
    labels : Labels
        What is labelled already. Of an article labelled in part the other passages are drawn.
    n : int
    """
    waiting: list[list[Task]] = []
    answered = 0
    for article, tasks in articles.items():
        matches = match(article, [task.text for task in tasks], labels)
        left = [task for task, hit in zip(tasks, matches, strict=True) if hit is None]
        answered += len(tasks) - len(left)
        distinct = list({task.hash: task for task in left}.values())  # one answer serves every place of a text
        if distinct:
            waiting.append(distinct)
    chosen = choose(
        [float(np.mean([unsureness(task) for task in tasks])) for tasks in waiting],
        ["\n".join(task.text for task in tasks) for tasks in waiting],
        [tasks[0].site for tasks in waiting],
        [len(tasks) for tasks in waiting],
        n,
    )
    tasks = [task for place in chosen for task in waiting[place]]
    return Drawn(tasks, len(chosen), answered, sum(map(len, waiting)))


def unsureness(task: Task) -> float:
    """0 where every label is certain, 1 where one of them could as well be as not be."""
    return max(4 * p * (1 - p) for _, p in task.scores)


def choose(
    worth: Sequence[float], texts: Sequence[str], sites: Sequence[str], sizes: Sequence[int], n: int
) -> list[int]:
    """Places of the articles to draw, best first, of at most `n` passages together; but one at least.

    Parameters
    ----------
    worth, texts, sites, sizes
        Of each article: mean unsureness of its passages (0 to 1), text, site, and number of passages.
    n
        Passages in all.

    >>> choose([0.9, 0.8, 0.5], ["sore throat", "sore throat again", "broken arm"], ["a", "a", "b"], [5, 5, 5], 10)
    [0, 2]
    """
    if not texts:
        return []
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit_transform(texts)
    nearest = np.zeros(len(texts))  # likeness to what was drawn before, 0 to 1
    of_site: Counter[str] = Counter()
    chosen: list[int] = []
    left = n
    while True:
        fits = [place for place in range(len(texts)) if place not in chosen and (sizes[place] <= left or not chosen)]
        within = [place for place in fits if sizes[place] <= left] or fits
        if not within or left <= 0:
            return chosen
        best = max(within, key=lambda p: (worth[p] * (1 - nearest[p]) / (1 + of_site[sites[p]]) ** 0.5, -p))
        chosen.append(best)
        left -= sizes[best]
        of_site[sites[best]] += 1
        nearest = np.maximum(nearest, np.asarray((vectors @ vectors[best].T).todense()).ravel())
