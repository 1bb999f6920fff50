"""Title, date, author, site, url and language of a page: from its head, or from a dump's first lines."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pipeline.parse.walk import HtmlPage
from pipeline.records import Block

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
_DATES = (
    re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})(?!\d)"),
    re.compile(r"(?<![\d-])(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>(?:19|20)\d\d)(?!\d)"),  # as in the US
    re.compile(rf"\b(?P<name>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>(?:19|20)\d\d)\b", re.I),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<name>{_MONTH})\.?,?\s+(?P<year>(?:19|20)\d\d)\b", re.I),
)
_VISIBLE_BYLINE = re.compile(r"\bby\s+(?P<name>[A-Z][\w.'’-]+(?:\s+[A-Z][\w.'’-]+){1,2})\s*\Z")
_BYLINE = re.compile(
    r"(?:written\s+)?by:?\s+(?P<name>[A-Z][\w.'’-]+(?:\s+[A-Z][\w.'’-]+){1,3})\s*(?:[,|·•—–(]|\Z)", re.I
)
_AUTHOR_LINE = re.compile(r"author\s*[:：]\s*(?P<name>\S.{2,60})\Z", re.I)
_FILE_MARKER = re.compile(
    r"[\s_|·–—-]*[\[(【<]?\s*(?:file(?:\s*path|\s*name)?|source\s*file|path|文件(?:路径)?)\s*[:：]\s*\S+\.(?:html?|txt)"
    r"\s*[\])】>]?\s*\Z",
    re.I,
)
_CRUMB_BORDER = re.compile(r"\s*[>›»/:：]\s*")
#: "WellnessHow to": the end of a breadcrumb and the title without a blank between.
_GLUED = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: Shorter lines in a dump's head are menus and labels.
MIN_TITLE_WORDS = 4
#: What stands between the title and the site's name in <title>.
_TITLE_BORDER = re.compile(r"\s+[|–—·»-]\s+|\s+::\s+")
#: Public suffixes of two parts that are common enough to know; any other suffix counts as one part.
_TWO_PART_SUFFIXES = frozenset(
    "co.uk org.uk ac.uk gov.uk nhs.uk com.au net.au org.au gov.au edu.au co.nz org.nz co.jp or.jp co.in org.in gov.in "
    "com.br com.mx com.ar com.co com.tr com.cn com.hk com.sg com.my com.tw co.za co.kr co.il com.ng com.ph".split()
)
_DATE_META = (
    "article:published_time", "og:published_time", "datepublished", "date", "dc.date", "dc.date.issued",
    "dcterms.date", "pubdate", "publishdate", "publish-date", "publish_date", "parsely-pub-date", "sailthru.date",
    "citation_publication_date",
)  # fmt: skip
_AUTHOR_META = ("author", "article:author", "dc.creator", "parsely-author", "sailthru.author", "citation_author")
#: How many of a dump's first blocks may carry its title, date and author.
HEAD_BLOCKS = 15


class Metadata(NamedTuple):
    """What a page tells about itself; None where it does not."""

    title: str | None = None
    date: str | None = None
    author: str | None = None
    url: str | None = None
    site_name: str | None = None
    language: str | None = None


def html_metadata(page: HtmlPage) -> Metadata:
    """From meta tags, JSON-LD, `<time>`, the first heading and the title of the head."""
    meta = page.meta
    records = list(_json_ld_records(page.json_ld))
    headings = [b.text for b in page.blocks if b.kind == "heading" and b.level == 1]
    head_title = _without_site(page.head_title, headings)
    told = meta.get("og:title") or meta.get("twitter:title")
    title = _matching(headings, told or page.head_title) or _matching(headings, page.head_title)
    if not title:
        title = (
            headings[0] if len(headings) == 1 and len(headings[0].split()) >= MIN_TITLE_WORDS else told or head_title
        )
    site_name = meta.get("og:site_name")
    if site_name and title and title not in headings:
        title = _without_suffix(title, site_name)
    date = _first_date([meta.get(key) for key in _DATE_META])
    date = date or _first_date([_string(r.get("datePublished")) for r in records]) or _first_date(page.times[:3])
    near = _near_heading(page.blocks)
    date = date or _first_date(near)
    author = next((_person(meta[key]) for key in _AUTHOR_META if meta.get(key)), None)
    author = author or next(filter(None, (_author_of(r) for r in records)), None) or _byline(page.blocks)
    author = author or next((found["name"] for found in map(_VISIBLE_BYLINE.search, near) if found), None)
    urls = (page.links.get("canonical"), meta.get("og:url"))
    url = next((u.strip() for u in urls if u and u.strip().lower().startswith(("http://", "https://"))), None)
    language = (page.language or meta.get("og:locale") or "").replace("_", "-").split("-")[0].lower()
    return Metadata(title or None, date, author, url, site_name, language if len(language) == 2 else None)


def text_metadata(blocks: Sequence[Block]) -> Metadata:
    """From a dump's first lines: the fused first line, a repeated title, a date line, a byline."""
    head = blocks[:HEAD_BLOCKS]
    title = _text_title(head)
    date = next(filter(None, (parse_date(b.text) for b in head if len(b.text) < 60)), None)
    author = _byline(head)
    if not author:
        found = next(filter(None, (_AUTHOR_LINE.match(b.text) for b in head)), None)
        author = found["name"].strip() if found else None
    return Metadata(title, date, author)


def parse_date(text: str | None) -> str | None:
    """The first date in a text as an ISO 8601 day; None if there is none, or none that exists.

    >>> parse_date("Posted on March 4, 2025 at 9:00"), parse_date("2023年02月11日"), parse_date("31 February 2020")
    ('2025-03-04', '2023-02-11', None)
    """
    for pattern in _DATES:
        found = pattern.search(text or "")
        if found:
            parts = found.groupdict()
            month = _MONTHS[parts["name"].lower()] if "name" in parts else int(parts["month"])
            try:
                return datetime.date(int(parts["year"]), month, int(parts["day"])).isoformat()
            except ValueError:
                continue
    return None


def site_of(url: str | None) -> str | None:
    """The registrable domain of an address, None if it has none.

    >>> site_of("https://news.health.example.co.uk/a?b"), site_of("mailto:x")
    ('example.co.uk', None)
    """
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        return None
    labels = host.strip(".").lower().split(".")
    if len(labels) < 2:
        return None
    if labels[-1].isdigit():  # an IP address
        return host
    return ".".join(labels[-3:] if ".".join(labels[-2:]) in _TWO_PART_SUFFIXES else labels[-2:])


def without_file_marker(line: str) -> str:
    """A fused first line without the name of the file at its end.

    >>> without_file_marker("Home>NewsDry eyes -File: temp/html/a/nam12.html")
    'Home>NewsDry eyes'
    """
    return _FILE_MARKER.sub("", line)


def _near_heading(blocks: Sequence[Block]) -> list[str]:
    """The short blocks right below the first heading, where a page shows its date and author."""
    first = next((i for i, b in enumerate(blocks) if b.kind == "heading" and b.level == 1), None)
    return [] if first is None else [b.text for b in blocks[first + 1 : first + 5] if len(b.text) < 120]


def _text_title(head: Sequence[Block]) -> str | None:
    """The line that the fused first line ends with; else the last long line before the prose begins."""
    if not head:
        return None
    first = without_file_marker(head[0].text)
    prose = next((i for i, b in enumerate(head) if _is_prose(b.text)), len(head))
    candidates = [b.text for b in head[1:prose] if len(b.text.split()) >= MIN_TITLE_WORDS and not parse_date(b.text)]
    fused = [text for text in candidates if first.endswith(text) or first.startswith(text)]
    if fused:
        return max(fused, key=len)
    if len(first) != len(head[0].text):  # a fused line whose title is not repeated
        crumb = _CRUMB_BORDER.split(first)[-1]
        return _GLUED.split(crumb, maxsplit=1)[-1] or None
    if candidates:
        return max(candidates, key=candidates.count) if len(set(candidates)) < len(candidates) else candidates[-1]
    return _without_site(first, []) if not _is_prose(first) else None


def _is_prose(text: str) -> bool:
    return len(text.split()) >= 20 and "cookie" not in text


def _without_site(title: str, headings: Sequence[str]) -> str:
    """The longest part of a head title, or the part that is a heading."""
    parts = _TITLE_BORDER.split(title)
    return next((part for part in parts if part in headings), max(parts, key=len, default=""))


def _without_suffix(title: str, site_name: str) -> str:
    cut = re.sub(rf"\s*[|–—·»:-]+\s*{re.escape(site_name)}\s*\Z", "", title, flags=re.I)
    return cut or title


def _matching(headings: Iterable[str], title: str) -> str | None:
    """The heading that says what the head's title says."""
    wanted = _letters(title)
    for heading in headings:
        found = _letters(heading)
        if len(found) >= 8 and (found in wanted or (wanted and wanted in found)):
            return heading
    return None


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text.lower())


def _first_date(texts: Iterable[str | None]) -> str | None:
    return next(filter(None, (parse_date(text) for text in texts)), None)


def _person(text: str) -> str | None:
    """A name, not an address of a profile."""
    return None if "://" in text or len(text) > 80 else text.strip() or None


def _byline(blocks: Iterable[Block]) -> str | None:
    for block in blocks:
        if len(block.text) < 120 and block.text[:1] in "BbWw":
            found = _BYLINE.match(block.text)
            if found:
                return found["name"]
    return None


def _json_ld_records(scripts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every object of the page's JSON-LD, `@graph` opened; what is no JSON is passed over."""
    for script in scripts:
        try:
            stack = [json.loads(script, strict=False)]
        except (ValueError, RecursionError):
            continue
        while stack:
            value = stack.pop()
            if isinstance(value, list):
                stack.extend(reversed(value))
            elif isinstance(value, dict):
                yield value
                stack.append(value.get("@graph"))


def _author_of(record: dict[str, Any]) -> str | None:
    author = record.get("author")
    if isinstance(author, list):
        author = author[0] if author else None
    if isinstance(author, dict):
        author = author.get("name")
    return _person(author) if isinstance(author, str) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
