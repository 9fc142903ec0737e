"""`python -m lab exhibit`: lessons one after the other, and their output for the docs."""

import asyncio
import random
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from lab import exhibits
from lab.exhibits import Missing
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory
from lab.premises import laboratory
from lab.stopping import stoppable
from stack.errors import StackError
from stack.layout import Settings
from stack.processes import REPOSITORY

CHAPTERS: Final = (REPOSITORY / "docs/lessons.md", REPOSITORY / "docs/lessons.ko.md")
SETTINGS: Final = Settings(auth={"AUTH_ACCESS_TOKEN_LIFETIME": "300"}, restart=False)
_BLOCK: Final = "```console\n$ python -m lab exhibit {name}\n"


def run(names: Sequence[str], *, capture: bool) -> int:
    """Show these lessons; with `capture` put what they print into the docs. 0 if all ran."""
    try:
        sheets = asyncio.run(stoppable(_run(names)))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    except (Missing, StackError) as error:
        print(f"The lesson cannot be given: {error}")
        return 1
    if capture:
        for chapter in CHAPTERS:
            insert(chapter, {name: sheet.lines for name, sheet in sheets.items()})
            print(f"Wrote {chapter.relative_to(REPOSITORY)}")
    return 0


async def _run(names: Sequence[str]) -> dict[str, Sheet]:
    sheets: dict[str, Sheet] = {}
    wait = [name for name in names if exhibits.find(name).run is not None]
    for name in names:
        if name not in wait:
            sheets[name] = await show(name, None)
    if wait:
        print("(starting issuer, databases and load balancer)\n")
        chance = random.Random()  # noqa: S311 - an order, no secret
        async with laboratory(SETTINGS, chance) as lab:
            for name in wait:
                sheets[name] = await show(name, lab)
    return sheets


async def show(name: str, lab: Laboratory | None, write: Callable[[str], None] = print) -> Sheet:
    """Give one lesson; return what was written down."""
    exhibit, sheet = exhibits.find(name), Sheet(write)
    if exhibit.alone is not None:
        await exhibit.alone(sheet)
    elif exhibit.run is not None and lab is not None:
        await exhibit.run(sheet, lab)
    write("")
    return sheet


def insert(chapter: Path, outputs: dict[str, list[str]]) -> None:
    """Put outputs into the blocks that begin with their commands."""
    text = chapter.read_text()
    for name, lines in outputs.items():
        mark = _BLOCK.format(name=name)
        before, found, after = text.partition(mark)
        if found:
            _, end, rest = after.partition("```\n")
            text = before + mark + "\n".join(lines) + "\n" + end + rest
    chapter.write_text(text)


def captured(chapter: Path) -> dict[str, list[str]]:
    """Return the outputs that a chapter holds, by exhibit."""
    text = chapter.read_text()
    pattern = re.escape(_BLOCK).replace(re.escape("{name}"), r"([a-z-]+)") + r"(.*?)```\n"
    return {name: block.splitlines() for name, block in re.findall(pattern, text, re.DOTALL)}
