"""A strip chart in plain text: how many requests of each outcome fell into each slice of time."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Final

from rich.text import Text

from lab.load import Shot
from lab.timeline import Event

SLICE: Final = 0.25  # seconds
COLUMNS: Final = 60  # slices in one line: 15 seconds
_MARGIN: Final = 14  # characters left of the first slice
_USUAL: Final = ("200", "401", "5xx")  # always drawn; other outcomes only if there were any
_STYLES: Final = {"200": "green", "401": "red", "5xx": "yellow"}


class Lane:
    """The shots of one scheme, counted by outcome and by the slice in which they were due."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._counts: Counter[tuple[str, int]] = Counter()

    def add(self, shot: Shot) -> None:
        """Count one shot."""
        self._counts[outcome(shot), int(shot.due / SLICE)] += 1

    def count(self, of: str, column: int) -> int:
        """Return how many shots had this outcome in this slice."""
        return self._counts[of, column]

    def outcomes(self) -> list[str]:
        """Return the outcomes worth a line: the usual three, and whatever else there was."""
        return [*_USUAL, *sorted({of for of, _ in self._counts} - set(_USUAL))]


def outcome(shot: Shot) -> str:
    """Sort a shot into 200, 401, 5xx or, when no answer came, lost; any other status by itself."""
    if shot.status == 0:
        return "lost"
    return "5xx" if shot.status >= 500 else str(shot.status)


def draw(lanes: Sequence[Lane], events: Sequence[Event], page: int, until: float) -> Text:
    """Draw one page of `COLUMNS` slices, with the letters of events above them.

    Slices that begin later than `until` seconds after the start are left blank.
    """
    first = page * COLUMNS
    end = min(first + COLUMNS, ceil(until / SLICE))
    text = Text(no_wrap=True)
    text.append(f"{'seconds':<{_MARGIN}}{_axis(first)}\n", "dim")
    text.append(f"{'':<{_MARGIN}}{_marks(events, first)}\n", "bold")
    for lane in lanes:
        for of in lane.outcomes():
            text.append(f"{lane.name if of == _USUAL[0] else '':<9}", "bold")
            style = _STYLES.get(of, "magenta")
            text.append(f"{of:<{_MARGIN - 9}}", style)
            for column in range(first, end):
                count = lane.count(of, column)
                text.append(_digit(count), style if count else "dim")
            text.append("\n")
    text.rstrip()
    return text


def _digit(count: int) -> str:
    return "·" if count == 0 else str(count) if count < 10 else "#"


def _axis(first: int) -> str:
    seconds = range(int(first * SLICE), int((first + COLUMNS) * SLICE))
    return "".join(f"{second:<{round(1 / SLICE)}}" for second in seconds)


def _marks(events: Sequence[Event], first: int) -> str:
    marks = [" "] * COLUMNS
    for event in events:
        column = int(event.seconds / SLICE) - first
        if 0 <= column < COLUMNS:
            marks[column] = event.letter
    return "".join(marks)
