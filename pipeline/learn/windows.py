"""Pages to windows of tokens, as a transformer reads them: many passages at once, each in its surroundings.

[CLS] title [SEP] heading [SEP] end of the passage before [SEP] lead-in [SEP] passage [SEP] passage [SEP] ...
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.records import Section

#: Ids of the marks in the vocabulary of BERT.
CLS, SEP = 101, 102
WINDOW_TOKENS = 240
#: Of a passage, a title, a heading or a lead-in so many tokens are read; of the passage before its last ones.
PASSAGE_TOKENS = 150
CONTEXT_TOKENS = 24
BEFORE_TOKENS = 32

Encode = Callable[[Sequence[str]], list[list[int]]]


class Window(NamedTuple):
    """Some passages of a page in a row, with what stands before and above them."""

    tokens: list[int]
    spans: list[tuple[int, int, int]]  # of each passage: tokens [start, end), and its number among all passages


def windows_of(title: str, sections: Sequence[Section], first: int, encode: Encode) -> list[Window]:
    """Cut one page into windows.

    Parameters
    ----------
    title, sections
        Of the page.
    first
        The number of its first passage.
    encode
        Texts to lists of token ids, without marks.

    Returns
    -------
    list of Window
        In order; each passage is in exactly one.

    >>> from pipeline.records import Passage
    >>> rest = Section("Rest", 2, (), (Passage(1, "paragraph", "ab"), Passage(2, "paragraph", "c")), 0)
    >>> windows_of("t", [rest], 7, lambda texts: [[ord(letter) for letter in text] for text in texts])[0].spans
    [(8, 10, 7), (11, 12, 8)]
    """
    passages = [passage for section in sections for passage in section.passages]
    texts = [ids[:PASSAGE_TOKENS] or [SEP] for ids in encode([passage.text for passage in passages])]
    lead_ins = [ids[-CONTEXT_TOKENS:] for ids in encode([passage.lead_in for passage in passages])]
    headings = [ids[:CONTEXT_TOKENS] for ids in encode([section.heading for section in sections])]
    top = [CLS, *_closed(encode([title])[0][:CONTEXT_TOKENS])]
    windows: list[Window] = []
    before: list[int] = []
    number = 0
    for section, heading in zip(sections, headings, strict=True):
        above = _closed(heading)
        for _ in section.passages:
            text, lead_in = texts[number], lead_ins[number]
            if not windows or len(windows[-1].tokens) + len(above) + len(text) + 1 > WINDOW_TOKENS:
                led = [] if lead_in == before[-CONTEXT_TOKENS:] else lead_in
                context = [*_closed(heading), *_closed(before[-BEFORE_TOKENS:]), *_closed(led)]
                windows.append(Window([*top, *context], []))
            else:
                windows[-1].tokens.extend(above)
            above = []
            tokens, spans = windows[-1]
            spans.append((len(tokens), len(tokens) + len(text), first + number))
            tokens += [*text, SEP]
            before = text
            number += 1
    return windows


def _closed(tokens: list[int]) -> list[int]:
    return [*tokens, SEP] if tokens else []
