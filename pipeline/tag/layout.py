"""The layout of a page: its texts once each, and which of them is what to each passage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.records import Passage, Section

_LIST_KINDS = ("item", "cell")


class Layout(NamedTuple):
    """Where every passage of a page stands. Arrays have shape (n_passages,); texts are named by index."""

    texts: tuple[str, ...]  # distinct texts; the first is "", which stands for "none"
    passages: tuple[Passage, ...]
    own: np.ndarray
    previous: np.ndarray
    following: np.ndarray
    heading: np.ndarray
    lead_in: np.ndarray
    section: np.ndarray  # index of the section
    run: np.ndarray  # number of the run of list items; passages outside lists are runs of their own
    listed: np.ndarray  # bool: an item of a list or a row of a table
    title: int


def lay_out(title: str | None, sections: Sequence[Section]) -> Layout:
    """Lay out a page for scoring."""
    index: dict[str, int] = {"": 0}
    own: list[int] = []
    heading: list[int] = []
    lead_in: list[int] = []
    section_of: list[int] = []
    run: list[int] = []
    listed: list[bool] = []
    passages: list[Passage] = []
    for number, section in enumerate(sections):
        above = index.setdefault(section.heading, len(index))
        before = False
        for passage in section.passages:
            now = passage.kind in _LIST_KINDS or bool(passage.lead_in)
            passages.append(passage)
            own.append(index.setdefault(passage.text, len(index)))
            heading.append(above)
            lead_in.append(index.setdefault(passage.lead_in, len(index)))
            section_of.append(number)
            run.append(run[-1] if now and before else len(passages))
            listed.append(now)
            before = now
    title_at = index.setdefault(title or "", len(index))
    mine = np.array(own, dtype=np.intp)
    return Layout(
        texts=tuple(index),
        passages=tuple(passages),
        own=mine,
        previous=np.concatenate(([0], mine[:-1])) if len(mine) else mine,
        following=np.concatenate((mine[1:], [0])) if len(mine) else mine,
        heading=np.array(heading, dtype=np.intp),
        lead_in=np.array(lead_in, dtype=np.intp),
        section=np.array(section_of, dtype=np.intp),
        run=np.array(run, dtype=np.intp),
        listed=np.array(listed, dtype=bool),
        title=title_at,
    )
