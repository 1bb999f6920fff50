"""How much memory a run takes: python tests/scale/memory.py [MEGABYTES] [--format jsonl|warc|csv|files] [--distinct N].

Writes a file (files: one file of about 2 kB a page) of so many megabytes (2000) of varied pages into a temporary folder; with
--distinct only so many are written, over and over. Runs `run` on it with two workers, and prints the peak PSS (memory, with
shared pages counted by shares) of the driver, of its workers, and of all of them at one moment; and CPU seconds. Linux only.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORDS = (
    "muscle cramp night water salt stretch doctor pain sleep pillow nerve ankle swelling fever tea ginger rest walk "
    "morning evening blood pressure pulse breath cough skin rash itch stomach often rarely sometimes because which "
    "helps eases causes means should before after every"
).split()
POLL_SECONDS = 0.2
#: Of one small file.
SMALL_BYTES = 2_000


def pages(n_bytes: int, distinct: int | None = None) -> Iterator[tuple[str, str]]:
    """Ids and HTML of pages of about 80 kB, most of it script as on real pages, until there are so many bytes.

    No two are alike, or the first ones come again and again, under other ids.
    """
    rng, size, n = random.Random(0), 0, 0
    again: list[str] = []

    def sentence(n_words: int) -> str:
        return " ".join(rng.choices(WORDS, k=n_words)).capitalize() + "."

    while size < n_bytes:
        if distinct and len(again) == distinct:
            html = again[n % distinct]
            yield f"page-{n}", html
            size, n = size + len(html), n + 1
            continue
        menu = "".join(f"<li><a href='/{i}'>{sentence(3)}</a></li>" for i in range(60))
        parts = "".join(
            f"<h2>{sentence(5)}</h2>" + "".join(f"<p>{sentence(60)}</p>" for _ in range(2)) for _ in range(4)
        )
        script = "".join(f"var v{i} = '{sentence(20)}';" for i in range(500))
        head = f"<title>{sentence(6)}</title><script>{script}</script>"
        html = f"<html><head>{head}</head><body><ul>{menu}</ul><main>{parts}</main></body></html>"
        if distinct:
            again.append(html)
        yield f"page-{n}", html
        size, n = size + len(html), n + 1


def write(path: Path, n_bytes: int, format_: str, distinct: int | None) -> int:
    """Write the pages; gives their number."""
    n = 0
    if format_ == "files":
        path.mkdir()
        for n in range(n_bytes // SMALL_BYTES):
            folder = path / f"site-{n // 500}.example"
            folder.mkdir(exist_ok=True)
            (folder / f"page-{n}.html").write_text(small_page(n))
        return n + 1
    with open(path, "wb") as stream:
        if format_ == "csv":
            stream.write(b"id,html\r\n")
        for page_id, html in pages(n_bytes, distinct):
            stream.write(_ENCODE[format_](page_id, html))
            n += 1
    return n


def small_page(n: int) -> str:
    """About 2 kB of HTML, no two alike."""
    rng = random.Random(n)
    parts = "".join(f"<p>{' '.join(rng.choices(WORDS, k=70))}.</p>" for _ in range(4))
    return f"<html><head><title>Page {n}</title></head><body><ul><li>Home</ul><h1>Page {n}</h1>{parts}</body></html>"


def _jsonl(page_id: str, html: str) -> bytes:
    return json.dumps({"id": page_id, "html": html}).encode() + b"\n"


def _csv(page_id: str, html: str) -> bytes:
    return f'{page_id},"{html}"\r\n'.encode()


def _warc(page_id: str, html: str) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{page_id}>\r\nContent-Length: {len(block)}\r\n"
    )
    return gzip.compress(
        head.encode() + b"Content-Type: application/http\r\n\r\n" + block + b"\r\n\r\n", compresslevel=1
    )


_ENCODE = {"jsonl": _jsonl, "csv": _csv, "warc": _warc}


def pss(pid: int) -> float:
    """Megabytes; 0 for a process that is gone."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """Of a process and those of its children that have ended; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def below(pid: int) -> list[int]:
    """A process's children, and theirs."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, path.read_text().split())
        except OSError:
            continue
    return children + [deep for child in children for deep in below(child)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megabytes", nargs="?", type=int, default=2000)
    parser.add_argument("--format", choices=[*_ENCODE, "files"], default="jsonl")
    parser.add_argument("--distinct", type=int, metavar="N", help="so many pages, repeated")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write the input there, or take what is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / f"pages.{options.format}"
        if not path.exists():
            n = write(path, options.megabytes * 1_000_000, options.format, options.distinct)
            print(f"{n} pages, {options.megabytes} MB of HTML as {options.format}", flush=True)
        command = [sys.executable, "-m", "pipeline", "run", str(path), "-o", f"{folder}/out", "--workers", "2"]
        started = time.time()
        driver = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
        peaks: dict[int, float] = {}
        whole: dict[int, float] = {}  # at the moment when all together were largest
        cpu = 0.0
        while driver.poll() is None:
            now = {pid: pss(pid) for pid in (driver.pid, *below(driver.pid))}
            peaks = {pid: max(peaks.get(pid, 0.0), now.get(pid, 0.0)) for pid in peaks | now}
            whole = max(whole, now, key=lambda sizes: sum(sizes.values()))
            cpu = max(cpu, sum(map(cpu_seconds, now)))
            time.sleep(POLL_SECONDS)
        print(f"status {driver.returncode}, {time.time() - started:.0f} s, {cpu:.0f} s of CPU")
        print(
            f"all at one moment: {sum(whole.values()):.0f} MB ({', '.join(f'{size:.0f}' for size in whole.values())})"
        )
        print(f"peak PSS of the driver: {peaks.pop(driver.pid):.0f} MB")
        for pid, size in sorted(peaks.items(), key=lambda item: -item[1]):
            print(f"peak PSS of process {pid}: {size:.0f} MB")


if __name__ == "__main__":
    main()
