"""Why a block was dropped, in words a person understands.

The model gives the verdict; the reason is told by the first row of `RULES` that fits the block. The rules never
change a verdict. Most blocks say none of the words that rules look for, which one search tells for all rules at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.parse.dates import parse_date
from pipeline.records import Block

#: Every reason there is, with what it means. The first two are verdicts of their own; the others explain the model's.
REASONS: dict[str, str] = {
    "title": "the page's title, which has a column of its own",
    "repeated": "the same text was kept further up on the page",
    "breadcrumb": "the way from the home page to here, or the name of the dumped file",
    "counter": "how many have read, liked or shared it",
    "date or byline": "when it was published, and by whom",
    "comments": "what readers wrote",
    "share buttons": "an invitation to share, follow or print",
    "headline list": "one of several headlines of other articles, or the name of such a list",
    "teaser": "a line that leads to another article",
    "legal notice": "copyright, terms, privacy, cookies or a disclaimer",
    "promotion": "newsletter, subscription, advertising or the publisher's own offers",
    "about the author": "who wrote or reviewed it",
    "references": "sources and footnotes",
    "caption": "a picture's caption or credit",
    "navigation": "menu, search, page numbers or other ways around the site",
    "part of the site": "stands on many other pages of the site too",
    "outside the article": "stands in a part of the page that does not hold the article",
    "unlike an article": "its words are not those of an article",
}

#: A block is a part of the site if it stands on at least this share of its pages.
SITE_SHARE = 0.3


class Context(NamedTuple):
    """What a rule may look at besides the block itself."""

    is_html: bool
    places: frozenset[str]  # keys of `PLACES` that the names of the elements around it speak of
    heading: str  # the text of the heading it stands under, "" for none
    run_length: int  # like blocks in a row, this one among them
    word_score: float  # logits of the two linear models
    name_score: float
    site_share: float  # of the other pages of its site, how many it stands on, 0 to 1


class Rule(NamedTuple):
    """A reason holds for a block that says one of some words, if it is not too long, or for what is told or shown."""

    reason: str
    words: re.Pattern[str] | None = None  # searched for in lower case, in blocks of fewer characters than:
    below: int = 1 << 30
    told: Callable[[str], object] | None = None  # by the text; it says something that `_SAID` finds
    shown: Callable[[Block, Context], object] | None = None  # by anything else


def reason_of(block: Block, context: Context) -> str:
    """The reason for dropping a block: a key of `REASONS`."""
    text = block.text
    lower = text.lower()
    if not _SAID.search(lower):
        return next(reason for reason, shown in SILENT_RULES if shown(block, context))
    for reason, words, below, told, shown in RULES:
        if (
            (words and len(text) < below and words.search(lower))
            or (told and told(text))
            or (shown and shown(block, context))
        ):
            return reason
    raise AssertionError("the last rule holds for every block")


def alternatives(pattern: str) -> list[str]:
    """The alternatives of a regular expression that stand in no group.

    >>> alternatives("sign up|terms (?:of|and)")
    ['sign up', 'terms (?:of|and)']
    """
    parts, depth = [""], 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        if character == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _any(words: str) -> re.Pattern[str]:
    """What finds any of some words; they are grouped by their first letter, for the engine tries one by one."""
    by_letter: dict[str, list[str]] = {}
    for alternative in alternatives(words):
        by_letter.setdefault(alternative[0], []).append(alternative)
    groups = (rf"{'|'.join(group)}" if len(group) == 1 else _grouped(group) for group in by_letter.values())
    return re.compile(rf"\b(?:{'|'.join(groups)})\b")


def _grouped(alternatives: Sequence[str]) -> str:
    """Alternatives that begin with the same letter."""
    return rf"{alternatives[0][0]}(?:{'|'.join(alternative[1:] for alternative in alternatives)})"


_CRUMB = re.compile(r"(?:home|current|position|you are here|location|main ?page)\b.{0,60}[>›»/:：]", re.I)
_CRUMBS = re.compile(r"\s[>›»]\s.*\s[>›»]\s")
_FILE = re.compile(r"(?:file|path|文件(?:路径)?)\s*[:：]\s*\S+\.(?:html?|txt)", re.I)
_COUNTER = re.compile(
    r"(?:[^\W\d]+\s*){0,3}[(\[:：]\s*[\d,.]+\s*[km]?\s*[)\]]?\Z"
    r"|(?:views?|likes?|reads?|hits|shares?|comments?|praise)(?:\W*[\d,.]+[km]?)?\W*\Z"
    r"|[\d,.]+[km]?\s+(?:views?|likes?|comments?|shares?|reads)\Z",
    re.I,
)
_BYLINE = re.compile(r"(?:by|written by|author|published|updated|posted|last (?:updated|reviewed)|date)\b", re.I)
_COMMENTS = "comments?|reply|replies|respond|discussion"
_SHARE = "share|tweet|facebook|twitter|linkedin|pinterest|whatsapp|reddit|copy link|print|follow us|follow|e-?mail"
_HEADLINES = _any(
    r"related|ranking|recommend\w*|popular|trending|latest|most (?:read|viewed)|more (?:from|stories|on|news)|"
    r"read next|you (?:may|might)|top stories|editors?.? picks?|what's new|hot|featured|similar|recent|"
    r"next up|don't miss"
)
_GLUED = re.compile(r"[a-z0-9?]:[A-Z]")
_TEASER = re.compile(
    r"(?:also (?:read|see)|read (?:more|also|next)|see (?:also|more)|more(?: on)?:|related(?: \w+)?:|"
    r"continue reading|you may also|recommended:)",
    re.I,
)
_TEASER_END = re.compile(r"(?:(?:read|learn|see) more|keep reading)\W*\Z", re.I)
_LEGAL = (
    r"copyright|all rights reserved|privacy|terms (?:of|and)|cookies?|disclaimers?|substitute for (?:\w+ )*advice|"
    r"informational purposes"
)
_PROMOTION = (
    r"newsletters?|subscrib\w+|sign up|inbox|advertis\w+|sponsored|promo|coupons?|free trial|discount|shop now|buy now|"
    r"download (?:our|the) app|get started|book (?:an|your) appointment|contact us|"
    r"commissions?|membership|donate|register"
)
_AUTHOR = (
    r"reviewed by|about the author|medical(?:ly)? review\w*|fact.checked|has (?:covered|written)|edited by|"
    r"is an? (?:\w+ )?(?:writer|journalist|reporter|editor)|contributors?"
)
_REFERENCE = re.compile(r"\[?\d+[\].] |https?://", re.I)
_CITATION = r"doi|et al|sources?(?=:)"
_CREDIT = r"image credit|photo credit|getty images|shutterstock|photo(?:graph)? by|image:"
#: Whether a block says anything that a rule looks for: a word, the first of a line, or a mark.
_OPENINGS = (
    "by|written|author|published|updated|posted|last|date|views?|likes?|reads?|hits|shares?|praise|also|read|see|more|"
    "continue|you|recommended|reading"
)
_SAID = re.compile(
    r"[\d>›»/:：(\[]|"
    + _any("|".join((_OPENINGS, _COMMENTS, _SHARE, _LEGAL, _PROMOTION, _AUTHOR, _CITATION, _CREDIT))).pattern
)
#: Parts of a page that names of elements speak of.
PLACES = {
    "comments": _any(_COMMENTS),
    "author": _any("author|bio|byline|reviewer"),
    "references": _any("references?|citations?|footnotes?|bibliography"),
    "navigation": _any(
        "nav|navbar|navigation|menu|breadcrumbs?|pagination|pager|footer|header|sidebar|search|tabs|toc|skip"
    ),
}


@lru_cache(maxsize=1 << 14)
def places_named(tag: str, names: str) -> frozenset[str]:
    """The keys of `PLACES` that one element's tag and names speak of.

    >>> sorted(places_named("div", "comments author box"))
    ['author', 'comments']
    """
    return frozenset(place for place, pattern in PLACES.items() if pattern.search(f"{tag} {names}"))


def _is_crumb(text: str) -> bool:
    if len(text) >= 300:
        return False
    file_named = (".htm" in text or ".txt" in text) and bool(_FILE.search(text))
    return file_named or bool(_CRUMB.match(text) or _CRUMBS.search(text))


def _is_counter(text: str) -> bool:
    return len(text) < 40 and bool(_COUNTER.match(text))


def _is_byline(text: str) -> bool:
    date_alone = len(text) < 45 and parse_date(text) is not None
    return len(text) < 90 and (date_alone or bool(_BYLINE.match(text)))


def _is_teaser(text: str) -> bool:
    return len(text) < 200 and bool(_TEASER.match(text) or _TEASER_END.search(text[-40:]) or _GLUED.search(text))


def _is_headline(block: Block, context: Context) -> bool:
    """The name of a list of articles, a line under such a name, or a line of some words among its like."""
    words = block.text.count(" ") + 1
    if words <= 5 and _HEADLINES.search(block.text.lower()):
        return True
    among_likes = words >= 4 and context.run_length >= 3 and block.kind != "cell"
    return 3 <= words <= 30 and (among_likes or _announces_headlines(context.heading))


@lru_cache(maxsize=1 << 10)
def _announces_headlines(heading: str) -> bool:
    return len(heading) < 60 and bool(_HEADLINES.search(heading.lower()))


@lru_cache(maxsize=1 << 10)
def _announces_references(heading: str) -> bool:
    return bool(PLACES["references"].search(heading.lower()))


def _is_menu(block: Block, context: Context) -> bool:
    short_link = len(block.text) < 40 and (block.link_share > 0.5 or block.text[-1] not in ".!?")
    return short_link or "navigation" in context.places


#: The first row that holds tells the reason.
RULES: tuple[Rule, ...] = (
    Rule("breadcrumb", told=_is_crumb),
    Rule("counter", told=_is_counter),
    Rule("date or byline", told=_is_byline),
    Rule("comments", _any(_COMMENTS), 60, shown=lambda b, c: "comments" in c.places),
    Rule("share buttons", _any(_SHARE), 60),
    Rule("teaser", told=_is_teaser),
    Rule("legal notice", _any(_LEGAL)),
    Rule("headline list", shown=_is_headline),
    Rule("promotion", _any(_PROMOTION)),
    Rule("about the author", _any(_AUTHOR), shown=lambda b, c: "author" in c.places),
    Rule(
        "references",
        _any(_CITATION),
        told=_REFERENCE.match,
        shown=lambda b, c: "references" in c.places or _announces_references(c.heading),
    ),
    Rule("caption", _any(_CREDIT), shown=lambda b, c: b.kind == "caption"),
    Rule("navigation", shown=_is_menu),
    Rule("part of the site", shown=lambda b, c: c.site_share >= SITE_SHARE),
    Rule("outside the article", shown=lambda b, c: c.is_html and c.name_score < c.word_score),
    Rule("unlike an article", shown=lambda b, c: True),
)
#: What remains of the rules for a block that says nothing they look for.
SILENT_RULES = tuple((rule.reason, rule.shown) for rule in RULES if rule.shown)
