"""What a lesson is written on: plain text of at most 78 columns, printed and kept."""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from lab.client import Request, Response
from lab.wire import folded, shortened

WIDTH: Final = 78
_NUMBER: Final = re.compile(r"[<>]? ?-?[\d.,]+(?: ?(?:ms|s|h|B|%))?|∞|-|\d+ \+ \d+|")
_HEADERS: Final = frozenset({"authorization", "cookie", "set-cookie", "x-replica"})


class Sheet:
    """Takes lines down, and gives each to `write` at once."""

    def __init__(self, write: Callable[[str], None] = print) -> None:
        self.lines: list[str] = []
        self._write = write

    def line(self, text: str = "") -> None:
        """Put one line down as it is."""
        self.lines.append(text.rstrip())
        self._write(self.lines[-1])

    def title(self, text: str) -> None:
        """Begin a part, with an empty line before it if there is anything."""
        if self.lines:
            self.line()
        self.line(f"== {text}")

    def say(self, text: str, indent: str = "") -> None:
        """Put a paragraph down."""
        for piece in textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent):
            self.line(piece)

    def step(self, number: int, text: str) -> None:
        """Put the heading of a step down."""
        self.say(f"{number}. {text}")

    def exchange(self, request: Request, response: Response) -> None:
        """Put down what went over the wire, with every secret shortened."""
        self._wire(f"> {request.method} {urlsplit(request.url).path}", request.headers)
        if request.body:
            self._folded("    ", request.body.decode())
        status = HTTPStatus(response.status)
        self._wire(f"< {status.value} {status.phrase}", response.headers)

    def _wire(self, first: str, headers: Iterable[tuple[str, str]]) -> None:
        self.line(f"  {first}")
        for name, value in headers:
            if name in _HEADERS:
                self._folded("    ", f"{name}: {value}")

    def _folded(self, indent: str, text: str) -> None:
        for piece in folded(shortened(text), WIDTH - len(indent)):
            self.line(indent + piece)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Put a table down, as wide as its cells; numbers stand to the right."""
        texts = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, cells)) for cells in zip(columns, *texts, strict=True)]
        right = [all(_is_number(row[at]) for row in texts) for at in range(len(columns))]
        for row in (list(columns), *texts):
            cells = [
                cell.rjust(width) if of_numbers else cell.ljust(width)
                for cell, width, of_numbers in zip(row, widths, right, strict=True)
            ]
            self.line("  " + "  ".join(cells))


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None
