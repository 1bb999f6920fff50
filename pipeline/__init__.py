"""Healthsift: scraped health-news pages to cleaned, sectioned and tagged articles.

read -> parse -> clean -> split -> tag -> write: one module a stage, one word everywhere.

For Python users, three functions (`pipeline.api`), which load the shipped models at their first call:

>>> import pipeline
>>> article = pipeline.clean('''<nav><a href="/">Home</a> <a href="/sleep">Sleep</a></nav><article>
... <p>Hiccups come from eating too fast, because air is swallowed with the food and irritates the diaphragm.</p>
... <p>Sipping cold water or holding your breath for a moment usually ends them within a few minutes.</p></article>''')
>>> [(block.text[:16], verdict.keep) for block, verdict in zip(article.page.blocks, article.verdicts, strict=True)]
[('Home Sleep', False), ('Hiccups come fro', True), ('Sipping cold wat', True)]

`pipeline.tag(article)` gives its sections with tags, and `pipeline.run("pages", "out")` a whole run as pandas frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.api import clean, run, tag

__all__ = ["clean", "run", "tag"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported when asked for: `python -m pipeline --help` needs neither models nor tables.
    from importlib import import_module

    if name in ("clean", "tag"):  # packages that can be called, see `pipeline.callable_package`
        return import_module(f"pipeline.{name}")
    if name == "run":
        return import_module("pipeline.api").run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
