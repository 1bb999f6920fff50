"""The report in a browser, opened from a file: search, filter, sort, open, keys; and nothing a page holds can act."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLE
from test_report import ATTACK, HOSTILE, NUMB, RUN, SMALL, dropped, page, passage, section, write_run

from pipeline.cli import main
from pipeline.report import write_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed")
SECONDS = 8
#: Enough pages for two drawings of the table and, cut small, for several data files.
MANY = {
    "pages": [page(f"p{n:03}", words=n, title=f"Knee {n}", site=f"site{n % 3}.example") for n in range(150)],
    "sections": [section(f"p{n:03}", 0, "What helps", ("remedies",)) for n in range(150)],
    "passages": [passage(f"p{n:03}", 1, f"Rest number {n} does it.", {"remedies": 0.5 + n / 400}) for n in range(150)],
    "dropped": [dropped(f"p{n:03}", 2, "teaser") for n in range(150)],
}


class Reader:
    """A window that reads one report."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, report: Path, fragment: str = "") -> None:
        self.driver.get("about:blank")  # the same file with another fragment would not be loaded again
        self.driver.get(report.as_uri() + fragment)

    def ask(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(f"return {script}", *values)

    def until(self, script: str, expected: Any = True) -> None:
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.wait import WebDriverWait

        try:
            WebDriverWait(self.driver, SECONDS, 0.02).until(lambda _: self.ask(script) == expected)
        except TimeoutException:
            pytest.fail(f"{script} is {self.ask(script)!r}, not {expected!r}")

    def type(self, selector: str, text: str) -> None:
        self.driver.find_element("css selector", selector).send_keys(text)

    def press(self, keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def choose(self, selector: str, text: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.driver.find_element("css selector", selector)).select_by_visible_text(text)

    def titles(self) -> list[str]:
        return self.ask("[...document.querySelectorAll('#rows .name a')].map((a) => a.textContent)")

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


TITLE = "document.querySelector('#view-page h1')?.textContent"
SHOWN = "document.getElementById('shown').textContent"


@pytest.fixture(scope="module")
def window() -> Iterator[Reader]:
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in "headless=new no-sandbox disable-gpu disable-dev-shm-usage disable-background-networking".split():
        options.add_argument(f"--{flag}")
    options.add_argument("--window-size=1400,1000")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    yield Reader(driver)
    driver.quit()


@pytest.fixture
def reader(window: Reader) -> Iterator[Reader]:
    """The window; whatever was done in it, its console stays silent."""
    window.complaints()
    yield window
    assert window.complaints() == []


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_run(tmp_path_factory.mktemp("small"), SMALL, **RUN))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.report.files.FILE_CHARACTERS", 5000)
        report = write_report(write_run(tmp_path_factory.mktemp("many"), MANY))
    assert len(list((report.parent / "report-data").iterdir())) > 5
    return report


def test_the_overview_leads_to_pages(reader: Reader, small: Path) -> None:
    reader.open(small)
    assert reader.ask("document.querySelector('#view-overview').offsetHeight > 0")
    assert reader.ask("document.querySelector('#view-pages').hidden && document.querySelector('#view-page').hidden")
    reader.click("#tags-sections a[href$=remedies]")
    reader.until(SHOWN, "1 of 4 pages")
    assert reader.titles() == ["Title of numb"]


def test_search_finds_titles_at_once_and_text_in_the_files(reader: Reader, many: Path) -> None:
    reader.open(many, "#pages")
    assert reader.ask(SHOWN) == "150 of 150 pages"
    reader.type("#search", "KNEE 77")
    reader.until(SHOWN, "1 of 150 pages")
    reader.driver.find_element("css selector", "#search").clear()
    reader.type("#search", "number 149 rest")
    reader.until(SHOWN, "1 of 150 pages")
    reader.until("document.getElementById('searching').textContent", "")
    assert reader.titles() == ["Knee 149"]
    reader.type("#search", " nowhere")
    reader.until("document.getElementById('nothing').hidden", False)


@pytest.mark.parametrize(
    ("selector", "choice", "expected"),
    [
        ("#by-tag", "Remedies", "150 of 150 pages"),
        ("#by-tag", "No tag", "0 of 150 pages"),
        ("#by-site", "site1.example", "50 of 150 pages"),
        ("#by-sure", "under 0.60", "40 of 150 pages"),
        ("#by-sure", "0.80 and more", "30 of 150 pages"),
        ("#by-kind", "article", "150 of 150 pages"),
    ],
)
def test_filters(reader: Reader, many: Path, selector: str, choice: str, expected: str) -> None:
    reader.open(many, "#pages")
    reader.choose(selector, choice)
    reader.until(SHOWN, expected)
    reader.driver.refresh()  # what was chosen stands in the address
    reader.until(SHOWN, expected)


def test_columns_sort_both_ways(reader: Reader, many: Path) -> None:
    reader.open(many, "#pages")
    for expected in ("Knee 0", "Knee 149"):
        reader.click("th[data-sort=words] button")
        assert reader.titles()[0] == expected
    assert reader.ask("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "descending"
    assert reader.ask("location.hash") == "#pages&sort=-words"


def test_rows_are_drawn_as_they_are_needed(reader: Reader, many: Path) -> None:
    reader.open(many, "#pages")
    assert len(reader.titles()) == 100
    reader.ask("window.scrollTo(0, document.body.scrollHeight)")
    reader.until("document.querySelectorAll('#rows tr').length", 150)


def test_a_page_shows_tags_probabilities_evidence_and_what_was_dropped(reader: Reader, small: Path) -> None:
    reader.open(small, "#pages")
    reader.click("#rows a")
    reader.until(TITLE, "Title of numb")
    assert reader.ask("location.hash") == "#page=numb"
    first = "document.querySelector('.passage.tagged.causes')"
    assert reader.ask(f"{first}.querySelector('p').textContent") == NUMB
    assert reader.ask(f"{first}.querySelector('p').title") == "Causes 0.9300\nRemedies 0.0500\nWarning signs 0.0500"
    assert reader.ask(f"{first}.querySelector('.chips').textContent") == "Causes0.93"
    assert reader.ask(f"{first}.querySelector('.others').textContent") == "remedies 0.05warning signs 0.05"
    assert reader.ask(f"{first}.querySelector('mark').textContent") == NUMB.split(".")[0] + "."
    assert (
        reader.ask("document.querySelector('.passage.item').className.trim()")
        == "passage item tagged remedies also-warning_signs"
    )
    underline = f"getComputedStyle({first}.querySelector('mark')).textDecorationLine"
    assert reader.ask(underline) == "underline"
    summaries = "[...document.querySelectorAll('.dropped summary')].map((each) => each.textContent)"
    assert reader.ask(summaries) == [
        "1 block dropped: share",
        "1 block dropped: advert",
        "2 blocks dropped: headline list ×2",
    ]
    hidden = "[...document.querySelectorAll('.dropped')].map((each) => each.open)"
    assert reader.ask(hidden) == [False] * 3
    reader.click("#fold")
    assert reader.ask(hidden) == [True] * 3
    assert "Ten better breakfasts" in reader.ask("document.querySelector('#view-page').innerText")
    reader.click("#fold")


def test_keys_lead_through_the_pages(reader: Reader, many: Path) -> None:
    reader.open(many, "#pages&site=site1.example&sort=-words")
    reader.press("jj")
    assert reader.ask("document.activeElement.textContent") == "Knee 145"
    reader.press("\ue007")  # Enter
    reader.until(TITLE, "Knee 145")
    reader.press("j")
    reader.until(TITLE, "Knee 142")
    reader.press("k")
    reader.until(TITLE, "Knee 145")
    assert reader.ask("document.querySelector('.where').textContent") == "2 of 50, as filtered"
    reader.press("d")
    assert reader.ask("document.querySelector('.dropped').open")
    reader.press("dn")
    assert reader.ask("document.activeElement.className") == "section remedies"
    reader.press("u")
    reader.until("document.activeElement.textContent", "Knee 145")
    assert reader.ask(SHOWN) == "50 of 150 pages"
    reader.press("?")
    assert reader.ask("document.getElementById('keys').open")
    reader.click("#keys button")
    reader.until("document.getElementById('keys').open", False)
    reader.press("/")
    reader.until("document.activeElement.id", "search")


def test_a_link_points_at_a_passage(reader: Reader, many: Path) -> None:
    reader.open(many, "#page=p149&passage=p149%2F1")
    reader.until("document.querySelector('.pointed p')?.textContent", "Rest number 149 does it.")


def test_a_page_that_is_not_there_says_so(reader: Reader, small: Path) -> None:
    reader.open(small, "#page=gone")
    reader.until("document.querySelector('[role=alert]')?.textContent.includes('“gone”')")


def test_without_its_folder_the_report_says_what_it_needs(window: Reader, many: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(many, tmp_path))
    window.open(alone, "#page=p007")
    window.until("document.querySelector('[role=alert]')?.textContent.includes('report-data')")
    window.complaints()  # the browser tells of the missing file too


def test_files_of_another_run_are_not_taken(window: Reader, many: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(many.parent, tmp_path / "mixed")
    for path in (folder / "report-data").iterdir():
        path.write_text(path.read_text().replace('healthsiftData("', 'healthsiftData("other', 1))
    window.open(folder / "report.html", "#page=p007")
    window.until("document.querySelector('[role=alert]')?.textContent.includes('of another run')")
    window.complaints()


@pytest.mark.parametrize("cut", [1, 10**6], ids=["files", "one file"])
def test_page_text_stays_text_and_runs_nothing(reader: Reader, tmp_path: Path, cut: int, monkeypatch: Any) -> None:
    monkeypatch.setattr("pipeline.report.files.FILE_CHARACTERS", cut)
    reader.open(write_report(write_run(tmp_path, SMALL, **RUN)), "#page=evil")
    reader.until(TITLE, HOSTILE)
    assert reader.ask("document.querySelector('.passage p').textContent") == HOSTILE
    assert reader.ask("document.querySelectorAll('#view-page :is(img, script, iframe, a[href^=java])').length") == 0
    reader.press("d")
    reader.press("u")
    reader.type("#search", "onerror")
    reader.until(SHOWN, "1 of 4 pages")
    reader.press("\ue00cd")
    assert reader.ask("document.title") == "Pages · Healthsift report"


def test_scripts_in_the_document_are_blocked_even_if_they_got_there(window: Reader, small: Path) -> None:
    """The policy is the second wall: markup and handlers put in by hand do nothing."""
    window.open(small)
    attempt = "document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0])"
    with pytest.raises(Exception, match="TrustedHTML"):
        window.ask(attempt, HOSTILE)
    with pytest.raises(Exception, match="TrustedScript"):
        window.ask("document.body.setAttribute('onclick', arguments[0])", ATTACK)
    window.driver.execute_script(  # a link is no sink of scripts, but following it is
        "const link = document.createElement('a'); link.href = `javascript:${arguments[0]}`;"
        "document.body.append(link); link.click();",
        ATTACK,
    )
    assert window.ask("document.title") == "Healthsift report"
    assert any("Content Security Policy" in line for line in window.complaints())


PAGES: dict[str, Callable[[str], bytes]] = {
    "script.html": lambda body: f"<title>{ATTACK}</title><script>{ATTACK}</script>{body}".encode(),
    "entities.html": lambda body: (
        f"<p>&lt;script&gt;{ATTACK}&lt;/script&gt; &quot;&gt;&lt;img src=x onerror={ATTACK}&gt;</p>{body}".encode()
    ),
    "link.html": lambda body: (
        f'<link rel=canonical href="javascript:{ATTACK}"><p><a href="javascript:{ATTACK}">x</a></p>{body}'.encode()
    ),
    "utf16.html": lambda body: b"\xff\xfe" + body.encode("utf-16-le")[:-1] + b"\x00\xd8\x3c\x00\xdc\xdc\x00",
    "half.txt": lambda body: body.encode("utf-16-be") + b"\xd8\x00" * 20,
}


def test_a_run_over_hostile_pages_runs_no_script(reader: Reader, tmp_path: Path) -> None:
    body = (SAMPLE / "northfield-clinic" / "hives-what-helps.html").read_text("utf-8")
    for name, build in PAGES.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(build(body.replace("hives", f'hives "><img src=x onerror="{ATTACK}">')))
    assert main(["run", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--engine", "serial"]) in (0, 1)
    reader.open(tmp_path / "out" / "report.html", "#pages")
    count = reader.ask("document.querySelectorAll('#rows a').length")
    assert count >= 3
    for number in range(count):
        reader.ask(f"location.hash = document.querySelectorAll('#rows a')[{number}].hash")
        reader.until("document.querySelectorAll('#view-page .section, #view-page .dropped').length > 0")
        assert reader.ask("document.title").endswith(" · Healthsift report")
        reader.ask("location.hash = 'pages'")
        reader.until("document.querySelector('#view-page').hidden")
