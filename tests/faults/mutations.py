"""Wound every page of the sample at random and send it through all stages: python tests/faults/mutations.py [TIMES]

Default 1,000 times each, seeded. Prints every page that broke a stage or took more than 5 CPU seconds; status 1 if any.
"""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from test_hostile import PAGES, mutated  # noqa: E402

from pipeline.clean.site import NO_TABLE  # noqa: E402
from pipeline.limits import Limits  # noqa: E402
from pipeline.model_store import SHIPPED  # noqa: E402
from pipeline.read import PageError  # noqa: E402
from pipeline.records import RawPage  # noqa: E402
from pipeline.shard import Settings, finish_page, load_models, parse_page  # noqa: E402


def main() -> int:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    models = load_models((SHIPPED / "cleaner", SHIPPED / "tagger"))
    slowest, faults, refused, total = 0.0, 0, 0, 0
    for path in PAGES:
        page, rng = Path(path).read_bytes(), random.Random(path.rsplit("/", 1)[1])
        for number in range(times):
            data, began = mutated(page, rng), time.process_time()
            found = parse_page(RawPage("p", "p", data), Settings(), defaultdict(float))
            if isinstance(found, PageError):
                refused += 1
                wrong = found.error not in ("NoText", "TooCostly")
            else:
                found = finish_page(found, models, NO_TABLE, defaultdict(float))
                wrong = isinstance(found, PageError)
            took = time.process_time() - began
            slowest, total = max(slowest, took), total + 1
            if wrong or took > Limits().cpu_seconds:
                faults += 1
                print(f"{path}, wound {number}: {found if wrong else f'{took:.1f} s'}", flush=True)
    print(f"{total} pages, {refused} refused, {faults} faults, slowest {slowest:.2f} CPU s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
