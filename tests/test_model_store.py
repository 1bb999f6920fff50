"""Models on disk: the same input gives the same bytes, and what is not sound is refused."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from pipeline.model_store import ModelError, load_model, save_model

SCHEMA = {"weights": ("@words", 2), "bias": (1,), "left": ("nodes",), "right": ("nodes",)}
ARRAYS = {"weights": np.ones((3, 2)), "bias": np.zeros(1), "left": np.arange(4), "right": np.arange(4)}
WORDS = {"words": ["a", "b", "ç"]}


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "m", "toy", ARRAYS, WORDS, {"scores": {"f1": 0.5}})
    return tmp_path / "m"


def test_round_trip(folder):
    model = load_model(folder, "toy", SCHEMA)
    assert model.words == WORDS
    assert all((model.arrays[name] == array).all() for name, array in ARRAYS.items())
    assert model.manifest["scores"] == {"f1": 0.5}
    assert len(model.digest) == 12


def test_same_input_same_bytes(folder, tmp_path):
    save_model(tmp_path / "again", "toy", ARRAYS, WORDS, {"scores": {"f1": 0.5}})
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def _cut(folder):
    (folder / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:-20])


def _swap(folder):
    save_model(folder.parent / "other", "toy", {**ARRAYS, "bias": np.ones(1)}, WORDS, {})
    (folder / "arrays.npz").write_bytes((folder.parent / "other" / "arrays.npz").read_bytes())


def _no_json(folder):
    (folder / "manifest.json").write_text("{")


def _no_digest(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "sha256": {"../../etc/passwd": "0"}}))


def _other_kind(folder):
    save_model(folder, "bird", ARRAYS, WORDS, {})


def _missing(folder):
    (folder / "words.json.gz").unlink()


def _torn(folder):
    path = folder / "words.json.gz"
    path.write_bytes(path.read_bytes()[:-12])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, r"arrays\.npz: damaged, or from another model"),
        (_swap, r"arrays\.npz: damaged, or from another model"),
        (_no_json, r"manifest\.json: is no JSON"),
        (_no_digest, "digests .* are missing"),
        (_other_kind, "not a toy of format 1"),
        (_missing, r"words\.json: cannot be read"),
        (_torn, r"words\.json: cannot be read \(Compressed file ended"),
    ],
)
def test_a_damaged_folder_is_refused(folder, damage, message):
    damage(folder)
    with pytest.raises(ModelError, match=message):
        load_model(folder, "toy", SCHEMA)


BAD_ARRAYS = [
    ({"bias": np.zeros(2)}, r"bias has shape \(2,\), expected \(1,\)"),
    ({"weights": np.ones((4, 2))}, r"weights has shape \(4, 2\), expected \(3, 2\)"),
    ({"right": np.arange(5)}, "right has shape"),
    ({"bias": np.array([np.nan])}, "not a finite number"),
    ({"bias": np.array(["x"])}, "not a finite number"),
    ({"more": np.zeros(1)}, r"unknown \['more'\]"),
]


@pytest.mark.parametrize(("change", "message"), BAD_ARRAYS)
def test_wrong_arrays_are_refused(tmp_path, change, message):
    save_model(tmp_path, "toy", {**ARRAYS, **change}, WORDS, {})
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path, "toy", SCHEMA)


def test_a_pickle_is_never_loaded(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    save_model(tmp_path / "m", "toy", ARRAYS, WORDS, {})
    np.savez(tmp_path / "pickled.npz", **{**ARRAYS, "bias": np.array([Harm()], dtype=object)})
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    data = (tmp_path / "pickled.npz").read_bytes()
    (tmp_path / "m" / "arrays.npz").write_bytes(data)
    import hashlib

    manifest["sha256"]["arrays.npz"] = hashlib.sha256(data).hexdigest()
    (tmp_path / "m" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="no arrays can be read"):
        load_model(tmp_path / "m", "toy", SCHEMA)
    assert not (tmp_path / "harm").exists()


def test_words_may_lie_there_unpacked(folder):
    packed = folder / "words.json.gz"
    before = load_model(folder, "toy", SCHEMA)
    (folder / "words.json").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    after = load_model(folder, "toy", SCHEMA)
    assert (after.words, after.digest) == (before.words, before.digest)
