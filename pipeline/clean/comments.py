"""What readers wrote under an article: kept by the model now and then, as it reads like one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.clean.pagekind import FORUM_URL
from pipeline.records import ParsedPage

_NAMES = re.compile(r"\b(?:comments|commentlist|disqus)\b")
#: Readers' comments follow an article of at least so many kept words (tried: 60, 100, 200); in a forum they are all.
MIN_WORDS_BEFORE = 100

#: Lines between comments end so ("Ada Wren says:", "3 days ago", "4 March 2025 at 9:12 pm", "Log in to reply") ...
_ENDS = frozenset("says wrote ago reply replies permalink upvote quote report am pm".split())
#: ... or begin so, and are short.
_BEGINS = frozenset("reply replies permalink report".split())
MARK_CHARS, MARK_WORDS = 110, 12
_MARKS = " :.,;|()[]-–—·•»…"
#: In a dump so many of them, each so near to the one before, make a thread (tried: 3 to 6 in 5 to 12 lines) ...
THREAD_MARKS, THREAD_GAP = 4, 8
#: ... with the name above the first, if there is one, and the text below the last of them.
NAME_WORDS, THREAD_BELOW = 4, 3
#: Threads that hold more than this share of what would be kept are no comments but the page itself ...
THREAD_SHARE = 0.5
#: ... unless a line so near above says what they are: "59 Comments on “Cramps at night”".
_HEAD = re.compile(r"\(?(?:\d+|one|two|no) (?:comments?|responses?|thoughts?|replies)\)?(?: (?:on|to) .*)?:?", re.I)
HEAD_ABOVE = 4


def are_comments(page: ParsedPage, keep: Sequence[bool]) -> list[bool]:
    """For each block whether it is a comment under an article.

    Parameters
    ----------
    page : ParsedPage
    keep : sequence of bool, length n_blocks
        What would be kept without asking.
    """
    if FORUM_URL.search((page.url or "").lower()):
        return [False] * len(page.blocks)
    return (_named if page.is_html else _threaded)(page, keep)


def _named(page: ParsedPage, keep: Sequence[bool]) -> list[bool]:
    """Of HTML: what stands in an element that is named so."""
    found = [False] * len(page.blocks)
    places = [e for e in page.elements if ("omment" in e.names or "disqus" in e.names) and _NAMES.search(e.names)]
    if not places:
        return found
    before = np.concatenate(([0], np.cumsum(_kept_words(page, keep))))
    for element in places:
        if before[element.first] >= MIN_WORDS_BEFORE:
            found[element.first : element.last] = [True] * (element.last - element.first)
    return found


def _threaded(page: ParsedPage, keep: Sequence[bool]) -> list[bool]:
    """Of a dump: what stands among lines as they stand between comments."""
    found = [False] * len(page.blocks)
    marks = [i for i, block in enumerate(page.blocks) if _is_mark(block.text)]
    if len(marks) < THREAD_MARKS:
        return found
    words = _kept_words(page, keep)
    borders = [0, *(k for k in range(1, len(marks)) if marks[k] - marks[k - 1] > THREAD_GAP), len(marks)]
    before = passed = 0  # words before the thread that stand in none, and the block up to which they are counted
    headed = False
    for first, last in zip(borders, borders[1:], strict=False):
        if last - first >= THREAD_MARKS:
            begin, end = marks[first], marks[last - 1] + 1 + THREAD_BELOW
            if begin > passed and page.blocks[begin - 1].text.count(" ") < NAME_WORDS:
                begin -= 1
            before, passed = before + sum(words[passed:begin]), end
            if before >= MIN_WORDS_BEFORE:
                found[begin:end] = [True] * len(found[begin:end])
                above = page.blocks[max(0, marks[first] - HEAD_ABOVE) : marks[first]]
                headed = headed or any(_HEAD.fullmatch(block.text) for block in above)
    if not headed and sum(n for n, comment in zip(words, found, strict=True) if comment) > THREAD_SHARE * sum(words):
        return [False] * len(found)
    return found


def _is_mark(text: str) -> bool:
    """Whether a line is one of those that stand between comments.

    >>> [_is_mark(line) for line in ("Ada Wren says:", "Reply", "They went home three years later.")]
    [True, True, False]
    """
    if len(text) > MARK_CHARS or text.count(" ") >= MARK_WORDS:
        return False
    line = text.lower().strip(_MARKS)
    return line[line.rfind(" ") + 1 :] in _ENDS or line.split(" ", 1)[0] in _BEGINS


def _kept_words(page: ParsedPage, keep: Sequence[bool]) -> list[int]:
    return [(block.text.count(" ") + 1) * k for block, k in zip(page.blocks, keep, strict=True)]
