"""The stages as functions for Python users: `pipeline.clean`, `pipeline.tag` and `pipeline.run`.

>>> import pipeline
>>> page = '''
... <ul class="menu"><li><a href="/">Home</a></li><li><a href="/news">News</a></li></ul>
... <h1>Hiccups</h1>
... <h2>What causes hiccups?</h2>
... <p>Eating too fast is the most common cause of hiccups, because air is swallowed with the food.</p>
... <p>Fizzy drinks and sudden excitement can set them off too, since both irritate the diaphragm.</p>
... <h2>When should you see a doctor?</h2>
... <p>Call a doctor if hiccups last longer than two days, or if you have trouble swallowing.</p>
... '''
>>> article = pipeline.clean(page)
>>> article.page_kind, article.text.startswith("What causes hiccups?")
('article', True)
>>> [(tagged.section.heading, tagged.tags) for tagged in pipeline.tag(article)]
[('What causes hiccups?', ('causes',)), ('When should you see a doctor?', ('warning_signs',))]
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.clean import Cleaner, load_cleaner
from pipeline.clean import clean as clean_page
from pipeline.engine import Progress, RunOptions
from pipeline.engine import run as run_all
from pipeline.model_store import SHIPPED
from pipeline.parse import NoText, parse
from pipeline.records import Article, RawPage, TaggedSection
from pipeline.shard import tag_article
from pipeline.store import folder
from pipeline.tag import Tagger, load_tagger

if TYPE_CHECKING:
    from pipeline.batch import Batch

__all__ = ["NoText", "clean", "run", "shipped_cleaner", "shipped_tagger", "tag"]

StrPath = str | os.PathLike[str]


@cache
def shipped_cleaner() -> Cleaner:
    """The cleaner that comes with the package, loaded once a process."""
    return load_cleaner()


@cache
def shipped_tagger() -> Tagger:
    """The tagger that comes with the package, loaded once a process."""
    return load_tagger()


def clean(page: str | bytes, url: str | None = None, *, cleaner: Cleaner | None = None) -> Article:
    """Clean one page.

    Parameters
    ----------
    page : str or bytes
        HTML or a text dump, whichever its content shows; the encoding of bytes is found out.
    url : str, optional
        Where it is from; gives the site, and tells a forum.
    cleaner : Cleaner, optional
        From `pipeline.clean.load_cleaner`; by default the shipped one.

    Returns
    -------
    Article
        Every block with its verdict, score and reason; `article.text` is the cleaned text, without the title.

    Raises
    ------
    NoText
        If the page is empty or binary. Any other page, however broken, gives an article, if one without text.
    TypeError
        If `page` is neither str nor bytes.

    >>> clean("")
    Traceback (most recent call last):
    ...
    pipeline.parse.NoText: the page is empty
    """
    if not isinstance(page, str | bytes):
        raise TypeError(f"page is of type {type(page).__name__}; give str or bytes (a file: Path(name).read_bytes())")
    name = url or "page"
    return clean_page(parse(RawPage(name, name, page, url=url)), cleaner or shipped_cleaner())


def tag(article: Article, *, tagger: Tagger | None = None) -> list[TaggedSection]:
    """Split a cleaned article into sections and tag these and their passages.

    Parameters
    ----------
    article : Article
        From `clean`.
    tagger : Tagger, optional
        From `pipeline.tag.load_tagger`; by default the shipped one.

    Returns
    -------
    list of TaggedSection
        Empty for pages that are not tagged: those that are no article or forum, or in another language than English.
    """
    return tag_article(article, tagger or shipped_tagger())


def run(
    inputs: StrPath | Iterable[StrPath],
    out: StrPath,
    *,
    cleaner: StrPath = SHIPPED / "cleaner",
    tagger: StrPath = SHIPPED / "tagger",
    progress: Progress | None = None,
    **options: Any,
) -> Batch:
    """Process files and folders into the folder `out`, as the command `run` does, and read its tables.

    Parameters
    ----------
    inputs : path or iterable of paths
        Files and folders of pages.
    out : path
        Gets five tables, `run.json` and `report.html`; a run that was broken off there goes on.
    cleaner, tagger : path
        Folders of models; every worker loads them once.
    progress : callable, optional
        Told pages done, steps done and steps in all after each shard of each pass; a shard takes three steps.
    **options
        Fields of `pipeline.engine.RunOptions`, which has the defaults: engine, workers, limit, replace, ...

    Returns
    -------
    Batch
        The tables pages, sections, passages, dropped and errors as pandas frames.

    Raises
    ------
    TypeError
        If there is no such option.
    InputError, RunError, ModelError
        If an input, the folder or a model cannot be used; the message says why and what to do.
    """
    from pipeline.batch import load_batch  # brings pandas, which cleaning and tagging need not load

    unknown = sorted(set(options) - set(RunOptions._fields))
    if unknown:
        raise TypeError(f"run has no option {', '.join(unknown)}; known are {', '.join(RunOptions._fields)}")
    target = folder(os.fspath(out))
    sources = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    run_all(
        [os.fspath(source) for source in sources],
        target,
        RunOptions(**options),
        (Path(cleaner), Path(tagger)),
        progress or (lambda pages, shards, all_shards: None),
    )
    return load_batch(target)
