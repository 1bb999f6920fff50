"""Title, date, author, site, url and language of a page: from its head, or from a dump's first lines."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pipeline.parse.dates import first_date, parse_date, unglued, visible_dates
from pipeline.parse.names import author_of, byline, labelled_author
from pipeline.parse.walk import HtmlPage
from pipeline.records import Block

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
#: A line says what the address says if it shares this much of their words (tried on dumps of real pages: 0.4, 0.6).
MIN_SLUG_SHARE = 0.5
#: Longer lines are no titles.
MAX_TITLE_CHARS = 160
#: A line of so many words is prose, whatever it ends with.
LONG_WORDS = 20
#: So close to each other stand the first two blocks of prose of an article.
PROSE_GAP = 4
_SHARE_WORDS = frozenset(
    "facebook twitter x pinterest whatsapp email e-mail linkedin reddit telegram print share".split()
)
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
    "citation_publication_date", "published", "published_date", "published-date",
)  # fmt: skip
_MODIFIED_META = (
    "article:modified_time", "og:updated_time", "datemodified", "last-modified", "lastmod", "dcterms.modified",
    "dc.date.modified",
)  # fmt: skip
_AUTHOR_META = (
    "author", "article:author", "dc.creator", "parsely-author", "sailthru.author", "citation_author",
)  # fmt: skip
#: So many blocks below the first heading may show date and author (8 find more than 4; they end before the prose).
NEAR_BLOCKS = 8
#: Longer lines are prose: the days that they name are those of the story.
SHORT_CHARS = 60
#: How many of a dump's first blocks may carry its title, date and author.
HEAD_BLOCKS = 15


class Metadata(NamedTuple):
    """What a page tells about itself; None where it does not."""

    title: str | None = None
    date: str | None = None  # of publication; of the last change where that is all it tells
    modified: str | None = None
    author: str | None = None
    url: str | None = None
    site_name: str | None = None
    language: str | None = None


def html_metadata(page: HtmlPage) -> Metadata:
    """From meta tags, JSON-LD, marked elements, the first heading and what stands around it, and the head's title."""
    meta = page.meta
    records = list(_json_ld_records(page.json_ld))
    site_name = meta.get("og:site_name") or meta.get("application-name") or _site_of_records(records)
    site_name = html.unescape(site_name) if site_name else None
    title = _html_title(page, site_name)
    near = _near_heading(page.blocks)
    shown = visible_dates(near)
    published = (
        first_date([meta.get(key) for key in _DATE_META])
        or first_date(_string(record.get("datePublished")) for record in records)
        or first_date(page.marked.get("datePublished", ()))
        or shown.published
    )
    modified = (
        first_date([meta.get(key) for key in _MODIFIED_META])
        or first_date(_string(record.get("dateModified")) for record in records)
        or first_date(page.marked.get("dateModified", ()))
        or shown.modified
    )
    published = published or first_date(page.times[:3]) or visible_dates(page.marked.get("date", ())).published
    if not (published or modified):  # "Last updated: ..." is often the last line of a page
        modified = visible_dates(b.text for b in page.blocks if len(b.text) < SHORT_CHARS).modified
    author = author_of(
        [meta.get(key) for key in _AUTHOR_META],
        records,
        page.marked.get("author", ()),
        _from_heading(page.blocks),
        near,
        site_name,
    )
    urls = (page.links.get("canonical"), meta.get("og:url"))
    url = next((u.strip() for u in urls if u and u.strip().lower().startswith(("http://", "https://"))), None)
    language = (page.language or meta.get("og:locale") or "").replace("_", "-").split("-")[0].lower()
    return Metadata(
        title, published or modified, modified, author, url, site_name, language if len(language) == 2 else None
    )


def text_metadata(blocks: Sequence[Block], url: str | None = None) -> Metadata:
    """From a dump's first lines and its address: the fused first line, a repeated title, a date line, a byline."""
    head = blocks[:HEAD_BLOCKS]
    lines = [block.text for block in head]
    shown = visible_dates(line for line in lines if len(line) < SHORT_CHARS)
    author = byline(lines) or labelled_author(lines)
    return Metadata(_text_title(blocks, url), shown.published or shown.modified, shown.modified, author)


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
    first = _first_heading(blocks)
    return (
        []
        if first is None
        else [unglued(b.text) for b in blocks[first + 1 : first + 1 + NEAR_BLOCKS] if len(b.text) < 120]
    )


def _from_heading(blocks: Sequence[Block]) -> list[str]:
    """The blocks below the first heading, or all: menus above it have lines like "By topic"."""
    return [block.text for block in blocks[_first_heading(blocks) or 0 :]]


def _first_heading(blocks: Sequence[Block]) -> int | None:
    return next((i for i, b in enumerate(blocks) if b.kind == "heading" and b.level == 1), None)


def _html_title(page: HtmlPage, site_name: str | None) -> str | None:
    """The heading that says what the head says; else what the head says, without the site's name.

    A heading that is only the site's name, or the last part of the head's title, is the banner of the site.
    """
    told = html.unescape(page.meta.get("og:title") or page.meta.get("twitter:title") or "")
    headings = [b.text for b in page.blocks if b.kind == "heading" and b.level == 1]
    parts = _TITLE_BORDER.split(page.head_title)
    banner = {_letters(site_name or ""), _letters(parts[-1]) if len(parts) > 1 else ""}
    titles = [text for text in headings if _letters(text) not in banner]
    title = _matching(titles, told or page.head_title) or _matching(titles, page.head_title)
    if title:
        return title
    if len(titles) == 1 and len(titles[0].split()) >= MIN_TITLE_WORDS:
        return titles[0]
    if told and site_name:
        told = _without_suffix(told, site_name)
    return (_without_site(told, titles) if "|" in told else told) or _without_site(page.head_title, titles) or None


def _site_of_records(records: Sequence[dict[str, Any]]) -> str | None:
    """The name of the site, or of its publisher, in JSON-LD."""
    for record in records:
        publisher = record.get("publisher")
        for told in (record if record.get("@type") == "WebSite" else None, publisher):
            name = told.get("name") if isinstance(told, dict) else None
            if isinstance(name, str) and name.strip():
                return name.strip()
    return None


def _text_title(blocks: Sequence[Block], url: str | None) -> str | None:
    """The title of a dump, by what tells it best.

    First the line that the fused first line ends with; then the line that says what the address says; then the line
    that repeats the window's title in the first line; else the last long line before the prose begins.
    """
    if not blocks:
        return None
    first = without_file_marker(blocks[0].text)
    prose = _start_of_prose(blocks)
    end = HEAD_BLOCKS if prose is None else prose
    candidates = [block.text for block in blocks[max(1, end - HEAD_BLOCKS) : end] if _may_be_title(block.text)]
    fused = [text for text in candidates if first.endswith(text) or first.startswith(text)]
    if fused:
        return max(fused, key=len)
    if len(first) != len(blocks[0].text):  # a fused line whose title is not repeated
        crumb = _CRUMB_BORDER.split(first)[-1]
        return _GLUED.split(crumb, maxsplit=1)[-1] or None
    title = _title_by_address(blocks, url) or (None if _is_prose(first) else _title_by_window(blocks, first))
    if title:
        return title
    if candidates and prose is not None:
        return max(candidates, key=candidates.count) if len(set(candidates)) < len(candidates) else candidates[-1]
    return _without_site(first, []) if not _is_prose(first) else None


def _start_of_prose(blocks: Sequence[Block]) -> int | None:
    """The first block of prose that another one follows closely (notices stand alone); else the first long one."""
    prose = [i for i, block in enumerate(blocks) if _is_prose(block.text)]
    close = (i for i, after in zip(prose, prose[1:], strict=False) if after - i <= PROSE_GAP)
    long = (i for i in prose if len(blocks[i].text.split()) >= LONG_WORDS)
    return next(close, next(long, None))


def _may_be_title(text: str) -> bool:
    words = text.lower().split()
    shares = sum(word.strip(",.|") in _SHARE_WORDS for word in words)
    return len(words) >= MIN_TITLE_WORDS and 2 * shares < len(words) and not parse_date(text) and not byline([text])


def _title_by_address(blocks: Sequence[Block], url: str | None) -> str | None:
    """The line whose words are those of the address's last part, if it has enough of them."""
    try:
        path = urlsplit(url or "").path
    except ValueError:
        return None
    slug = {w for w in re.split(r"[^a-z0-9]+", path.rstrip("/").rsplit("/", 1)[-1].lower()) if w} - {
        "html",
        "htm",
        "php",
    }
    if len(slug) < MIN_TITLE_WORDS - 1:
        return None
    best, title = MIN_SLUG_SHARE, None
    for block in blocks:
        if len(block.text) <= MAX_TITLE_CHARS:
            words = set(re.findall(r"[a-z0-9]+", block.text.lower().replace("’", "").replace("'", "")))
            share = len(words & slug) / len(words | slug)
            if share > best:
                best, title = share, block.text
    return title and _without_site(title, [block.text for block in blocks[1:]])


def _title_by_window(blocks: Sequence[Block], first: str) -> str | None:
    """The line that repeats the first one, or a part of it: dumps begin with the title of the window."""
    parts = {_letters(part) for part in (*_TITLE_BORDER.split(first), first) if len(part.split()) >= MIN_TITLE_WORDS}
    return next((block.text for block in blocks[1:] if _letters(block.text) in parts), None)


def _is_prose(text: str) -> bool:
    words = len(text.split())
    return (words >= LONG_WORDS or (words >= 8 and text.endswith("."))) and "cookie" not in text


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


def _json_ld_records(scripts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every object of the page's JSON-LD, `@graph` opened; what is no JSON is passed over."""
    for script in scripts:
        try:
            stack = [json.loads(html.unescape(script) if "&quot;" in script else script, strict=False)]
        except (ValueError, RecursionError):
            continue
        while stack:
            value = stack.pop()
            if isinstance(value, list):
                stack.extend(reversed(value))
            elif isinstance(value, dict):
                yield value
                stack.append(value.get("@graph"))


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
