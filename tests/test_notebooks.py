"""The notebooks run from top to bottom on the sample, and stand in the repository with their output."""

from __future__ import annotations

import nbformat
import pytest
from conftest import ROOT, SAMPLE
from nbclient import NotebookClient

from pipeline.engine import RunOptions, run
from pipeline.model_store import SHIPPED

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "sample"
    run([str(SAMPLE)], out, RunOptions(engine="serial"), (SHIPPED / "cleaner", SHIPPED / "tagger"), lambda *step: None)
    return out


def test_they_are_numbered():
    assert [path.name.split("_")[0] for path in NOTEBOOKS] == [str(n + 1) for n in range(len(NOTEBOOKS))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, sample_run, monkeypatch):
    monkeypatch.setenv("HEALTHSIFT_RUN", str(sample_run))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_executed(path):
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)
    assert str(ROOT) not in path.read_text(encoding="utf-8")  # it was run on ../out/sample
