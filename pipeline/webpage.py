"""What the HTML pages we write have in common: one environment, one policy, passages with their marks and chips.

Page text is hostile: it meets HTML in templates only, where everything is escaped, and a Content-Security-Policy
lets only the style and the script of the template act, by their hashes. `parts.html.j2` has what templates share.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent
#: Kinds of page that are not tagged, and how to say so.
UNTAGGED_KINDS = {
    "list": "it is a list of headlines or links",
    "other": "it is neither an article nor a forum",
    "none": "no article was found on it",
}
#: Characters that UTF-8 or HTML cannot carry: lone surrogates, NUL and its kin, non-characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: The same as they stand in JSON; finds some that are none, as in a path "C:\\bin".
_UNWRITABLE_IN_JSON = re.compile(r"\\u00[01]|\\[bf]|[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Chip(NamedTuple):
    """A tag in words, with its probability or its count of passages."""

    key: str
    word: str
    value: str


class Segment(NamedTuple):
    """A stretch of a passage, with the tags whose carrying sentence it belongs to."""

    text: str
    tags: tuple[str, ...]
    words: str  # the same tags as a reader sees them


class PassageView(NamedTuple):
    """A passage as it is shown."""

    kind: str
    segments: list[Segment]
    chips: list[Chip]
    others: list[Chip]  # the tags it does not carry
    why: list[tuple[str, list[tuple[str, str]]]]  # tag in words, its terms with their weights


def open_environment() -> jinja2.Environment:
    """The environment that all templates are rendered in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_writable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(csp_hash=_csp_hash)
    return environment


def mark_evidence(text: str, evidence: Iterable[Mapping[str, Any]]) -> list[Segment]:
    """Cut a passage at the borders of its carrying sentences; the segments join to `text`.

    `evidence` are dicts with `tag`, `start` and `end`, characters of `text`; what lies outside is ignored.

    >>> [s[:2] for s in mark_evidence("Rest. Call a doctor.", [{"tag": "remedies", "start": 0, "end": 5}])]
    [('Rest.', ('remedies',)), (' Call a doctor.', ())]
    """
    spans = [(max(0, e["start"]), min(len(text), e["end"]), e["tag"]) for e in evidence]
    spans = [span for span in spans if span[0] < span[1]]
    cuts = sorted({0, len(text), *(at for start, end, _ in spans for at in (start, end))})
    segments = []
    for start, end in pairwise(cuts):
        tags = tuple(tag for first, last, tag in spans if first <= start and end <= last)
        segments.append(Segment(text[start:end], tags, ", ".join(map(tag_word, tags))))
    return segments


def view_passage(row: Mapping[str, Any], labels: Sequence[str]) -> PassageView:
    """A row of `passages` as it is shown; `labels` are those of the tagger."""
    tags, evidence = row["tags"] or [], row["evidence"] or []
    others = [tag for tag in labels if tag not in tags and row[tag] is not None]
    terms = [(tag_word(e["tag"]), [(t["term"], f"{t['weight']:+.2f}") for t in e["terms"] or ()]) for e in evidence]
    return PassageView(
        kind=row["kind"],
        segments=mark_evidence(row["text"], evidence),
        chips=tag_chips(row, tags),
        others=tag_chips(row, others),
        why=[(word, weights) for word, weights in terms if weights],
    )


def is_web_address(url: str | None) -> bool:
    """Whether a url may become a link: http or https with a host; never `javascript:` and the like."""
    try:
        parts = urlsplit(url or "")
    except ValueError:  # such as an unclosed "[" in the host
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def tag_chips(row: Mapping[str, Any], tags: Iterable[str]) -> list[Chip]:
    """Tags with their probabilities, which stand in a row under their names."""
    return [Chip(tag, tag_word(tag), score_text(row.get(tag))) for tag in tags]


def why_untagged(page_kind: str, language: str | None) -> str:
    """Why a page of this kind and language has no tags; "" where it may have some."""
    if page_kind in UNTAGGED_KINDS:
        return f"Not tagged: {UNTAGGED_KINDS[page_kind]}. Only articles and forums are tagged."
    if language not in (None, "en"):
        return f"Not tagged: its language is “{language}”. Only English is tagged."
    return ""


def readable(key: str | None) -> str:
    """A key of ours in words.

    >>> readable("warning_signs")
    'warning signs'
    """
    return (key or "unknown").replace("_", " ")


def tag_word(label: str) -> str:
    """A label as a reader sees it.

    >>> tag_word("warning_signs")
    'Warning signs'
    """
    return readable(label).capitalize()


def tag_words(labels: Iterable[str]) -> dict[str, str]:
    """Labels with the words a reader sees."""
    return {label: tag_word(label) for label in labels}


def score_text(score: float | None) -> str:
    """A probability as it is shown, "" for none."""
    return "" if score is None else f"{score:.2f}"


def writable(text: str) -> str:
    """A text with what UTF-8 and HTML cannot carry, and terminals would obey, replaced.

    >>> writable("bell \\x07")
    'bell \ufffd'
    """
    return _UNWRITABLE.sub("\ufffd", text)


def script_json(value: Any) -> str:
    """A value as JSON that can stand in a script element.

    >>> script_json(["</script>", 1.5, None])
    '["\\\\u003c/script>",1.5,null]'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if _UNWRITABLE_IN_JSON.search(text):  # seldom; looking at every string of every page would take as long as the rest
        text = json.dumps(_writable_tree(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _writable_tree(value: Any) -> Any:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {key: _writable_tree(inner) for key, inner in value.items()}
    return [_writable_tree(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _writable(value: Any) -> Any:
    """What the template puts out, without the characters that cannot be written; markup is our own."""
    return value if not isinstance(value, str) or isinstance(value, Markup) else writable(value)


def _csp_hash(source: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")  # a hash, so nothing that would need escaping
