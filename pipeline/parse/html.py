"""HTML to blocks by Lexbor: HTML5 to the letter, about a millisecond a page. The front end that every run uses."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from pipeline.parse.walk import HtmlPage, walk


def parse_html(source: str | bytes) -> HtmlPage:
    """Parse and walk one page.

    Parameters
    ----------
    source : str, or bytes in UTF-8
        HTML of any quality; Lexbor repairs it as browsers do.
    """
    return walk(LexborHTMLParser(source).root, source)
