"""Text dumps to blocks: lines, with wrapped and torn paragraphs mended before anything is judged.

Dumps break a paragraph in two ways. `lynx` and `w3m` wrap it at a fixed width; BeautifulSoup's `get_text`
puts every link and bold word on a line of its own. Both are undone here; a block notes which characters of the
source it covers. Runs of like lines stand in for the containers that a dump no longer has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.records import Block, Element

#: Bullets and numbers at the start of a line, with their blanks.
MARKER = re.compile(r"(?:[-*+•·●○◦▪■□▸►▶‣⁃>»›✓✔★☆–—]|o(?=\s)|\(?\d{1,3}[.)](?!\d))\s+")
_LONE_MARKER = re.compile(r"\s*(?:[-*+•·●○◦▪■□▸►▶‣⁃»›✓✔★☆–—]|\d{1,3}[.)])\s*\Z")
_LINK_MARK = re.compile(r"\[\d{1,4}\]")
_RULE = re.compile(r"[\W_]+\Z")
#: What ends a sentence and was torn off it.
_CLOSERS = re.compile(r"[.,;:!?)\]”’\"]{1,3}\Z")
_MARKDOWN_HEADING = re.compile(r"(#{1,6})\s+")

#: A dump counts as wrapped if its lines keep to a width in this range ...
WRAP_WIDTHS = range(60, 133)
#: ... and at least this share of its words' lines end within `WRAP_SLACK` characters of it.
WRAP_FULL_SHARE = 0.12
WRAP_SLACK = 12
#: Fragments are joined only if one of them has at least this many characters: menus are torn into short words too.
TORN_MIN_CHARS = 40
#: A line that ends in one of these words goes on in the next one.
OPEN_WORDS = frozenset(
    "a an the of to in on at by for from with and or but nor as than that which who whose is are was were be been "
    "has have had not into about our your their his her its my this these those such when while if because "
    "between including like per via called said says see".split()
)
_OPEN_ENDS = (",", "(", "[", "“", "‘", "—", "/", "&")
_CLOSED_ENDS = (".", "!", "?", ":", ";", "”", '"', "…", ")")
_GOES_ON = re.compile(r"[,;.!?%)\]’”](?:\s|\Z|[,;.!?%)\]’”])|['’]s\b")


class _Line(NamedTuple):
    text: str
    start: int
    end: int
    indent: int
    marker: str
    gap: int


class TextPage(NamedTuple):
    """What the lines of a dump give."""

    blocks: list[Block]
    elements: list[Element]


def parse_text(source: str) -> TextPage:
    """Mend the lines of one dump and make a block of each.

    Parameters
    ----------
    source : str
        The dump as it was read. Spans of the blocks count its characters.
    """
    lines = _lines(source)
    lines = _unwrap(lines)
    lines = _mend_torn(lines)
    link_marks = sum(bool(_LINK_MARK.search(line.text)) for line in lines) >= 5
    blocks = []
    for line in lines:
        text, kind, level = line.text, "item" if line.marker else "paragraph", 0
        if link_marks:
            text = _LINK_MARK.sub("", text)
        heading = _MARKDOWN_HEADING.match(text)
        if heading:
            kind, level, text = "heading", len(heading[1]), text[heading.end() :]
        elif kind == "item":
            level = 1 + line.indent // 4
        text = " ".join(text.split())
        if text:
            span = (line.start, line.end)
            blocks.append(Block(text, kind, level, 0.0, -1, span, line.marker, line.indent, line.gap))
    return _with_runs(blocks)


def is_short(text: str) -> bool:
    """Whether a line looks like a label, a headline or a menu entry and not like prose.

    >>> is_short("Night cramps: what helps"), is_short("It hurts.")
    (True, False)
    """
    return len(text) < 100 and not text.rstrip("\"'”’)").endswith((".", "!", ";"))


def _lines(source: str) -> list[_Line]:
    """The lines with a letter or digit; a bullet that stands alone joins the line below it."""
    lines: list[_Line] = []
    at = gap = 0
    lone = ""
    for raw in source.split("\n"):
        start, at = at, at + len(raw) + 1
        text = raw.strip()
        if not text:
            gap += 1
            continue
        if _LONE_MARKER.match(raw):
            lone = text
            continue
        if _RULE.match(text):
            if lines and not gap and _CLOSERS.match(text):
                lines[-1] = lines[-1]._replace(text=lines[-1].text + text, end=start + raw.index(text) + len(text))
            else:
                gap += 1
            continue
        indent = len(raw) - len(raw.lstrip())
        marker = MARKER.match(text)
        body = text[marker.end() :] if marker else text
        found = marker[0].strip() if marker else lone
        begin = start + raw.index(text) + (marker.end() if marker else 0)
        lines.append(_Line(body, begin, begin + len(body), indent, found, gap))
        gap, lone = 0, ""
    return lines


def _wrap_width(lines: Sequence[_Line]) -> int:
    """The column at which the dump was wrapped, 0 if it was not."""
    rights = sorted(_right(line) for line in lines if "://" not in line.text)  # addresses are never wrapped
    if len(rights) < 8:
        return 0
    width = rights[int(0.985 * (len(rights) - 1))]
    long = [r for r in rights if r > 40]
    full = sum(width - WRAP_SLACK <= r <= width for r in long)
    if width not in WRAP_WIDTHS or full < WRAP_FULL_SHARE * len(rights) or full < 5:
        return 0
    return width


def _right(line: _Line) -> int:
    """The column where the line ends."""
    return line.indent + (len(line.marker) + 1 if line.marker else 0) + len(line.text)


def _unwrap(lines: list[_Line]) -> list[_Line]:
    """Join a line to the one above it if its first word would not have fitted there."""
    width = _wrap_width(lines)
    if not width:
        return lines
    joined: list[_Line] = []
    right = 0
    for line in lines:
        first_word = line.text.split(None, 1)[0]
        full = right + 1 + len(first_word) > width
        if joined and full and not line.gap and not line.marker:
            above = joined[-1]
            joined[-1] = above._replace(text=f"{above.text} {line.text}", end=line.end)
        else:
            joined.append(line)
        right = _right(line)
    return joined


def _mend_torn(lines: list[_Line]) -> list[_Line]:
    """Join fragments of a sentence that stand on lines of their own."""
    mended: list[_Line] = []
    for i, line in enumerate(lines):
        following = lines[i + 1] if i + 1 < len(lines) else None
        if mended and not line.gap and not line.marker:
            above = mended[-1]
            after = following.text if following and not following.gap and not following.marker else ""
            if _goes_on(above.text, line.text, after):
                glue = "" if _GOES_ON.match(line.text) or above.text.endswith(("(", "“", "[")) else " "
                mended[-1] = above._replace(text=above.text + glue + line.text, end=line.end)
                continue
        mended.append(line)
    return mended


def _goes_on(above: str, below: str, after: str) -> bool:
    """Whether `below` continues the sentence of `above`; `after` is the line that follows, "" for none."""
    if _GOES_ON.match(below):
        return True
    if above.endswith(_CLOSED_ENDS):
        return False
    # a link or bold word in the middle of a sentence: what follows goes on after it
    carried_on = bool(_GOES_ON.match(after)) or (after[:1].islower() and len(after) >= TORN_MIN_CHARS)
    if below[0].islower():
        return carried_on or max(len(above), len(below)) >= TORN_MIN_CHARS
    if above.endswith(_OPEN_ENDS) or above.rsplit(None, 1)[-1] in OPEN_WORDS:
        return carried_on or len(above) >= TORN_MIN_CHARS
    return carried_on and above[0].isupper() and len(above) >= TORN_MIN_CHARS > len(below)


def _with_runs(blocks: list[Block]) -> TextPage:
    """Make an element of every run of like lines (same bullet; short lines; prose).

    A run of short lines opens a section: its lines may be the heading of what follows. So a dump gets a tree of
    three storeys: page, section, run.
    """
    if not blocks:
        return TextPage([], [])
    shapes = [_shape(block) for block in blocks]
    starts = [i for i in range(len(blocks)) if not i or shapes[i] != shapes[i - 1]]
    ends = [*starts[1:], len(blocks)]
    elements = [Element("page", "", -1, 0, len(blocks))]
    placed: list[Block] = []
    section = 0
    for run, (first, last) in enumerate(zip(starts, ends, strict=True)):
        shape = shapes[first]
        if not run or shape == "short":
            after = next((s for s in starts[run + 1 :] if shapes[s] == "short"), len(blocks))
            elements.append(Element("section", "", 0, first, after))
            section = len(elements) - 1
        elements.append(Element(shape, "", section, first, last))
        placed.extend(block._replace(element=len(elements) - 1) for block in blocks[first:last])
    return TextPage(placed, elements)


def _shape(block: Block) -> str:
    if block.marker:
        return "numbers" if block.marker[-1] in ".)" else "bullets" + block.marker
    return "short" if is_short(block.text) else "prose"
