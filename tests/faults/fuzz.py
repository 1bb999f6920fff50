"""Coverage-guided fuzzing of `parse` and `clean`: python tests/faults/fuzz.py -max_total_time=600 [FOLDER]

Needs `pip install atheris`, which is no dependency. Begins with the pages of the sample, keeps what finds new ways in
FOLDER, and stops at the first page that raises anything but NoText, or takes longer than -timeout (here 5 s).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["pipeline"]):
        from pipeline.clean import clean, load_cleaner
        from pipeline.parse import NoText, parse
    from pipeline.records import RawPage

    cleaner = load_cleaner()

    def one_page(data: bytes) -> None:
        # the first byte says whether the page is called HTML, text, or is to be told from its content
        is_html = (True, False, None)[data[0] % 3] if data else None
        try:
            clean(parse(RawPage("p", "p", data[1:], is_html)), cleaner)
        except NoText:
            pass

    with tempfile.TemporaryDirectory() as seeds:
        pages = [path for path in (ROOT / "data/sample").rglob("*") if path.suffix in (".html", ".txt")]
        for number, path in enumerate(pages):
            (Path(seeds) / str(number)).write_bytes(b"\2" + path.read_bytes())
        atheris.Setup([*sys.argv[:1], "-timeout=5", "-max_len=100000", *sys.argv[1:], seeds], one_page)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
