"""A cheap look at HTML before it is parsed, for the few shapes on which a parser takes quadratic time.

An ordinary page costs it three counts. It is no proof: what slips through meets the CPU limit of a run.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

#: Elements that stand open one in the other. Lexbor takes 0.2 s for 10,000, 0.5 s for 20,000, 40 s for 200,000.
MAX_OPEN = 20_000
#: Formatting elements that stand open: each is opened again in every paragraph. 0.3 s for 1,000, 11 s for 5,000.
MAX_OPEN_FORMATTING = 2_000
#: Characters of one tag. Attributes are compared each with each; a tag with 20,000 of them takes 0.6 s.
MAX_TAG_CHARS = 100_000
MAX_ATTRIBUTES = 20_000

_FORMATTING = frozenset("b big code em font i nobr s small strike strong tt u".split())
#: These never stay open, or end when the next one begins.
_ENDING = frozenset(
    "area base br col embed hr img input link meta param source track wbr a button dd dt li option optgroup p rb rp rt "
    "rtc tbody td tfoot th thead tr colgroup caption html head body".split()
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?![^<>]*/>)")
_ATTRIBUTE = re.compile(r""""[^"]*"|'[^']*'|(\s[^\s"'=<>/])""")


def may_be_hostile(data: bytes) -> bool:
    """Whether a page in UTF-8 needs the closer look of `hostile_shape`; hardly one does."""
    codes = np.frombuffer(data, np.uint8)
    tags = np.flatnonzero(codes == ord("<"))
    ends = np.count_nonzero(codes[np.minimum(tags + 1, len(codes) - 1)] == ord("/"))
    return len(tags) - 2 * int(ends) > MAX_OPEN_FORMATTING or _has_long_tag(data)


def hostile_shape(source: str) -> str | None:
    """What makes this HTML too costly to parse; None for all but absurd pages.

    >>> hostile_shape("<p>One<p>Two")
    >>> hostile_shape("<div>" * 30_000)
    '30,000 elements stand open one in the other'
    """
    if source.count("<") - 2 * source.count("</") > MAX_OPEN_FORMATTING:
        open_: Counter[str] = Counter()
        for end, name in _TAG.findall(source):
            open_[name.lower()] += -1 if end else 1
        left = {name: count for name, count in open_.items() if count > 0 and name not in _ENDING}
        formatting = sum(count for name, count in left.items() if name in _FORMATTING)
        if sum(left.values()) > MAX_OPEN:
            return f"{sum(left.values()):,} elements stand open one in the other"
        if formatting > MAX_OPEN_FORMATTING:
            return f"{formatting:,} formatting elements (b, font, ...) are never closed"
    if len(source) > MAX_TAG_CHARS:
        longest = max(source.split(">"), key=len)
        start = longest.rfind("<")
        if start >= 0 and len(longest) - start > MAX_TAG_CHARS:
            attributes = sum(map(bool, _ATTRIBUTE.findall(longest, start)))
            if attributes > MAX_ATTRIBUTES and longest[start + 1 : start + 2].isalpha():
                return f"a tag with about {attributes:,} attributes"
    return None


def _has_long_tag(data: bytes) -> bool:
    """Whether there are more than `MAX_TAG_CHARS` bytes without a ">", told by a look at a few places."""
    start = 0
    while len(data) - start > MAX_TAG_CHARS:
        found = data.rfind(b">", start, start + MAX_TAG_CHARS + 1)
        if found < 0:
            return True
        start = found + 1
    return False
