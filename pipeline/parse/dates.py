"""Days in texts, and which of them a page was published or changed on."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import NamedTuple

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sep sept|"
        "october oct|november nov|december dec".split("|"),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_NAMED = rf"(?P<name>{_MONTH})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"(?<!\d){_YEAR}[-/.年](?P<month>\d{{1,2}})[-/.月](?P<day>\d{{1,2}})(?!\d)",
        rf"(?<![\d-])(?P<month>\d{{1,2}})[-/](?P<day>\d{{1,2}})[-/]{_YEAR}(?!\d)",  # as in the US ...
        rf"(?<![\d.-])(?P<day>\d{{1,2}})[/.](?P<month>\d{{1,2}})[/.]{_YEAR}(?!\d)",  # ... or else day first
        rf"\b{_NAMED}\.?\s+{_DAY},?\s+{_YEAR}\b",
        rf"(?<!\d){_DAY}[\s-]+{_NAMED}\.?,?[\s-]+{_YEAR}\b",
        rf"\b{_YEAR}\s+{_NAMED}\s+{_DAY}\b",
    )
)
#: Every date has a year: texts without one, which are most, need no closer look.
_HAS_YEAR = re.compile("(?:19|20)\\d\\d")
#: Words that say what the date behind them is.
_LABEL = re.compile(
    r"\b(?:(?P<modified>(?:last\s+|medically\s+|most\s+recently\s+)*(?:updated|modified|changed|revised|reviewed|edited))"
    r"|(?P<published>published|posted|written|created|first\s+published))\b",
    re.I,
)


class Dates(NamedTuple):
    """ISO 8601 days; None where there is none."""

    published: str | None = None
    modified: str | None = None


#: "By Ada WrenMay 5, 20244 min read": neighbours on the page without a blank between them.
_GLUED_MONTH = re.compile(rf"(?<=[a-z])(?=(?:{_MONTH.title()})\.?\s+\d)")
_GLUED_YEAR = re.compile(r"(?<=, (?:19|20)\d\d)(?=\d{1,2}\s*min)")


def unglued(text: str) -> str:
    """A line around the heading with blanks before months and after years where neighbours have run together.

    >>> unglued("By Ada WrenMay 5, 20244 min read")
    'By Ada Wren May 5, 2024 4 min read'
    """
    return _GLUED_YEAR.sub(" ", _GLUED_MONTH.sub(" ", text))


def parse_date(text: str | None) -> str | None:
    """The first date in a text as an ISO 8601 day; None if there is none, or none that exists.

    >>> parse_date("Posted on March 4, 2025 at 9:00"), parse_date("2023年02月11日"), parse_date("31 February 2020")
    ('2025-03-04', '2023-02-11', None)
    """
    if not text or not _HAS_YEAR.search(text):
        return None
    for pattern in _DATES:
        found = pattern.search(text)
        if found:
            parts = found.groupdict()
            month = _MONTHS[parts["name"].lower()] if "name" in parts else int(parts["month"])
            try:
                return datetime.date(int(parts["year"]), month, int(parts["day"])).isoformat()
            except ValueError:
                continue
    return None


def first_date(texts: Iterable[str | None]) -> str | None:
    """The first date in the first text that has one."""
    return next(filter(None, map(parse_date, texts)), None)


def visible_dates(texts: Iterable[str]) -> Dates:
    """The dates that the lines around a heading show: a date counts as published unless a word before it says more.

    >>> visible_dates(["Updated: May 7, 2024 | Published May 1, 2024", "3 March 2020"])
    Dates(published='2024-05-01', modified='2024-05-07')
    """
    published = modified = None
    for text in filter(_HAS_YEAR.search, texts):
        labels = list(_LABEL.finditer(text))
        starts = [0, *(label.start() for label in labels), len(text)]
        for label, first, last in zip([None, *labels], starts, starts[1:], strict=False):
            day = parse_date(text[first:last])
            if day and label and label["modified"]:
                modified = modified or day
            elif day:
                published = published or day
    return Dates(published, modified)
