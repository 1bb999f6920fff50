"""Models on disk: a folder of arrays, word lists and a manifest, and nothing that can run.

    models/cleaner/
        manifest.json   what it is: format, options, data, versions, scores, digests of the other files
        arrays.npz      numbers only, read with allow_pickle=False
        words.json.gz   {"list name": ["word", ...]}, each list in the order of its array; words.json serves, too
        CARD.md         the model card, for people

`save_model` writes it, `load_model` reads it and checks every name, type, shape and digest.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FORMAT = 1
_HERE = Path(__file__).resolve().parent
#: The folder of the models that the project ships: inside the package in a wheel, beside it in a checkout.
SHIPPED = next(folder for folder in (_HERE / "shipped_models", _HERE.parent / "models") if folder.is_dir())

#: Array name -> shape. A number is that size, "@list" is the length of that word list,
#: any other string is a size of its own that must be the same wherever it stands.
Schema = Mapping[str, tuple[str | int, ...]]


class ModelError(Exception):
    """A model that cannot be used; the message says what is wrong, where, and what to do."""


class Model(NamedTuple):
    """What a model folder holds."""

    folder: Path
    manifest: dict[str, Any]
    arrays: dict[str, np.ndarray]
    words: dict[str, list[str]]

    @property
    def digest(self) -> str:
        """Twelve hex digits that name exactly these weights."""
        return _digest(self.manifest)


def save_model(
    folder: Path,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    words: Mapping[str, Sequence[str]],
    manifest: Mapping[str, Any],
    small: bool = False,
) -> None:
    """Write a model folder; `manifest` adds options, data, versions and scores to what is always noted.

    The same input gives the same bytes: the archive carries no time stamps. With `small` it is packed tighter, and
    takes ten times as long to read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "arrays.npz": _npz_bytes(arrays, zipfile.ZIP_LZMA if small else zipfile.ZIP_DEFLATED),
        "words.json": _json_bytes({k: list(v) for k, v in words.items()}, indent=None),
    }
    noted = {
        "format": FORMAT,
        "kind": kind,
        **manifest,
        "arrays": {k: {"dtype": str(v.dtype), "shape": list(v.shape)} for k, v in sorted(arrays.items())},
        "words": {k: len(v) for k, v in sorted(words.items())},
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    (folder / "arrays.npz").write_bytes(files["arrays.npz"])
    (folder / "words.json").unlink(missing_ok=True)
    (folder / "words.json.gz").write_bytes(gzip.compress(files["words.json"], 9, mtime=0))
    (folder / "manifest.json").write_bytes(_json_bytes(noted, indent=1))


def load_model(
    folder: Path, kind: str, schema: Schema | Callable[[dict[str, Any]], Schema], made_by: str | None = None
) -> Model:
    """Read and check a model folder; errors name `train made_by`, or, without it, `train kind`, to make it anew.

    `schema` may be made of the manifest.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or does not hold what `schema` asks for.
    """
    hint = f"train it anew with: python -m pipeline train {made_by or kind}"
    manifest = _checked_manifest(folder, kind, hint)
    words = _read_json(folder / "words.json", hint)
    if not isinstance(words, dict) or not all(
        isinstance(v, list) and all(isinstance(w, str) for w in v) for v in words.values()
    ):
        raise ModelError(f"{folder}/words.json: must map names to lists of strings; {hint}")
    arrays = _read_arrays(folder / "arrays.npz", hint)
    _check_shapes(folder, arrays, words, schema(manifest) if callable(schema) else schema, hint)
    return Model(folder, manifest, arrays, words)


def model_digest(folder: Path, kind: str) -> str:
    """The digest that the model in a folder has when it is loaded; its files are checked, and nothing is loaded.

    Raises
    ------
    ModelError
        If a file is missing or damaged.
    """
    return _digest(_checked_manifest(folder, kind, f"train it anew with: python -m pipeline train {kind}"))


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest["sha256"], sort_keys=True).encode()).hexdigest()[:12]


def _checked_manifest(folder: Path, kind: str, hint: str) -> dict[str, Any]:
    """The manifest of a model whose files are those it was written with."""
    manifest = _read_json(folder / "manifest.json", hint)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or manifest.get("kind") != kind:
        raise ModelError(f"{folder}/manifest.json: not a {kind} of format {FORMAT}; {hint}")
    digests = manifest.get("sha256")
    if not isinstance(digests, dict) or set(digests) != {"arrays.npz", "words.json"}:
        raise ModelError(f"{folder}/manifest.json: the digests (sha256) are missing; {hint}")
    for name, digest in digests.items():
        data = _read_bytes(folder / name, hint)
        if hashlib.sha256(data).hexdigest() != digest:
            raise ModelError(f"{folder / name}: damaged, or from another model than manifest.json; {hint}")
    return manifest


def _check_shapes(
    folder: Path, arrays: dict[str, np.ndarray], words: dict[str, list[str]], schema: Schema, hint: str
) -> None:
    if set(arrays) != set(schema):
        missing, extra = sorted(set(schema) - set(arrays)), sorted(set(arrays) - set(schema))
        raise ModelError(f"{folder}/arrays.npz: missing {missing}, unknown {extra}; {hint}")
    sizes: dict[str, int] = {f"@{name}": len(v) for name, v in words.items()}
    for name, shape in schema.items():
        array = arrays[name]
        wanted = tuple(d if isinstance(d, int) else sizes.get(d, d) for d in shape)
        if array.ndim != len(shape) or any(
            isinstance(w, int) and w != a for w, a in zip(wanted, array.shape, strict=True)
        ):
            raise ModelError(f"{folder}/arrays.npz: {name} has shape {array.shape}, expected {wanted}; {hint}")
        if any(isinstance(w, str) and w.startswith("@") for w in wanted):
            raise ModelError(f"{folder}/words.json: a word list of {wanted} is missing; {hint}")
        sizes.update({d: a for d, a in zip(shape, array.shape, strict=True) if isinstance(d, str)})
        if array.dtype.kind not in "fiu" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
            raise ModelError(f"{folder}/arrays.npz: {name} ({array.dtype}) holds what is not a finite number; {hint}")


def _read_bytes(path: Path, hint: str) -> bytes:
    """A file, or what is packed in the one of that name with .gz behind it."""
    packed = path.with_name(path.name + ".gz")
    try:
        return gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(f"{path}: cannot be read ({error}); {hint}") from error


def _read_json(path: Path, hint: str) -> Any:
    try:
        return json.loads(_read_bytes(path, hint))
    except ValueError as error:
        raise ModelError(f"{path}: is no JSON ({error}); {hint}") from error


def _read_arrays(path: Path, hint: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise ModelError(f"{path}: no arrays can be read ({error}); {hint}") from error


def _npz_bytes(arrays: Mapping[str, np.ndarray], packing: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, array in sorted(arrays.items()):
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = packing
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(entry, buffer.getvalue())
    return out.getvalue()


def _json_bytes(value: Any, indent: int | None) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()
