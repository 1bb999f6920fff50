"""WARC: which records are pages, how their bodies are undone, and that no damage goes unsaid or costs its neighbours."""

from __future__ import annotations

import gzip
import zlib

import pytest

from pipeline.parse import parse
from pipeline.read import PageError, find, ranges, read

HTML = b"<html><body><p>A warm bath before bed eases a calf that cramps.</p></body></html>"


def record(n, kind="response", block=None, length=None, type_="application/http; msgtype=response", more=""):
    """One WARC record; its block is an HTTP response with HTML unless given."""
    block = http(HTML + b"<!-- %d -->" % n) if block is None else block
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:id-{n}>\r\nWARC-Target-URI: https://a.example/{n}\r\n"
        f"WARC-Date: 2025-01-01T00:00:00Z\r\nContent-Type: {type_}\r\n{more}"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def http(body, status="200 OK", headers="Content-Type: text/html"):
    return f"HTTP/1.1 {status}\r\n{headers}\r\n\r\n".encode() + body


def write(path, records, form):
    """`plain`, `members` (a gzip member a record) or `single` (one member for all)."""
    zipped = {"plain": records, "members": [gzip.compress(r, mtime=0) for r in records]}
    path.write_bytes(gzip.compress(b"".join(records), mtime=0) if form == "single" else b"".join(zipped[form]))
    return find([str(path)])[0]


FORMS = ["plain", "members", "single"]


@pytest.mark.parametrize("form", FORMS)
def test_a_page_has_the_id_and_address_of_its_record(tmp_path, form):
    source = write(tmp_path / "crawl.warc", [record(n) for n in range(3)], form)
    pages = list(read(source))
    assert [(p.page_id, p.url) for p in pages] == [(f"id-{n}", f"https://a.example/{n}") for n in range(3)]
    assert [p.content for p in pages] == [HTML + b"<!-- %d -->" % n for n in range(3)]
    assert pages[0].is_html
    assert pages[1].source == f"{tmp_path / 'crawl.warc'}:2"


CHUNKED = b"5\r\n" + HTML[:5] + b"\r\n%x\r\n" % (len(HTML) - 5) + HTML[5:] + b"\r\n0\r\n\r\n"
ZIPPED = gzip.compress(HTML, mtime=0)
BODIES = {
    "as it is": (HTML, "Content-Type: text/html"),
    "in chunks": (CHUNKED, "Content-Type: text/html\r\nTransfer-Encoding: chunked"),
    "gzip": (ZIPPED, "Content-Type: text/html\r\nContent-Encoding: gzip"),
    "deflate": (zlib.compress(HTML), "Content-Type: text/html\r\nContent-Encoding: deflate"),
    "gzip in chunks": (b"%x\r\n" % len(ZIPPED) + ZIPPED + b"\r\n0\r\n\r\n", "Content-Type: text/html\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked"),
    "said gzip, stored undone": (HTML, "Content-Type: text/html\r\nContent-Encoding: gzip"),
    "said chunked, stored undone": (HTML, "Content-Type: text/html\r\nTransfer-Encoding: chunked"),
    "xhtml": (HTML, "Content-Type: application/xhtml+xml"),
    "plain text": (HTML, "content-type: TEXT/PLAIN;charset=utf-8"),
    "no type": (HTML, "Server: a"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_undone(tmp_path, name):
    body, headers = BODIES[name]
    (page,) = read(write(tmp_path / "a.warc", [record(1, block=http(body, headers=headers))], "plain"))
    assert page.content == HTML


NO_PAGES = {
    "not found": record(1, block=http(HTML, "404 Not Found")),
    "moved": record(1, block=http(HTML, "301 Moved")),
    "picture": record(1, block=http(b"\x89PNG", headers="Content-Type: image/png")),
    "binary without a type": record(1, block=http(b"\x89PNG\0\0\1", headers="Server: a")),
    "revisit": record(1, kind="revisit"),
    "request": record(1, kind="request", block=b"GET / HTTP/1.1\r\n\r\n"),
    "name look-up": record(1, block=b"20250101 a.example 1.2.3.4", type_="text/dns"),
    "conversion to json": record(1, kind="conversion", block=b"{}", type_="application/json"),
}


@pytest.mark.parametrize("name", NO_PAGES)
def test_other_records_are_passed_over(tmp_path, name):
    found = list(read(write(tmp_path / "a.warc", [NO_PAGES[name], record(2)], "members")))
    assert [page.page_id for page in found] == ["id-2"]


def test_a_conversion_is_text(tmp_path):
    block = "Gähnen hält wach.".encode()
    (page,) = read(write(tmp_path / "a.warc", [record(1, "conversion", block, type_="text/plain")], "plain"))
    assert (page.page_id, page.is_html, page.content) == ("id-1", False, block)


def test_the_charset_of_the_server_is_used(tmp_path):
    text = "<p>" + "Причины судорог в икроножных мышцах. " * 4 + "</p>"
    block = http(text.encode("koi8-r"), headers="Content-Type: text/html; charset=koi8-r")
    (page,) = read(write(tmp_path / "a.warc", [record(1, block=block)], "plain"))
    assert page.charset == "koi8-r"
    assert parse(page).blocks[0].text.startswith("Причины судорог")


def test_a_body_that_cannot_be_undone_is_an_error(tmp_path):
    block = http(b"\0\1\2\3" * 9, headers="Content-Type: text/html\r\nContent-Encoding: gzip")
    (error,) = read(write(tmp_path / "a.warc", [record(1, block=block)], "plain"))
    assert (error.page_id, error.error) == ("id-1", "BadEncoding")


def broken_gzip(n):
    data = bytearray(gzip.compress(record(n), mtime=0))
    data[len(data) // 2 : len(data) // 2 + 8] = b"\xff" * 8
    return bytes(data)


def outcome(source):
    """Ids of pages; of errors, the number of the record."""
    return [p.page_id if not isinstance(p, PageError) else int(p.page_id.split(":")[1]) for p in read(source)]


GOOD = [record(n) for n in range(1, 6)]
ZIP = [gzip.compress(r, mtime=0) for r in GOOD]
DAMAGED = {
    "length too short": (GOOD[:2] + [record(3, length=50)] + GOOD[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "length too long": (GOOD[:2] + [record(3, length=700)] + GOOD[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "length beyond the end": (GOOD[:2] + [record(3, length=10**12)] + GOOD[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "length no number": (GOOD[:2] + [record(3, length="x")] + GOOD[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "rubbish between": (GOOD[:2] + [b"rubbish\r\n" * 9] + GOOD[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "cut in a block": ([b"".join(GOOD)[:-60]], ["id-1", "id-2", "id-3", "id-4", 5]),
    "cut in a header": ([b"".join(GOOD[:4]) + GOOD[4][:70]], ["id-1", "id-2", "id-3", "id-4", 5]),
    "last line ends missing": ([b"".join(GOOD)[:-3]], ["id-1", "id-2", "id-3", "id-4", "id-5"]),
    "bad member": (ZIP[:2] + [broken_gzip(3)] + ZIP[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "bad first member": ([broken_gzip(1)] + ZIP[1:], [1, "id-2", "id-3", "id-4", "id-5"]),
    "bad check sum": (ZIP[:2] + [ZIP[2][:-8] + b"\0" * 8] + ZIP[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "rubbish between members": (ZIP[:2] + [b"rubbish" * 9] + ZIP[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "bad length in a member": (ZIP[:2] + [gzip.compress(record(3, length=5000))] + ZIP[3:], ["id-1", "id-2", 3, "id-4", "id-5"]),
    "cut in a member": ([b"".join(ZIP)[:-30]], ["id-1", "id-2", "id-3", "id-4", 5]),
    "cut after the last record": ([b"".join(ZIP)[:-5]], ["id-1", "id-2", "id-3", "id-4", "id-5", 6]),
    "cut in a member's header": ([b"".join(ZIP[:4]) + ZIP[4][:6]], ["id-1", "id-2", "id-3", "id-4", 5]),
    "padded with zeros": ([*ZIP, b"\0" * 100], ["id-1", "id-2", "id-3", "id-4", "id-5"]),
    "no archive": ([b"just words\n" * 9], [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_said_and_reading_goes_on(tmp_path, name):
    pieces, expected = DAMAGED[name]
    (tmp_path / "a.warc").write_bytes(b"".join(pieces))
    (source,) = find([str(tmp_path / "a.warc")])
    assert outcome(source) == expected
    assert [found for piece in ranges(source, 1, 1 << 30) for found in outcome(piece)] == expected


def test_a_cut_says_how_much_was_read(tmp_path):
    (tmp_path / "a.warc").write_bytes(b"".join(GOOD)[:-60])
    *_, error = read(find([str(tmp_path / "a.warc")])[0])
    place = len(b"".join(GOOD[:4]))
    assert error.message.startswith(f"damaged or cut short after record 4, at byte {place:,} of the file: cut short: ")


def test_an_empty_file_is_an_error(tmp_path):
    (tmp_path / "a.warc").write_bytes(b"")
    (source,) = find([str(tmp_path / "a.warc")])
    assert [(e.page_id, e.error) for piece in ranges(source, 9, 9) for e in read(piece)] == [("a", "Empty")]


@pytest.mark.parametrize(("form", "pieces"), [("plain", 4), ("members", 4), ("single", 1)])
def test_ranges_cover_an_archive_once(tmp_path, form, pieces):
    records = [r for n in range(7) for r in (record(n, "request", b"GET /"), record(n), record(n, "metadata", b"x"))]
    source = write(tmp_path / "a.warc", records, form)
    found = list(ranges(source, 2, 1 << 30))
    assert len(found) == pieces
    assert [p.page_id for piece in found for p in read(piece)] == [f"id-{n}" for n in range(7)]
    assert [p.source for piece in found for p in read(piece)] == [p.source for p in read(source)]
