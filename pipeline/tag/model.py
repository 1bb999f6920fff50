"""The tagger's model: what it holds, and how it is loaded.

Level 1 is linear. Every text of a page is looked up once in one table: a row is a term, a column the weight
of that term in one role of the text for one label (`ROLES`). Level 2 is a small neural net over what level 1
said of a passage and its neighbours (`pipeline.tag.context`). Platt scaling makes its answer a probability.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.model_store import SHIPPED, Model, ModelError, Schema, load_model
from pipeline.tag.context import feature_names
from pipeline.tag.reader import READER_ROLES, WINDOW, Reader
from pipeline.tag.terms import Vocabulary, vocabulary_of

#: What a text can be to the passage that is scored; each has one column a label, in this order. The last three
#: are models of their own: learnt from the paragraphs and from the headings of weakly labelled sections, and from
#: the logits that a teacher gave to unlabelled passages.
ROLES = ("own", "previous", "next", "heading", "lead_in", "weak", "weak_heading", "student")
#: Roles that each sentence of a text is scored in by itself too, for level 2.
SENTENCE_ROLES = ("own", "weak", "student")
#: Roles whose sums go straight into the logit of level 1; those of the models of their own go through tanh first.
LINEAR_ROLES = ROLES[:5]
SQUASHED_ROLES = ROLES[5:]
#: Those sums are squashed as tanh(sum / WEAK_SCALE), so that no run of strong words can outvote the rest.
WEAK_SCALE = 3.0

#: Under these names a manifest holds the thresholds for articles with headings, and for those without.
THRESHOLDS = ("thresholds", "thresholds_without_headings")

#: What a label may be called.
LABEL_NAME = re.compile(r"[a-z][a-z0-9_]*")

#: The roots of the table's weights are whole numbers up to this.
_TABLE_LEVELS = 127

_HINT = "train it anew with: python -m pipeline train tagger"

#: The reader's arrays; its embeddings are kept as whole numbers, times a step for each column.
READER_SCHEMA: Schema = {
    "reader_embeddings": ("reader_rows", "reader_width"),
    "reader_step": ("reader_width",),
    "reader_window": ("reader_seen", "reader_states"),
    "reader_window_bias": ("reader_states",),
    "reader_attention": ("reader_states", "reader_heads"),
    "reader_attention_bias": ("reader_heads",),
    "reader_roles": ("reader_said", "reader_role_units"),
    "reader_units_bias": ("reader_units",),
    "reader_output": ("reader_units", "labels"),
    "reader_output_bias": ("labels",),
}


@cache
def role_columns(n_labels: int) -> Mapping[str, slice]:
    """The table's columns of each role."""
    return {role: slice(i * n_labels, (i + 1) * n_labels) for i, role in enumerate(ROLES)}


@cache
def sentence_columns(n_labels: int) -> np.ndarray:
    """The table's columns of `SENTENCE_ROLES`."""
    return np.r_[tuple(role_columns(n_labels)[role] for role in SENTENCE_ROLES)]


def schema_of(labels: Sequence[str]) -> Schema:
    """The arrays of a tagger of these labels."""
    n_labels, n_features = len(labels), len(feature_names(labels))
    return {
        **READER_SCHEMA,
        "idf": ("@terms",),
        "table": (len(ROLES) * n_labels, "@terms"),  # as `table_arrays` makes it
        "table_step": (len(ROLES) * n_labels,),
        "intercept": (n_labels,),
        "weak_intercept": (len(SQUASHED_ROLES) * n_labels,),
        "weak_mix": (len(SQUASHED_ROLES) * n_labels, n_labels),
        "feature_mean": (n_features,),
        "feature_scale": (n_features,),
        "hidden_weights": ("nets", n_features, "units"),
        "hidden_bias": ("nets", "units"),
        "output_weights": ("nets", "units", n_labels),
        "output_bias": ("nets", n_labels),
        "calibration": (2, n_labels, 2),
    }


Curve = tuple[tuple[float, float, float], ...]


class Linear(NamedTuple):
    """Level 1. Shapes as in `schema_of`, but `table`, of shape (n_terms, len(ROLES) * n_labels)."""

    vocabulary: Vocabulary
    idf: np.ndarray
    table: np.ndarray
    intercept: np.ndarray
    weak_intercept: np.ndarray
    weak_mix: np.ndarray


class Nets(NamedTuple):
    """Level 2: nets of one hidden layer over standardized features. Shapes as in `schema_of`."""

    feature_mean: np.ndarray
    feature_scale: np.ndarray
    hidden_weights: np.ndarray
    hidden_bias: np.ndarray
    output_weights: np.ndarray
    output_bias: np.ndarray


class Tagger(NamedTuple):
    """A loaded model, ready to tag; nothing in it changes after loading."""

    labels: tuple[str, ...]  # in the order of the scores
    linear: Linear
    reader: Reader
    nets: Nets
    # for articles with headings and for those without any, (slope, offset) of each label:
    # probability = 1 / (1 + exp(-(slope * logit + offset)))
    calibration: np.ndarray
    thresholds: tuple[float, ...]  # of each label, on the probability rounded to four decimals
    plain_thresholds: tuple[float, ...]  # the same for articles without any heading
    digest: str  # names exactly these weights
    curves: Mapping[str, Curve]  # of each label: (threshold, precision, recall) on the folds, falling recall
    min_confidence: float = 0.0  # tags below it are not given, and verdicts below it are marked unsure


def load_tagger(folder: Path = SHIPPED / "tagger") -> Tagger:
    """Read the tagger from its folder.

    Raises
    ------
    ModelError
        If the folder holds no whole and consistent tagger.
    """
    model = load_tagger_model(folder)
    labels = labels_of(folder, model.manifest)
    thresholds, plain_thresholds = (_thresholds(folder, model.manifest, name) for name in THRESHOLDS)
    try:
        vocabulary = vocabulary_of(model.words["terms"])
    except ValueError as error:
        raise ModelError(f"{folder}/words.json: {error}; {_HINT}") from error
    if (model.arrays["feature_scale"] <= 0).any():
        raise ModelError(f"{folder}/arrays.npz: feature_scale must be above 0; {_HINT}")
    arrays = {name: array.astype(np.float32) for name, array in model.arrays.items()}
    return Tagger(
        labels=labels,
        linear=Linear(
            vocabulary=vocabulary,
            **{name: arrays[name] for name in Linear._fields[1:] if name != "table"},
            table=table_of(model.arrays),
        ),
        reader=reader_of(model),
        nets=Nets(**{name: arrays[name] for name in Nets._fields}),
        calibration=arrays["calibration"],
        thresholds=thresholds,
        plain_thresholds=plain_thresholds,
        digest=model.digest,
        curves=_curves(folder, model.manifest),
    )


def load_tagger_model(folder: Path) -> Model:
    """The files of a tagger, checked for themselves; raises ModelError."""
    return load_model(folder, "tagger", lambda manifest: schema_of(labels_of(folder, manifest)))


def labels_of(folder: Path, manifest: Mapping[str, Any], kind: str = "tagger") -> tuple[str, ...]:
    """The labels that the manifest of a model of this kind names; raises ModelError."""
    labels = manifest.get("labels")
    if (
        not isinstance(labels, list)
        or not labels
        or not all(isinstance(label, str) and LABEL_NAME.fullmatch(label) for label in labels)
        or len(set(labels)) < len(labels)
    ):
        raise ModelError(
            f"{folder}/manifest.json: labels are {labels}; they must be names of small letters, digits and _, each "
            f"once; train it anew with: python -m pipeline train {kind}"
        )
    return tuple(labels)


def table_arrays(table: np.ndarray) -> dict[str, np.ndarray]:
    """The table as it is stored: a weight is a whole number, squared with its sign, times the step of its column.

    Most weights are small, and squares tell small ones apart. Columns are stored one after the other.
    """
    step = (np.maximum(np.abs(table).max(axis=0), 1e-6) / _TABLE_LEVELS**2).astype(np.float32)
    roots = np.round(np.sign(table) * np.sqrt(np.abs(table) / step)).astype(np.int8)
    return {"table": roots.T, "table_step": step}


def table_of(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The table, shape (n_terms, len(ROLES) * n_labels), of the arrays of `table_arrays`."""
    roots = arrays["table"].T.astype(np.float32)
    return np.ascontiguousarray(roots * np.abs(roots) * arrays["table_step"].astype(np.float32))


def reader_of(model: Model) -> Reader:
    """The reader of a loaded model.

    Raises
    ------
    ModelError
        If its arrays do not fit each other.
    """
    names = model.words.get("reader", [])
    arrays = {field: model.arrays[f"reader_{field}"].astype(np.float32) for field in Reader._fields[1:]}
    n_rows, width = arrays["embeddings"].shape
    states, units, heads = (len(arrays[name]) for name in ("window_bias", "units_bias", "attention_bias"))
    if (
        len(names) + 1 != n_rows
        or len(set(names)) != len(names)
        or arrays["window"].shape[0] != WINDOW * width
        or arrays["roles"].shape != (2 * states, len(READER_ROLES) * units)
        or states % heads
    ):
        raise ModelError(f"the reader's arrays do not fit its words or each other; {_HINT}")
    arrays["embeddings"] *= model.arrays["reader_step"].astype(np.float32)
    return Reader({name: row for row, name in enumerate(names, 1)}, **arrays)


def reader_arrays(reader: Reader) -> tuple[dict[str, np.ndarray], list[str]]:
    """The reader as it is stored: arrays as in `READER_SCHEMA`, and the words of its rows from 1 on."""
    step = np.maximum(np.abs(reader.embeddings).max(axis=0), 1e-6) / 127
    arrays = {f"reader_{field}": getattr(reader, field).astype(np.float16) for field in Reader._fields[1:]}
    arrays["reader_embeddings"] = np.round(reader.embeddings / step).astype(np.int8)
    return {**arrays, "reader_step": step.astype(np.float32)}, sorted(reader.rows, key=reader.rows.__getitem__)


def _thresholds(folder: Path, manifest: dict[str, Any], name: str) -> tuple[float, ...]:
    labels: list[str] = manifest["labels"]
    if manifest.get("roles") != list(ROLES) or manifest.get("features") != list(feature_names(labels)):
        raise ModelError(f"{folder}/manifest.json: roles or features of another version; {_HINT}")
    thresholds = manifest.get(name)
    if (
        not isinstance(thresholds, dict)
        or set(thresholds) != set(labels)
        or not all(isinstance(value, float) and 0 < value < 1 for value in thresholds.values())
    ):
        raise ModelError(f"{folder}/manifest.json: {name} must give each label a number in (0, 1); {_HINT}")
    return tuple(thresholds[label] for label in labels)


def _curves(folder: Path, manifest: dict[str, Any]) -> dict[str, Curve]:
    curves: Any = manifest.get("curves")
    try:
        read = {
            label: tuple((float(t), float(p), float(r)) for t, p, r in curves[label]) for label in manifest["labels"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder}/manifest.json: curves must give each label rows of threshold, precision, recall; {_HINT}"
        ) from error
    return read
