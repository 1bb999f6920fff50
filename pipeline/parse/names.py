"""Who wrote a page: names in meta tags, JSON-LD, marked elements and bylines, the likeliest first."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.parse.dates import unglued

_NAME = (
    r"[^\W\d_a-z][\w.'’-]*(?:\s+(?:(?:van|von|de|der|den|del|la|le|da|dos|di|el|al|bin)\s+)*[^\W\d_a-z][\w.'’-]*){1,3}"
)
#: "By Ada Wren and Jo Field | Harbor Health": names, and what may stand behind them.
_BYLINE = re.compile(
    rf"(?i:(?:(?:written|words|story|posted|published|article)\s+)?by):?\s+(?P<name>{_NAME}(?:(?:,\s+{_NAME})*(?:,?\s+and|\s+&)\s+{_NAME})?)"
    r"\s*(?:[,|/·•—–(-]|\d|\Z)"
)
_MONTH_AT_END = re.compile(r"\s+(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?\Z")
_BYLINE_AT_END = re.compile(r"\bby\s+(?P<name>[A-Z][\w.'’-]+(?:\s+[A-Z][\w.'’-]+){1,2})\s*\Z")
_LABELLED = re.compile(r"(?i:author|writer|words)\s*[:：]\s*(?P<name>\S.{2,60})\Z")
_LEAD = re.compile(
    r"\s*(?:(?:(?:written|words|story|posted|published|article)\s+)?by|author|words)\b\s*[:：]?\s*", re.I
)
#: Where a marked name ends: a role, a date, a count of minutes.
_TAIL = re.compile(
    r"\s*(?:[|·•—–@/(\n\d]|\s-\s|,\s|"
    r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?(?=\s+\d|\Z)|"
    r"\b(?:on|in|at|updated|published|posted|posts|joined|last|reviewed|medically|sponsored|min|staff|senior|contributing|tech|"
    r"(?:contributing\s+|staff\s+)?(?:writer|reporter|editor|contributor|correspondent)|founder|rn|md|phd)\b)",
    re.I,
)
_AND = re.compile(r",\s*|\s+and\s+|\s+&\s+")
_WHOLE_NAME = re.compile(rf"{_NAME}\Z")
#: What stands in the place of a name where nobody has filled it in.
_NOBODY = frozenset(
    "admin administrator undefined null none webmaster unknown anonymous author editor staff user root wordpress "
    "guest name".split()
)
#: With these a box about the author begins, not a name.
_NO_NAME_STARTS = frozenset("about meet the more our view read all".split())
#: Types of JSON-LD records whose author did not write the page.
_OTHERS = frozenset(("Comment", "Review", "Product", "Answer", "Question", "Recipe", "UserComments"))


def author_of(
    told: Iterable[str | None],
    records: Sequence[dict[str, Any]],
    marked: Sequence[str],
    lines: Iterable[str],
    near: Sequence[str],
    site_name: str | None,
) -> str | None:
    """The author of an HTML page.

    Full names of persons win over account names and organisations, wherever they stand; of two of a kind the first
    place counts.

    Parameters
    ----------
    told
        Contents of meta tags.
    records
        Objects of the JSON-LD.
    marked
        Texts of the elements that are marked as an author's name.
    lines
        All blocks' texts.
    near
        Those right below the heading.
    site_name
        The site's own name is no author if there is another.
    """
    ld = list(_of_records(records))
    candidates = [*map(_person, told), *ld, *map(_marked, marked), byline(lines)]
    candidates += [found["name"] for found in map(_BYLINE_AT_END.search, near) if found]
    candidates.append(labelled_author(near))
    names = [name for name in candidates if name and name.casefold() not in _NOBODY]
    own = _letters(site_name or "")
    full = [name for name in names if _is_full(name) and _letters(name) != own]
    return next(iter(full + names), None)


def byline(lines: Iterable[str]) -> str | None:
    """The name in the first line that begins like a byline.

    >>> byline(["by submitting this form you agree", "By Ada Wren | Harbor Health"])
    'Ada Wren'
    """
    for line in lines:
        if len(line) < 120 and line[:1] in "BbWwPpSsAa":
            found = _BYLINE.match(unglued(line))
            if found:
                return _MONTH_AT_END.sub("", found["name"])
    return None


def labelled_author(lines: Iterable[str]) -> str | None:
    """The name in the first line of the form "Author: name"."""
    found = next(filter(None, map(_LABELLED.match, lines)), None)
    return found["name"].strip() if found else None


def _person(text: str | None) -> str | None:
    """A name, not the address of a profile or a number."""
    name = html.unescape(text or "").strip().strip(",;")
    return None if "://" in name or len(name) > 120 or not re.search(r"[^\W\d_]", name) else name or None


def _marked(text: str) -> str | None:
    """The name in the text of a marked element, without "by" before it and role or date behind it."""
    name = " ".join(text[_lead(text) :].split(None, 12)[:12])
    name = _TAIL.split(name, maxsplit=1)[0].strip(" ,.:;")
    return name if _is_full(name) and name.split()[0].lower() not in _NO_NAME_STARTS else None


def _is_full(name: str) -> bool:
    """Whether all of it, or its first part, is a name of two words or more."""
    return bool(_WHOLE_NAME.match(_AND.split(name, maxsplit=1)[0]))


def _lead(text: str) -> int:
    found = _LEAD.match(text)
    return found.end() if found else 0


def _of_records(records: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the authors in JSON-LD; an author may be the reference to another record."""
    by_id = {r["@id"]: r for r in records if isinstance(r.get("@id"), str) and isinstance(r.get("name"), str)}
    names = []
    for record in records:
        kind = record.get("@type")
        if not _OTHERS.isdisjoint(kind if isinstance(kind, list) else [str(kind)]):
            continue
        authors = record.get("author") or record.get("creator")
        found = [_name(author, by_id) for author in (authors if isinstance(authors, list) else [authors])]
        joined = ", ".join(dict.fromkeys(filter(None, found)))
        if joined:
            names.append(joined)
    return names


def _name(author: Any, by_id: dict[str, dict[str, Any]]) -> str | None:
    if isinstance(author, dict):
        reference = author.get("@id")
        author = author.get("name") or (by_id.get(reference, {}).get("name") if isinstance(reference, str) else None)
    if isinstance(author, list):
        author = author[0] if author else None
    return _person(author) if isinstance(author, str) else None


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text.casefold())
