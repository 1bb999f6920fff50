"""Why a block was dropped, in words a person understands.

The model gives the verdict; the reason is told by the first row of `RULES` that fits the block. The rules never
change a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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


Rule = Callable[[Block, Context], object]


def reason_of(block: Block, context: Context) -> str:
    """The reason for dropping a block: a key of `REASONS`."""
    return next(reason for reason, rule in RULES if rule(block, context))


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b", re.I)


_CRUMB = re.compile(
    r"\A(?:home|current|position|you are here|location|main ?page)\b.{0,60}[>›»/:：]"
    r"|\s[>›»]\s.*\s[>›»]\s",
    re.I,
)
_FILE = re.compile(r"(?:file|path|文件(?:路径)?)\s*[:：]\s*\S+\.(?:html?|txt)", re.I)
_COUNTER = re.compile(
    r"(?:[^\W\d]+\s*){0,3}[(\[:：]\s*[\d,.]+\s*[km]?\s*[)\]]?\Z"
    r"|(?:views?|likes?|reads?|hits|shares?|comments?|praise)(?:\W*[\d,.]+[km]?)?\W*\Z"
    r"|[\d,.]+[km]?\s+(?:views?|likes?|comments?|shares?|reads)\Z",
    re.I,
)
_BYLINE = re.compile(r"\A(?:by|written by|author|published|updated|posted|last (?:updated|reviewed)|date)\b", re.I)
_COMMENTS = _any("comments?|reply|replies|respond|discussion")
_SHARE = _any(
    "share|tweet|facebook|twitter|linkedin|pinterest|whatsapp|reddit|copy link|print|follow us|follow|e-?mail"
)
_HEADLINES = _any(
    r"related|ranking|recommend\w*|popular|trending|latest|most (?:read|viewed)|more (?:from|stories|on|news)|"
    r"read next|you (?:may|might)|top stories|editors?.? picks?|what's new|hot|featured|similar|recent|"
    r"next up|don't miss"
)
_GLUED = re.compile(r"[a-z0-9?]:[A-Z]")
_TEASER = re.compile(
    r"\A(?:also (?:read|see)|read (?:more|also|next)|see (?:also|more)|more(?: on)?:|related(?: \w+)?:|"
    r"continue reading|you may also|recommended:)|(?:read|learn|see) more\W*\Z|keep reading\W*\Z",
    re.I,
)
_LEGAL = _any(
    r"copyright|all rights reserved|privacy|terms (?:of|and)|cookies?|disclaimers?|substitute for (?:\w+ )*advice|"
    r"informational purposes"
)
_PROMOTION = _any(
    r"newsletters?|subscrib\w+|sign up|inbox|advertis\w+|sponsored|promo|coupons?|free trial|discount|shop now|buy now|"
    r"download (?:our|the) app|get started|book (?:an|your) appointment|contact us|"
    r"commissions?|membership|donate|register"
)
_AUTHOR = _any(
    r"reviewed by|about the author|medical(?:ly)? review\w*|fact.checked|has (?:covered|written)|edited by|"
    r"is an? (?:\w+ )?(?:writer|journalist|reporter|editor)|contributors?"
)
_REFERENCE = re.compile(r"\bdoi\b|\bet al\b|\A\[?\d+[\].] |\bsources?:|\Ahttps?://", re.I)
_CREDIT = _any(r"(?:image|photo) credit|getty images|shutterstock|photo(?:graph)? by|image:")
#: Parts of a page that names of elements speak of.
PLACES = {
    "comments": _COMMENTS,
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


def _is_byline(block: Block, context: Context) -> bool:
    date_alone = len(block.text) < 45 and parse_date(block.text) is not None
    return len(block.text) < 90 and (date_alone or bool(_BYLINE.match(block.text)))


def _is_headline(block: Block, context: Context) -> bool:
    """The name of a list of articles, a line under such a name, or a line of some words among its like."""
    words = block.text.count(" ") + 1
    if words <= 5 and _HEADLINES.search(block.text):
        return True
    announced = len(context.heading) < 60 and bool(_HEADLINES.search(context.heading))
    return 3 <= words <= 30 and (announced or (words >= 4 and context.run_length >= 3 and block.kind != "cell"))


def _is_reference(block: Block, context: Context) -> bool:
    named = "references" in context.places or PLACES["references"].search(context.heading)
    return bool(named or _REFERENCE.search(block.text))


def _is_menu(block: Block, context: Context) -> bool:
    short_link = len(block.text) < 40 and (block.link_share > 0.5 or block.text[-1] not in ".!?")
    return short_link or "navigation" in context.places


#: The first row that holds tells the reason.
RULES: tuple[tuple[str, Rule], ...] = (
    ("breadcrumb", lambda b, c: len(b.text) < 300 and (_FILE.search(b.text) or _CRUMB.search(b.text))),
    ("counter", lambda b, c: len(b.text) < 40 and _COUNTER.match(b.text)),
    ("date or byline", _is_byline),
    ("comments", lambda b, c: "comments" in c.places or (len(b.text) < 60 and _COMMENTS.search(b.text))),
    ("share buttons", lambda b, c: len(b.text) < 60 and _SHARE.search(b.text)),
    ("teaser", lambda b, c: len(b.text) < 200 and (_TEASER.search(b.text) or _GLUED.search(b.text))),
    ("legal notice", lambda b, c: _LEGAL.search(b.text)),
    ("headline list", _is_headline),
    ("promotion", lambda b, c: _PROMOTION.search(b.text)),
    ("about the author", lambda b, c: _AUTHOR.search(b.text) or "author" in c.places),
    (
        "references",
        lambda b, c: "references" in c.places or PLACES["references"].search(c.heading) or _REFERENCE.search(b.text),
    ),
    ("caption", lambda b, c: b.kind == "caption" or _CREDIT.search(b.text)),
    ("navigation", _is_menu),
    ("part of the site", lambda b, c: c.site_share >= SITE_SHARE),
    ("outside the article", lambda b, c: c.is_html and c.name_score < c.word_score),
    ("unlike an article", lambda b, c: True),
)
