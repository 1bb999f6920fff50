"""How a report of many pages fares: python tests/scale/report.py [PAGES] [--shown N]; default 5000, all.

Writes the tables of a run of so many made-up pages into a temporary folder, builds its report in a process of its own,
and prints time, peak memory and size; then opens it in headless Chromium and prints how long a reader waits.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.write import TABLES, TableWriter

WORDS = (
    "muscle cramp night water salt stretch doctor pain sleep pillow nerve ankle swelling fever tea ginger rest walk "
    "morning evening blood pressure pulse breath cough skin rash itch stomach often rarely sometimes because which "
    "helps eases causes means should before after every"
).split()
TAGS = ("causes", "remedies", "warning_signs")
PART_PAGES = 200
SECTIONS, PASSAGES, DROPPED = 6, 4, 35  # a page; passages a section


def page(rng: random.Random, number: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of one page, of the size of those of real health pages."""
    page_id, position = f"page-{number:06d}", 0
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}

    def sentence(n_words: int) -> str:
        return " ".join(rng.choices(WORDS, k=n_words)).capitalize() + "."

    for n in range(SECTIONS):
        scores = {tag: round(rng.random(), 4) for tag in TAGS}
        tags = [tag for tag in TAGS if scores[tag] > 0.6]
        own = {"page_id": page_id, "section_id": f"{page_id}#{n}", "tags": tags, **scores}
        rows["sections"].append({**own, "position": position, "heading": sentence(5), "level": 2, "text": ""})
        for _ in range(PASSAGES):
            position += 1
            text = sentence(15) + " " + sentence(18)
            terms = [{"term": rng.choice(WORDS), "weight": 0.5} for _ in range(5)]
            evidence = [{"tag": tag, "start": 0, "end": text.index(".") + 1, "terms": terms} for tag in tags]
            passage = {"passage_id": f"{number}-{position}", "position": position, "kind": "paragraph", "text": text}
            rows["passages"].append({**own, **passage, "evidence": evidence})
        position += 1
    for _ in range(DROPPED):
        reason = rng.choice(("headline list", "navigation", "teaser", "counter"))
        block = {"position": position, "kind": "item", "score": 0.1, "reason": reason, "text": sentence(8)}
        rows["dropped"].append({"page_id": page_id, **block})
        position += 1
    about = {"title": sentence(7), "site": f"site{number % 40}.example", "date": f"2024-{number % 12 + 1:02d}-05"}
    numbers = {"words": 800, "kept": SECTIONS * (PASSAGES + 1), "dropped": DROPPED}
    kind = {"language": "en", "page_kind": "article", "source": f"{page_id}.html", "text": ""}
    rows["pages"].append({"page_id": page_id, **about, **numbers, **kind})
    return rows


def write_run(folder: Path, n_pages: int) -> None:
    """The tables of a run, and its run.json."""
    rng = random.Random(0)
    for first in range(0, n_pages, PART_PAGES):
        writer = TableWriter(folder, f"part-{first // PART_PAGES:05d}", TAGS)
        for number in range(first, min(n_pages, first + PART_PAGES)):
            writer.add(page(rng, number))
        writer.close()
    (folder / "run.json").write_text(json.dumps({"seconds": 60.0, "stage_seconds": {"parse": 20.0}}))


def build(folder: Path, n_pages: int) -> None:
    """Run in a process of its own, so that its peak memory is the report's."""
    from pipeline.report import write_report

    begun = time.perf_counter()
    write_report(folder, n_pages)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"built in {time.perf_counter() - begun:.1f} s ({time.process_time():.1f} s of CPU), peak {peak:.0f} MB of memory"
    )


def read(report: Path) -> None:
    """What a reader waits for."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.wait import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in "headless=new no-sandbox disable-gpu disable-dev-shm-usage disable-background-networking".split():
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))

    def wait(what: str, act: str, until: str) -> None:
        begun = time.perf_counter()
        driver.execute_script(act)
        WebDriverWait(driver, 120, 0.01).until(lambda _: driver.execute_script(f"return {until}"))
        print(f"{what}: {time.perf_counter() - begun:.2f} s")

    search = "const box = document.getElementById('search'); box.value = '{}'; box.dispatchEvent(new Event('input'))"
    try:
        begun = time.perf_counter()
        driver.get(report.as_uri() + "#pages")
        print(f"opened: {time.perf_counter() - begun:.2f} s, {driver.execute_script('return ' + _ROWS)} rows drawn")
        wait("sorted", "document.querySelector('th[data-sort=title] button').click()", f"{_ROWS} > 0")
        wait("a page opened", "document.querySelector('#rows a').click()", "document.querySelector('#view-page h1')")
        wait("back", "location.hash = 'pages'", f"{_ROWS} > 0 && document.querySelector('#view-page').hidden")
        wait("first search of all text", search.format("ginger eases sleep"), f"{_DONE} && {_FOUND} > 0")
        wait("second search", search.format("itch rash salt tea"), f"{_DONE} && {_FOUND} > 0")
        heap = driver.execute_script("return performance.memory.usedJSHeapSize") / 1e6
        print(f"memory of the page's script: {heap:.0f} MB")
    finally:
        driver.quit()


_ROWS = "document.querySelectorAll('#rows tr').length"
_DONE = "document.getElementById('searching').textContent === ''"
_FOUND = "parseInt(document.getElementById('shown').textContent)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pages", nargs="?", type=int, default=5000)
    parser.add_argument("--shown", type=int, help="pages that can be opened")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build(options.build, options.shown)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_run(folder, options.pages)
        subprocess.run(
            [sys.executable, __file__, "--shown", str(options.shown or options.pages), "--build", name], check=True
        )
        files = [folder / "report.html", *(folder / "report-data").glob("*.js")]
        print(
            f"{files[0].stat().st_size / 1e6:.1f} MB report.html, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB in {len(files)} files"
        )
        read(files[0])


if __name__ == "__main__":
    main()
