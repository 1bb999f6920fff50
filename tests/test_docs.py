"""The docs say what is there: commands, options, reasons, columns, targets; and nothing that is not."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tomllib

import pytest
from conftest import LABELS, ROOT

from pipeline.clean import REASONS
from pipeline.cli import build_parser, main
from pipeline.write import TABLES, schemas

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = [
    README,
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
]
(VERBS,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))


def steps(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The steps of a command that has some (`label draw`), and the command itself."""
    nested = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return {parser.prog: parser, **{step.prog: step for choices in nested for step in choices.values()}}


STEPS = {name: step for parser in VERBS.choices.values() for name, step in steps(parser).items()}


@pytest.mark.parametrize("verb", VERBS.choices)
def test_every_command_has_help_and_stands_in_the_readme(verb):
    assert any(f"`{verb}`" in heading for heading in re.findall(r"^### (.*)$", README, re.M))
    for name, step in steps(VERBS.choices[verb]).items():
        assert step.description
        assert name.removeprefix("python -m pipeline ") in README
        for action in step._actions:
            assert action.help, f"{name} {action.option_strings or action.dest} has no help"


def test_the_examples_of_the_readme_run(tmp_path, monkeypatch, capsys):
    """Every command it shows, in its order, and then its Python; the figures it prints are those it shows."""
    for name in ("data", "models"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ python -m pipeline (.*)$", README, re.M)
    assert len(commands) >= 5
    for command in commands:
        assert main(command.split()) == 0, command
        shown = README.split(f"$ python -m pipeline {command}\n")[1].split("```")[0].split("\n   …\n")[0].splitlines()
        printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        if not command.startswith(("clean", "tag", "explain", "label", "compare")):
            assert [line for line in shown if not line.startswith("$")] == printed
    scope: dict = {}
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    *body, last = code.strip().split("\n")
    exec("\n".join(body), scope)
    assert len(eval(last, scope)) > 5


def test_every_option_the_readme_names_exists():
    known = {option for step in STEPS.values() for action in step._actions for option in action.option_strings}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named <= known


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_in_the_readme(reason):
    assert f"| {reason} | {REASONS[reason]} |" in README


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_in_the_readme(table):
    assert re.search(rf"^\| `{table}` \|.*\| {', '.join(schemas(LABELS)[table].names)} \|$", README, re.M)


def test_every_label_is_in_the_readme():
    assert all(f"`{label}`" in README for label in LABELS)


def test_every_target_has_help_and_does_something():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())
    assert set(re.findall(r"^([a-z]+):.*## .+$", makefile, re.M)) == phony
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {target}" in shown for target in phony)


def test_the_figures_of_the_readme_are_those_of_evaluate():
    """The table in the README is what the manifests hold and the floors allow."""
    floors = json.loads((ROOT / "models" / "floors.json").read_text())
    shown = {
        name.strip(): float(value)
        for name, value in re.findall(r"^((?:sample|folds) .*?|sample: .*?) +([01]\.\d{4}) ", README, re.M)
    }
    assert set(shown) == set(floors)
    assert all(shown[name] >= floor for name, floor in floors.items())


@pytest.mark.parametrize("folder", ["cleaner", "tagger"])
def test_every_model_has_a_card_with_its_scores(folder):
    card = (ROOT / "models" / folder / "CARD.md").read_text(encoding="utf-8")
    assert "fails" in card
    assert "fold" in card


def test_models_stay_small():
    made_here = ROOT / "models" / "reader"  # by `train reader`; no part of the repository
    files = [path for path in (ROOT / "models").rglob("*") if path.is_file() and made_here not in path.parents]
    assert sum(path.stat().st_size for path in files) < 10_000_000


def test_the_lock_names_no_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert "--index-url" not in lock
    assert "://" not in lock


def test_the_wheel_carries_every_package_and_the_models():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "pipeline").rglob("__init__.py")}
    assert set(settings["packages"]) == folders | {"pipeline.shipped_models"}
    assert settings["package-dir"]["pipeline.shipped_models"] == "models"


def test_the_wheel_carries_every_template_style_and_script():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    others = [p for p in (ROOT / "pipeline").rglob("*.*") if p.suffix not in (".py", ".pyc")]
    missing = [
        path.name
        for path in others
        if not any(path.match(p) for p in data.get(".".join(path.parent.relative_to(ROOT).parts), ()))
    ]
    assert len(others) > 8 and missing == []
