"""Drawings in SVG, made by hand: lines over axes, bars, and strips of time.

They have their colours in themselves, for light and for dark, so that they look the same in a
page and as a file. Curves differ by dashes as well as by colour.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

Points = Sequence[tuple[float, float]]
_WIDTH: Final = 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 22, 14, 44
_COLOURS: Final = (  # light, dark
    ("#57606a", "#9aa4af"),
    ("#8250df", "#b392f0"),
    ("#cf222e", "#ff7b72"),
    ("#bc4c00", "#f0883e"),
    ("#0969da", "#58a6ff"),
    ("#1a7f37", "#3fb950"),
    ("#9a6700", "#d4a72c"),
    ("#0b7285", "#39c5cf"),
    ("#bf3989", "#f778ba"),
    ("#4d2d00", "#e3b67a"),
    ("#1b4965", "#9ecbe8"),
    ("#6e7781", "#6e7781"),
)
# Who has which colour in every figure; others get what is left, in their order.
_PLACES: Final = {
    "none": 0,
    "sticky": 1,
    "memory": 2,
    "postgres": 3,
    "rs256": 4,
    "hs256": 5,
    "opaque": 6,
    "redis": 7,
    "rs256+status": 8,
}
_DASHES: Final = ("", "6 3", "2 3", "9 3 2 3") * 3


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis measures; `log` for powers of ten."""

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None


def lines(
    curves: Mapping[str, Points],
    x: Axis,
    y: Axis,
    *,
    marks: Mapping[str, float] | None = None,
    steps: bool = False,
) -> str:
    """Draw curves with a legend below; `marks` are upright lines at some x, by their curve."""
    across = _Scale(x, [a for points in curves.values() for a, _ in points], _LEFT, _WIDTH - _RIGHT)
    height = 330
    up = _Scale(y, [b for points in curves.values() for _, b in points], height - _BOTTOM, _TOP)
    parts = [_grid(across, up, height), _labels(x, y, height)]
    places = _places(list(curves))
    for name, points in curves.items():
        number = places[name]
        parts.append(_curve(number, points, across, up, steps=steps))
        if marks and name in marks and across.holds(marks[name]):
            at = across(marks[name])
            parts.append(
                f'<line class="s{number}" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" '
                f'y2="{height - _BOTTOM}" stroke-dasharray="1 4"/>'
            )
    legend, added = _legend(list(curves), height)
    return _svg(height + added, [*parts, legend])


def bars(rows: Mapping[str, Sequence[tuple[str, float]]], unit: str) -> str:
    """Draw one bar a row, made of parts that add up; equal names have equal colours."""
    names = list(dict.fromkeys(name for parts in rows.values() for name, _ in parts))
    longest = max(sum(value for _, value in parts) for parts in rows.values()) or 1
    left, step = 190, 26
    scale = (_WIDTH - left - 70) / longest
    drawn = []
    for number, (label, parts) in enumerate(rows.items()):
        top, at = _TOP + number * step, float(left)
        drawn.append(_text(left - 8, top + 14, label, "end"))
        for name, value in parts:
            colour = (4, 2, 0)[names.index(name) % 3]
            drawn.append(
                f'<rect class="f{colour}" x="{at:.1f}" y="{top}" '
                f'width="{value * scale:.1f}" height="18"/>'
            )
            at += value * scale
        total = sum(value for _, value in parts)
        drawn.append(_text(at + 6, top + 14, f"{total:.0f} {unit}"))
    height = _TOP + len(rows) * step + 8
    for number, name in enumerate(names):
        colour = (4, 2, 0)[number % 3]
        at = left + number * 150
        drawn.append(f'<rect class="f{colour}" x="{at}" y="{height}" width="12" height="12"/>')
        drawn.append(_text(at + 18, height + 11, name))
    return _svg(height + 22, drawn)


def strips(rows: Mapping[str, Sequence[Mapping[str, float]]], slice_: float, event: float) -> str:
    """Draw time from left to right, a row each; every slice is coloured by its outcomes."""
    left, step = 100, 22
    count = max(len(slices) for slices in rows.values())
    wide = (_WIDTH - left - _RIGHT) / count
    drawn = []
    for number, (label, slices) in enumerate(rows.items()):
        top = _TOP + number * step
        drawn.append(_text(left - 8, top + 13, label, "end"))
        for column, counts in enumerate(slices):
            drawn += _stack(left + column * wide, top, wide, counts)
    bottom = _TOP + len(rows) * step
    at = left + event / slice_ * wide
    drawn.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{bottom}"/>')
    for second in range(0, math.ceil(count * slice_) + 1, 2):
        drawn.append(_text(left + second / slice_ * wide, bottom + 14, f"{second} s", "middle"))
    for number, (kind, colour) in enumerate(_OUTCOMES.items()):
        x = left + number * 110
        drawn.append(f'<rect class="{colour}" x="{x}" y="{bottom + 24}" width="12" height="12"/>')
        drawn.append(_text(x + 18, bottom + 35, kind))
    return _svg(bottom + 42, drawn)


_OUTCOMES: Final = {"200": "f5", "401": "f2", "5xx": "f6", "lost": "f0"}


def _stack(left: float, top: float, wide: float, counts: Mapping[str, float]) -> list[str]:
    total = sum(counts.values())
    drawn, at = [], float(top)
    for kind, colour in _OUTCOMES.items():
        if share := (counts.get(kind, 0) / total if total else 0):
            drawn.append(
                f'<rect class="{colour}" x="{left:.1f}" y="{at:.1f}" '
                f'width="{max(wide - 0.5, 0.5):.1f}" height="{share * 18:.1f}"/>'
            )
            at += share * 18
    return drawn


class _Scale:
    """From values to places."""

    def __init__(self, axis: Axis, values: Sequence[float], begin: float, end: float) -> None:
        self._log = axis.log
        low = axis.low if axis.low is not None else (min(values) if axis.log else 0.0)
        high = axis.high if axis.high is not None else max(values)
        self.low, self.high = (low, high) if high > low else (low, low + 1)
        self._begin, self._end = begin, end

    def __call__(self, value: float) -> float:
        low, high, here = self.low, self.high, max(value, self.low)
        if self._log:
            low, high, here = math.log10(low), math.log10(high), math.log10(here)
        return self._begin + (here - low) / (high - low) * (self._end - self._begin)

    def holds(self, value: float) -> bool:
        """Tell whether a value is on the axis."""
        return self.low <= value <= self.high

    def ticks(self) -> list[float]:
        """Return round numbers along the axis."""
        if self._log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.log10(self.high) + 1e-9
            return [10.0**power for power in range(first, math.floor(last) + 1)]
        raw = (self.high - self.low) / 5
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
        count = math.floor((self.high - self.low) / step + 1e-9)
        return [self.low + step * number for number in range(count + 1)]


def _grid(across: _Scale, up: _Scale, height: int) -> str:
    parts = []
    for value in up.ticks():
        at = up(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        )
        parts.append(_text(_LEFT - 7, at + 4, _number(value), "end"))
    for value in across.ticks():
        parts.append(_text(across(value), height - _BOTTOM + 17, _number(value), "middle"))
    floor = height - _BOTTOM
    parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}" fill="none"/>')
    return "".join(parts)


def _labels(x: Axis, y: Axis, height: int) -> str:
    middle = (height - _BOTTOM + _TOP) / 2
    turned = f'transform="rotate(-90 14 {middle:.0f})"'
    return _text((_LEFT + _WIDTH) / 2, height - 8, x.label, "middle") + (
        f'<text x="14" y="{middle:.0f}" text-anchor="middle" {turned}>{html.escape(y.label)}</text>'
    )


def _curve(number: int, points: Points, across: _Scale, up: _Scale, *, steps: bool) -> str:
    places = [(across(a), up(b)) for a, b in points]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    if steps:
        path = f"M{places[0][0]:.1f} {places[0][1]:.1f}" + "".join(
            f"H{a:.1f}V{b:.1f}" for a, b in places[1:]
        )
    dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
    dots = (
        ""
        if steps
        else "".join(
            f'<circle class="f{number}" cx="{a:.1f}" cy="{b:.1f}" r="2.6"/>' for a, b in places
        )
    )
    return f'<path class="s{number}" d="{path}" fill="none"{dash}/>{dots}'


def _legend(names: Sequence[str], top: int) -> tuple[str, int]:
    parts, per_row = [], 3 if max(map(len, names)) < 20 else 2
    places = _places(names)
    for turn, name in enumerate(names):
        number = places[name]
        x = _LEFT + (turn % per_row) * (_WIDTH - _LEFT) // per_row
        y = top + 14 + (turn // per_row) * 19
        dash = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        parts.append(
            f'<line class="s{number}" x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}"{dash}/>'
        )
        parts.append(_text(x + 32, y, name))
    return "".join(parts), 19 * math.ceil(len(names) / per_row) + 6


def _places(names: Sequence[str]) -> dict[str, int]:
    """Return the colour of each curve."""
    fixed = {name: _PLACES[name] for name in names if name in _PLACES}
    order = (2, 1, 6, 5, 0, 3, 4, 7, 9, 10, 11, 8)
    left = cycle([number for number in order if number not in fixed.values()] or order)
    return {name: fixed[name] if name in fixed else next(left) for name in names}


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{where}>{html.escape(text)}</text>'


def _number(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 10_000 else f"{value:.10g}"


def _style() -> str:
    def rules(which: int) -> str:
        ink, dim, line = (("#1b1f24", "#5b6570", "#d5dae0"), ("#e6e9ec", "#9aa4af", "#343b42"))[
            which
        ]
        colours = "".join(
            f".s{n}{{stroke:{pair[which]}}}.f{n}{{fill:{pair[which]}}}"
            for n, pair in enumerate(_COLOURS)
        )
        return f"text{{fill:{ink}}}.grid{{stroke:{line}}}.axis{{stroke:{dim}}}{colours}"

    fixed = "text{font:12px system-ui,sans-serif}path,line{stroke-width:1.8}.grid{stroke-width:1}"
    return f"<style>{fixed}{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}</style>"


def _svg(height: float, parts: Sequence[str]) -> str:
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
        f'role="img">{_style()}{body}</svg>'
    )
