"""The data files beside a report: pages as scripts, since a browser lets a page from a file load nothing else.

Each file calls `healthsiftData(build, number, pages)`. What it holds is JSON, in which no character can end a script
element, and it is drawn as text only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.store import remove_tree
from pipeline.webpage import script_json

#: The folder beside `report.html`.
FOLDER = "report-data"
#: A file is closed once it holds so many characters; a report that fits one file carries it within.
FILE_CHARACTERS = 1_000_000


class DataFiles:
    """Writes pages into numbered files, under a folder with a dot name until `publish`.

    Parameters
    ----------
    folder : Path
        The run's folder.
    build : str
        Names the run, so that the script can tell files of another one.
    """

    def __init__(self, folder: Path, build: str) -> None:
        self.folder, self.build = folder, build
        self.hidden = folder / f".{FOLDER}"
        self.number = 0  # of the file that is being filled
        self.waiting: list[str] = []
        self.characters = 0
        remove_tree(self.hidden)

    def add(self, page: dict[str, Any]) -> int:
        """Append a page; returns the number of its file."""
        number = self.number
        self.waiting.append(script_json(page))
        self.characters += len(self.waiting[-1])
        if self.characters >= FILE_CHARACTERS:
            self._write()
        return number

    def close(self) -> str:
        """Write what waits; returns it instead, as a JSON list, where it is all there is."""
        if self.number == 0:
            return f"[{','.join(self.waiting)}]"
        if self.waiting:
            self._write()
        return ""

    def publish(self) -> None:
        """Put the files in the place of those of an earlier report."""
        place = self.folder / FOLDER
        remove_tree(place)
        if self.number:
            self.hidden.replace(place)

    def _write(self) -> None:
        self.hidden.mkdir(exist_ok=True)
        pages = ",\n".join(self.waiting)
        source = f"healthsiftData({script_json(self.build)},{self.number},[\n{pages}\n]);\n"
        (self.hidden / f"data-{self.number}.js").write_text(source, "utf-8", newline="\n")
        self.number, self.waiting, self.characters = self.number + 1, [], 0
