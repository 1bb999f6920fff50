"""Which blocks of a page stand in a reference text: alignment by word order.

Counting common words would call menus content. So long word runs that occur once on either side are
anchors; the longest chain of them in order is kept; the gaps between are aligned word by word; and blocks that
stand in the reference in another place are rescued at the end.
"""

from __future__ import annotations

import bisect
import difflib
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
#: Lengths of the word runs tried as anchors, longest first.
ANCHOR_WORDS = (8, 4)
#: Gaps of more cells (page words x reference words) are not aligned word by word.
MAX_GAP_CELLS = 4_000_000
#: Blocks of at least so many words are looked for elsewhere in the reference, as runs of `RESCUE_RUN` words.
RESCUE_MIN_WORDS = 6
RESCUE_RUN = 4
RESCUE_SHARE = 0.8


def words(text: str) -> list[str]:
    """Runs of letters and digits, lower case."""
    return _WORD.findall(text.lower())


def coverage(blocks: Sequence[str], reference: str) -> list[float]:
    """The share of each block's words that the reference holds in its place, 0 to 1.

    Blocks without a word get 0.
    """
    block_words = [words(text) for text in blocks]
    page = [word for ws in block_words for word in ws]
    owner = [i for i, ws in enumerate(block_words) for _ in ws]
    target = words(reference)
    page_hit = bytearray(len(page))
    target_hit = bytearray(len(target))
    _align(page, target, 0, len(page), 0, len(target), ANCHOR_WORDS, page_hit, target_hit)
    covered = [0] * len(blocks)
    for position, hit in enumerate(page_hit):
        covered[owner[position]] += hit
    _rescue(block_words, covered, target, target_hit)
    return [n / len(ws) if ws else 0.0 for n, ws in zip(covered, block_words, strict=True)]


def _align(
    page: list[str], target: list[str], p0: int, p1: int, t0: int, t1: int,
    sizes: tuple[int, ...], page_hit: bytearray, target_hit: bytearray,
) -> None:  # fmt: skip
    """Mark the words of page[p0:p1] and target[t0:t1] that stand in both, in order."""
    if p0 >= p1 or t0 >= t1:
        return
    if not sizes or (p1 - p0) * (t1 - t0) < 20_000:
        if (p1 - p0) * (t1 - t0) <= MAX_GAP_CELLS:
            matcher = difflib.SequenceMatcher(None, page[p0:p1], target[t0:t1], autojunk=False)
            for a, b, size in matcher.get_matching_blocks():
                page_hit[p0 + a : p0 + a + size] = b"\1" * size
                target_hit[t0 + b : t0 + b + size] = b"\1" * size
        return
    size = sizes[0]
    chain = _chain(_unique_runs(page, p0, p1, size), _unique_runs(target, t0, t1, size))
    last_p, last_t = p0, t0
    for p, t in chain:
        if p < last_p or t < last_t:  # overlaps the anchor before, word by word
            if p - last_p != t - last_t:
                continue
            fresh = last_p - p
            p, t, grown = last_p, last_t, size - fresh
        else:
            _align(page, target, last_p, p, last_t, t, sizes[1:], page_hit, target_hit)
            grown = size
        if grown > 0:
            page_hit[p : p + grown] = b"\1" * grown
            target_hit[t : t + grown] = b"\1" * grown
            last_p, last_t = p + grown, t + grown
    _align(page, target, last_p, p1, last_t, t1, sizes[1:], page_hit, target_hit)


def _unique_runs(words_: list[str], start: int, end: int, size: int) -> dict[tuple[str, ...], int]:
    runs: dict[tuple[str, ...], int] = {}
    for i in range(start, end - size + 1):
        run = tuple(words_[i : i + size])
        runs[run] = -1 if run in runs else i
    return {run: i for run, i in runs.items() if i >= 0}


def _chain(page_runs: dict[tuple[str, ...], int], target_runs: dict[tuple[str, ...], int]) -> list[tuple[int, int]]:
    """The longest chain of common runs whose places rise on both sides."""
    pairs = sorted((p, target_runs[run]) for run, p in page_runs.items() if run in target_runs)
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, (_, t) in enumerate(pairs):
        at = bisect.bisect_left(tails, t)
        tails[at : at + 1] = [t]
        ends[at : at + 1] = [n]
        before.append(ends[at - 1] if at else -1)
    chain = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chain.append(pairs[n])
        n = before[n]
    return chain[::-1]


def _rescue(block_words: list[list[str]], covered: list[int], target: list[str], target_hit: bytearray) -> None:
    """Cover blocks that stand in a part of the reference nothing was aligned with."""
    left: Counter[tuple[str, ...]] = Counter()
    for i in range(len(target) - RESCUE_RUN + 1):
        if not any(target_hit[i : i + RESCUE_RUN]):
            left[tuple(target[i : i + RESCUE_RUN])] += 1
    if not left:
        return
    for i, ws in enumerate(block_words):
        if len(ws) < RESCUE_MIN_WORDS or covered[i] > 0.5 * len(ws):
            continue
        runs = Counter(tuple(ws[k : k + RESCUE_RUN]) for k in range(len(ws) - RESCUE_RUN + 1))
        found = sum(min(n, left[run]) for run, n in runs.items())
        if found >= RESCUE_SHARE * sum(runs.values()):
            left.subtract({run: min(n, left[run]) for run, n in runs.items()})
            covered[i] = len(ws)
