"""Builders that make a block or a page one line, and the shipped models, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.clean import Cleaner, load_cleaner
from pipeline.parse import parse
from pipeline.records import Block, ParsedPage, RawPage
from pipeline.shard import Models
from pipeline.tag import load_tagger

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"
#: Those of the shipped models.
LABELS = ("causes", "remedies", "warning_signs")
SHARED = ROOT.parent / "shared"


def block(text: str, kind: str = "paragraph", **more) -> Block:
    return Block(text, kind, **more)


def html_page(body: str, head: str = "") -> ParsedPage:
    return parse(RawPage("page", "page.html", f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"))


def text_page(text: str) -> ParsedPage:
    return parse(RawPage("page", "page.txt", text, False))


@pytest.fixture(scope="session")
def cleaner() -> Cleaner:
    return load_cleaner()


@pytest.fixture(scope="session")
def models(cleaner: Cleaner) -> Models:
    return Models(cleaner, load_tagger())
