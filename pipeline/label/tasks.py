"""Tasks: passages to be labelled, with their surroundings and the model's answer.

A folder of tasks holds `tasks.json` (Label Studio imports it), `config.xml` (its labelling interface) and `tasks.csv`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from pipeline.batch import Batch
from pipeline.label.articles import text_or_none
from pipeline.label.store import NONE, LabelError, LabelName
from pipeline.streams import output
from pipeline.write import text_hash

TASKS_FILE, CSV_FILE, CONFIG_FILE = "tasks.json", "tasks.csv", "config.xml"
#: A cell that begins so is taken for a formula by spreadsheets.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Task(NamedTuple):
    """One passage to be labelled."""

    article: str
    hash: str
    site: str
    url: str
    title: str
    heading: str
    before: str  # the passage before it in the article
    text: str
    after: str  # the passage after it
    tags: tuple[str, ...]  # the model's, primary first
    scores: tuple[tuple[str, float], ...]  # probability of each label that the model knows

    @property
    def sureness(self) -> float:
        """How sure the model is of its least sure label: 0.5 to 1."""
        return min(max(p, 1 - p) for _, p in self.scores)


def tasks_of(batch: Batch) -> dict[str, list[Task]]:
    """The passages of a run by page, in order; pages that repeat another one are left out."""
    pages = {row["page_id"]: row for row in batch.pages.to_dict("records") if not isinstance(row["duplicate_of"], str)}
    headings = dict(zip(batch.sections["section_id"], batch.sections["heading"], strict=True))
    rows: dict[str, list[dict[Any, Any]]] = {}
    for row in batch.passages.sort_values(["page_id", "position"]).to_dict("records"):
        if row["page_id"] in pages:
            rows.setdefault(row["page_id"], []).append(row)
    return {page: _tasks_of_page(pages[page], passages, headings, batch.labels) for page, passages in rows.items()}


def _tasks_of_page(
    page: Mapping[Any, Any], rows: Sequence[Mapping[Any, Any]], headings: dict[str, str], labels: Sequence[str]
) -> list[Task]:
    texts = ["", *(row["text"] for row in rows), ""]
    return [
        Task(
            article=page["page_id"],
            hash=text_hash(row["text"]),
            site=text_or_none(page["site"]) or "",
            url=text_or_none(page["url"]) or "",
            title=text_or_none(page["title"]) or "",
            heading=headings[row["section_id"]],
            before=texts[place],
            text=row["text"],
            after=texts[place + 2],
            tags=tuple(row["tags"]),
            scores=tuple((label, round(row[label], 4)) for label in labels),
        )
        for place, row in enumerate(rows)
    ]


def write_tasks(folder: Path, tasks: Sequence[Task], names: Sequence[LabelName], model: str) -> None:
    """Write the three files of a folder of tasks.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    tasks : sequence of Task
        In the order in which they are to be labelled.
    names : sequence of LabelName
        The choices.
    model : str
        Names the model whose answers the tasks carry.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with output(str(folder / TASKS_FILE)) as stream:
        json.dump([_studio_task(task, model) for task in tasks], stream, ensure_ascii=False, indent=1)
        stream.write("\n")
    with output(str(folder / CONFIG_FILE)) as stream:
        stream.write(studio_config(names))
    with output(str(folder / CSV_FILE)) as stream:
        stream.write("\ufeff")  # spreadsheets take the file for UTF-8 by it
        table = csv.writer(stream, lineterminator="\r\n")
        shown = ("article", "hash", "title", "heading", "before", "text")
        table.writerow([*shown, "model", "tags", "reader", "date"])
        for task in tasks:
            cells = [getattr(task, field) for field in shown]
            table.writerow([*map(harmless, cells), " ".join(task.tags) or NONE, "", "", ""])


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def studio_config(names: Sequence[LabelName]) -> str:
    """The labelling interface for Label Studio."""
    choices = "\n".join(
        f"    <Choice value={quoteattr(label.name)} hotkey={quoteattr(label.key)} background={quoteattr(label.colour)} "
        f"hint={quoteattr(label.definition)}/>"
        for label in names
    )
    primary = "\n".join(f"      <Choice value={quoteattr(label.name)}/>" for label in names)
    return f"""<View>
  <Header value="$title"/>
  <Header value="$heading" size="5"/>
  <Text name="before" value="$before"/>
  <Header value="Label this passage:" size="6"/>
  <Text name="text" value="$text"/>
  <Choices name="tags" toName="text" choice="multiple" required="true" showInline="true">
{choices}
    <Choice value="{NONE}" hotkey="n" hint="none of them"/>
  </Choices>
  <View visibleWhen="choice-selected" whenTagName="tags">
    <Header value="Of several tags, the primary one:" size="6"/>
    <Choices name="primary" toName="text" choice="single" showInline="true">
{primary}
    </Choices>
  </View>
  <Text name="after" value="$after"/>
</View>
"""


def _studio_task(task: Task, model: str) -> dict[str, Any]:
    data = {name: getattr(task, name) for name in Task._fields if name not in ("tags", "scores")}
    result = [_choice("tags", list(task.tags) or [NONE])]
    if len(task.tags) > 1:
        result.append(_choice("primary", [task.tags[0]]))
    prediction = {"model_version": model, "score": round(task.sureness, 4), "result": result}
    return {"data": {**data, "scores": dict(task.scores)}, "predictions": [prediction]}


def _choice(name: str, choices: list[str]) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": "text", "type": "choices", "value": {"choices": choices}}


def read_tasks(path: Path) -> list[Task]:
    """The tasks of a `tasks.json`, or of the folder that holds one.

    Raises
    ------
    LabelError
        If there are none.
    """
    path = path / TASKS_FILE if path.is_dir() else path
    try:
        return [_task(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); `label draw` writes it") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise LabelError(f"{path}: holds no tasks of `label draw` ({type(error).__name__}: {error})") from error


def _task(row: Mapping[str, Any]) -> Task:
    told = row["data"]
    chosen = {result["from_name"]: result["value"]["choices"] for result in row["predictions"][0]["result"]}
    first = chosen.get("primary", [])
    tags = tuple([*first, *(tag for tag in chosen["tags"] if tag not in (NONE, *first))])
    plain = {name: told[name] for name in Task._fields if name not in ("tags", "scores")}
    return Task(**plain, tags=tags, scores=tuple(told["scores"].items()))
