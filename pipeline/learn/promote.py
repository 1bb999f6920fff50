"""Whether a new cleaner takes its place: it must lose on none of the floors pinned beside its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.learn.block_rows import FOLDER, save_rows
from pipeline.learn.cleaner_card import cleaner_card
from pipeline.learn.rows import CorpusError
from pipeline.model_store import save_model

#: The pinned figures of the cleaner's folds, with branch and group of pages in its manifest.
FIGURES = {
    "folds html: word F1 of articles": ("html", "article"),
    "folds html: word F1 of all pages": ("html", "all"),
    "folds html: word F1 of health pages": ("html", "health"),
    "folds text a: line F1 of articles": ("text", "a article"),
    "folds text a: line F1 of all pages": ("text", "a"),
    "folds text b: line F1": ("text", "b"),
}


def promote(
    out: Path, arrays: Mapping[str, np.ndarray], words: Mapping[str, Sequence[str]], manifest: Mapping[str, Any],
    rows: Mapping[str, np.ndarray], force: bool = False,
) -> None:  # fmt: skip
    """Write a cleaner with its card, in the place of the one before if it loses on no floor.

    Parameters
    ----------
    out
        The model folder; its floors are `floors.json` beside it, and where there are none, none can be lost on.
    arrays, words, manifest
        As of `save_model`; the manifest holds the scores.
    rows
        The arrays of the rows that ship with it (`block_rows.rows_arrays`).
    force
        Write it there even where it loses.

    Raises
    ------
    CorpusError
        If the floors cannot be read, or the model loses on one; it then lies in a folder of its own.
    """
    lost = [] if force else fallen(manifest["scores"], out)
    folder = out.with_name(f"{out.name}-refused") if lost else out
    write_cleaner(folder, arrays, words, {**manifest, "rows": save_rows(folder / FOLDER, rows)})
    if lost:
        raise CorpusError(
            f"below the floors of {out.parent / 'floors.json'}: {'; '.join(lost)}. The new model is not promoted and "
            f"lies in {folder}; --force puts one into {out} all the same"
        )


def write_cleaner(
    folder: Path, arrays: Mapping[str, np.ndarray], words: Mapping[str, Sequence[str]], manifest: Mapping[str, Any]
) -> None:
    """A cleaner with its card."""
    save_model(folder, "cleaner", arrays, words, manifest)
    (folder / "CARD.md").write_text(cleaner_card(manifest), encoding="utf-8")


def fallen(scores: Mapping[str, Any], out: Path) -> list[str]:
    """The figures below a floor pinned beside the model folder, each as a line for people; raises `CorpusError`."""
    path = out.parent / "floors.json"
    if not path.exists():
        return []
    try:
        floors = json.loads(path.read_text(encoding="utf-8"))
        pinned = [(name, float(floors[name]), *where) for name, where in FIGURES.items() if name in floors]
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(f"{path}: holds no floors ({error}); `evaluate --repin` writes it") from error
    found = [(name, scores[branch].get(group, {}).get("f1", 0.0), floor) for name, floor, branch, group in pinned]
    return [f"{name}: {value:.4f}, floor {floor:.4f}" for name, value, floor in found if value < floor]
