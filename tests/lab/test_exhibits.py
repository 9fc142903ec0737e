"""The lessons give what the docs say they give: run anew, they come out in the same shape."""

import random
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab import exhibits
from lab.exhibits import run
from lab.exhibits.sheet import WIDTH, Sheet
from lab.exhibits.wiretap import RedisTap, SqlTap
from lab.laboratory import Laboratory
from lab.premises import laboratory

ENGLISH, KOREAN = run.CHAPTERS
ALONE = [name for name in exhibits.EXHIBITS if exhibits.find(name).alone is not None]
# In a minute or two all of them run with `python -m lab exhibit all`; these are the quick ones.
QUICK = ["session-flow", "session-end", "layers", "rfc", "jwt", "basic"]


@pytest.fixture(scope="module")
async def lab() -> AsyncIterator[Laboratory]:
    async with laboratory(run.SETTINGS, random.Random(7)) as opened:  # noqa: S311 - an order
        yield opened


def shape(lines: list[str]) -> list[str]:
    """Return what stays the same from run to run: words, without numbers and random text."""
    joined = [
        re.sub(r"[\w-]*…|https?://\S+|[\w-]{20,}|\w{3}, \d+ \w{3} \d+", "~", line) for line in lines
    ]
    return [re.sub(r"[\d.,]+", "0", " ".join(line.split())) for line in joined]


@pytest.mark.parametrize("chapter", run.CHAPTERS, ids=["english", "korean"])
def test_a_chapter_walks_through_every_lesson_in_order(chapter: Path) -> None:
    assert tuple(run.captured(chapter)) == exhibits.EXHIBITS
    headings = re.findall(r"^## (\d+)\. ", chapter.read_text(), re.MULTILINE)
    assert headings == [str(number) for number in range(1, len(exhibits.EXHIBITS) + 1)]


def test_both_chapters_show_the_same_output_and_cite_the_same_sections() -> None:
    assert run.captured(ENGLISH) == run.captured(KOREAN)
    cited = [
        set(re.findall(r"RFC \d+ §[\d.]+|§[\d.]+\d", chapter.read_text()))
        for chapter in run.CHAPTERS
    ]
    assert cited[0] == cited[1]
    assert len(cited[0]) > 25


def test_every_output_fits_and_holds_no_secret() -> None:
    for name, lines in run.captured(ENGLISH).items():
        assert lines, name
        assert max(map(len, lines)) <= 100, name
        text = "\n".join(lines)
        assert not re.search(r"eyJ[\w-]{20}|password=[^…]", text), name


async def _give(name: str, lab: Laboratory | None) -> list[str]:
    sheet = await run.show(name, lab, write=lambda _line: None)
    return sheet.lines


def _expect_the_shape_of_the_docs(name: str, lines: list[str]) -> None:
    again = f"run: python -m lab exhibit {name} --capture"
    assert shape(_ours(lines)) == shape(_ours(run.captured(ENGLISH)[name])), again


def _ours(lines: list[str]) -> list[str]:
    """Leave out what does not depend on us, and what may grow without the lesson.

    Browsers do not agree on cookies for scripts of another site; a check more, or a section named
    otherwise, makes no lesson wrong.
    """
    left_out = re.compile(
        r"  (a script|the same, CORS).*another site|To a script of another|  .+ §\S+ +passed$"
    )
    return [line for line in lines if not left_out.match(line)]


@pytest.mark.parametrize("name", ALONE)
async def test_a_lesson_without_services_comes_out_as_in_the_docs(name: str) -> None:
    if name == "same-origin" and shutil.which("chromium") is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    _expect_the_shape_of_the_docs(name, await _give(name, None))


@pytest.mark.parametrize("name", QUICK)
async def test_a_lesson_over_real_services_comes_out_as_in_the_docs(
    name: str, lab: Laboratory
) -> None:
    lines = await _give(name, lab)
    _expect_the_shape_of_the_docs(name, lines)
    if name == "rfc":
        assert sum(line.endswith(" passed") for line in lines) > 25
        assert not [line for line in lines if line.endswith((" failed", " not reached"))]
    if name == "jwt":  # what matters most is no matter of shape
        accepted = re.findall(r"^  (.+?)  +(\d+)  +(\d+)$", "\n".join(lines), re.MULTILINE)
        assert [(row[0], row[2]) for row in accepted if row[2] != "0"] == [("as it is", "1")]
        assert sum(int(row[1]) for row in accepted) > 3000


def test_output_is_put_into_its_block_and_nowhere_else(tmp_path: Path) -> None:
    chapter = tmp_path / "chapter.md"
    blocks = "".join(f"{run._BLOCK.format(name=n)}old\n```\nafter {n}\n" for n in ("jwt", "rsa"))
    chapter.write_text(f"before\n{blocks}")
    run.insert(chapter, {"rsa": ["new", "lines"], "rfc": ["not in this chapter"]})
    assert run.captured(chapter) == {"jwt": ["old"], "rsa": ["new", "lines"]}
    assert chapter.read_text().endswith("new\nlines\n```\nafter rsa\n")
    assert "rfc" not in chapter.read_text()


def test_a_sheet_keeps_what_it_writes_within_its_width() -> None:
    written: list[str] = []
    sheet = Sheet(written.append)
    sheet.title("one")
    sheet.say("word " * 60)
    sheet.title("two")
    sheet.table(("name", "n"), [("a", 1), ("long name", 200)])
    assert written == sheet.lines
    assert max(map(len, written)) <= WIDTH
    assert written[-3:] == ["  name         n", "  a            1", "  long name  200"]


def test_commands_to_redis_are_read_from_the_wire() -> None:
    tap = RedisTap()
    tap(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", True)
    tap(b"*2\r\n$5\r\nGETEX\r\n$24\r\nsession:abcdefgh12345678\r\n", True)
    tap(b"*2\r\n$3\r\nGET\r\n$9\r\nsession:x\r\n", False)  # what a server says is no command
    assert tap.take() == ["GETEX session:abcdefgh…"]
    assert tap.take() == []


def test_statements_to_postgresql_are_read_from_the_wire_however_it_is_cut_up() -> None:
    def message(kind: bytes, payload: bytes) -> bytes:
        return kind + (len(payload) + 4).to_bytes(4, "big") + payload

    octets = (
        message(b"", (80877103).to_bytes(4, "big"))  # a question for TLS
        + message(b"", (196608).to_bytes(4, "big") + b"user\0lab\0\0")
        + message(b"p", b"a password")
        + message(b"P", b"one\0SELECT *\n  FROM sessions\0\0\0")
        + message(b"P", b"two\0SELECT 1\0\0\0")
        + message(b"B", b"\0two\0")
        + message(b"B", b"\0one\0")
    )
    for size in (1, 7, len(octets)):
        tap = SqlTap()
        for start in range(0, len(octets), size):
            tap(octets[start : start + size], True)
        assert tap.take() == ["SELECT * FROM sessions"]
