"""The other tools, each as a function from HTML to the text of the article."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
from collections.abc import Callable
from typing import NamedTuple

Extract = Callable[[str], str]


class Tool(NamedTuple):
    """A tool to compare with."""

    name: str
    distribution: str  # what it is installed as
    build: Callable[[], Extract]  # imports it


def _trafilatura() -> Extract:
    module = importlib.import_module("trafilatura")
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    return lambda html: module.extract(html, include_comments=False) or ""


def _resiliparse() -> Extract:
    module = importlib.import_module("resiliparse.extract.html2text")
    return lambda html: module.extract_plain_text(html, main_content=True, alt_texts=False, comments=False)


def _readability() -> Extract:
    document = importlib.import_module("readability").Document
    logging.getLogger("readability").setLevel(logging.CRITICAL)
    soup = importlib.import_module("bs4").BeautifulSoup
    return lambda html: soup(document(html).summary(), "lxml").get_text("\n")


def _justext() -> Extract:
    module = importlib.import_module("justext")
    stop_words = module.get_stoplist("English")
    return lambda html: "\n".join(p.text for p in module.justext(html, stop_words) if not p.is_boilerplate)


#: All of them. Comments are left out where a tool can be told so, as the references leave them out.
TOOLS: tuple[Tool, ...] = (
    Tool("trafilatura, no comments", "trafilatura", _trafilatura),
    Tool("resiliparse, main content", "resiliparse", _resiliparse),
    Tool("readability-lxml", "readability-lxml", _readability),
    Tool("justext", "justext", _justext),
)


def version(tool: Tool) -> str | None:
    """The version that is installed, None where it is not."""
    try:
        return importlib.metadata.version(tool.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
