"""What a person reads: colours and a progress bar on a terminal, plain text in a pipe."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from io import TextIOWrapper
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lab.client import Request, Response
from lab.load import Shot
from lab.timeline import Event, Timeline
from lab.volley import Volley
from lab.wire import folded, shortened

_WIDTH: Final = 80
_MARKS: Final = {200: ("o", "green"), 401: ("x", "red")}
_HEADERS: Final = {"authorization", "cookie", "set-cookie", "x-replica"}


class Narrator:
    """Tells a story on a console; every number it is given was measured."""

    def __init__(self, console: Console | None = None) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # an arrow may be more than a pipe can encode
        self.console = console or Console(highlight=False)
        self.console.width = min(self.console.width, _WIDTH)

    def skip(self) -> None:
        """Print an empty line."""
        self.console.print()

    def act(self, title: str) -> None:
        """Print a heading."""
        self.console.print(Text.assemble(("── ", "cyan"), (title, "bold cyan")))
        self.console.print()

    def say(self, text: str | Text, style: str = "") -> None:
        """Print a paragraph, and an empty line after it."""
        self._print(text if isinstance(text, Text) else Text(text, style))
        self.console.print()

    def points(self, points: Iterable[str]) -> None:
        """Print a list."""
        for point in points:
            grid = Table.grid(padding=(0, 1, 0, 0))
            grid.add_row("-", point)
            self._print(grid)
        self.console.print()

    def exchange(self, request: Request, response: Response) -> None:
        """Print what went over the wire, with every secret shortened."""
        self._arrow("→", f"{request.method} {urlsplit(request.url).path}", "cyan")
        self._wire(request.headers, request.body)
        status = HTTPStatus(response.status)
        self._arrow("←", f"{status.value} {status.phrase}", "red" if status >= 400 else "green")
        self._wire(response.headers, response.body)
        self.console.print()

    def facts(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Print rows of name, value and note; a name without a value is a heading."""
        for name, value, note in rows:
            line = Text.assemble((f"  {name:<9} " if value else name, "dim"), value)
            line.append(f"   {note}" if note else "", "italic cyan")
            self._print(line, indent=4)
        self.console.print()

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[int, str], None]]:
        """Show a progress bar while the block runs; none in a pipe.

        Yields a function that advances the bar so many steps, and says what is done next.
        """
        bar = Progress(
            *(TextColumn(" "), SpinnerColumn(), BarColumn(24), TimeElapsedColumn()),
            TextColumn("{task.description}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with bar:
            task = bar.add_task("", total=total)
            yield lambda steps, doing: bar.update(task, advance=steps, description=doing)

    @contextmanager
    def live(self) -> Iterator[Callable[[Text, str], None]]:
        """Yield a function that draws a text anew, with a note below; in a pipe it draws nothing.

        What it was given last is printed at the end, without the note.
        """
        last = Text()

        def show(text: Text, note: str) -> None:
            nonlocal last
            last = text
            live.update(Padding(Group(text, "", Text(note, "dim")), (0, 0, 0, 2)))

        with Live(console=self.console, refresh_per_second=8, transient=True) as live:
            yield show
        self.say(last)

    def volley(self, volley: Volley) -> None:
        """Print one mark for each request, in the order they were due."""
        replicas = f"{volley.replicas} replica{'s' * (volley.replicas > 1)}"
        line = Text.assemble((f"{volley.scheme:<9}", "bold"), f"{replicas:<12}")
        for shot in volley.shots:
            line.append(*_MARKS.get(shot.status, ("!", "yellow")))
        self._print(line)

    def table(self, volleys: Iterable[Volley]) -> None:
        """Print the volleys as a table, the expected share of 401 beside the measured one."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("scheme", style="bold")
        for heading in ("replicas", "200", "401", "other", "share of 401", "expected"):
            table.add_column(heading, justify="right")
        table.add_column("per replica")
        for volley in volleys:
            refused, statuses = volley.refused, volley.statuses
            ok, unauthorized = statuses[HTTPStatus.OK], statuses[HTTPStatus.UNAUTHORIZED]
            table.add_row(
                volley.scheme,
                *map(str, (volley.replicas, ok, unauthorized)),
                str(len(volley.shots) - ok - unauthorized),
                Text(_percent(refused), "bold red" if refused else "bold green"),
                _percent(volley.expected),
                " ".join(map(str, volley.answered.values())),
            )
        self.console.print()
        self._print(table)
        self.console.print()

    def event(self, event: Event) -> None:
        """Print something that happened."""
        self._print(Text.assemble((event.letter, "bold"), f"{event.seconds:6.1f} s  {event.text}"))

    def remark(self, event: Event, text: str) -> None:
        """Print something that came of an event, which need not be the last one."""
        self._print(Text.assemble((event.letter, "bold"), f"{'→':>8}  {text}"))

    def phases(self, timeline: Timeline, shots: Mapping[str, Sequence[Shot]]) -> None:
        """Print how many requests were answered 200 between one event and the next."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("since")
        for name in shots:
            table.add_column(name, justify="right")
        columns = [timeline.between(of_scheme) for of_scheme in shots.values()]
        texts = ["   the start", *(f"{event.letter}  {event.text}" for event in timeline.events)]
        for text, *phase in zip(texts, *columns, strict=True):
            table.add_row(text, *map(_answered, phase))
        self._print(table)
        self.console.print()

    def _arrow(self, arrow: str, line: str, style: str) -> None:
        self._print(Text.assemble((arrow, f"bold {style}"), (f" {line}", style)))

    def _wire(self, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        lines = [f"{name}: {value}" for name, value in headers if name in _HEADERS]
        for line in [*lines, *([body.decode()] if body else [])]:
            for piece in folded(shortened(line), self.console.width - 4):
                self._print(Text(piece), indent=4)

    def _print(self, what: RenderableType, indent: int = 2) -> None:
        options = self.console.options.update_width(self.console.width - indent)
        for segments in self.console.render_lines(what, options, pad=False):
            line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
            line = Text(" " * indent).append_text(line)
            line.rstrip()
            self.console.print(line)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _answered(shots: Sequence[Shot]) -> Text:
    ok = sum(shot.status == HTTPStatus.OK for shot in shots)
    style = "green" if ok == len(shots) else "red" if ok == 0 else "yellow"
    return Text(f"{ok} of {len(shots)}", style)
