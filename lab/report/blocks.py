"""What a report is made of, and its two renderings: Markdown, and one HTML page without links."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Tone = Literal["good", "bad", "worse", "plain"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text with `code` and **bold**."""

    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, coloured by how much it hurts users."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; the first column names the row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing, with what it shows in words."""

    name: str
    caption: str
    svg: str


Block: TypeAlias = Heading | Paragraph | Table | Figure


def markdown(blocks: Sequence[Block], figures: str) -> str:
    """Return Markdown; drawings are files in the folder `figures` beside it."""
    return "\n\n".join(_markdown(block, figures) for block in blocks) + "\n"


def _markdown(block: Block, figures: str) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Paragraph):
        return block.text
    if isinstance(block, Figure):
        return f"![{block.caption}]({figures}/{block.name}.svg)"
    lines = [_row(block.columns), _row(["---"] * len(block.columns))]
    return "\n".join([*lines, *(_row([_text(cell) for cell in row]) for row in block.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def page(blocks: Sequence[Block], title: str) -> str:
    """Return one HTML page that needs nothing else: no script, no font, no address."""
    body = "\n".join(_html(block) for block in blocks)
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level} id="{_anchor(block.text)}">{_inline(block.text)}</h{block.level}>'
    if isinstance(block, Paragraph):
        return f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Figure):
        caption = _inline(block.caption)
        return f"<figure>{block.svg}<figcaption>{caption}</figcaption></figure>"
    head = "".join(f'<th scope="col">{_inline(name)}</th>' for name in block.columns)
    rows = "\n".join(f"<tr>{_cells(row)}</tr>" for row in block.rows)
    return (
        '<div class="wide" tabindex="0"><table><thead><tr>'
        f"{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>"
    )


def _cells(row: Sequence[str | Cell]) -> str:
    first, *rest = row
    cells = [f'<th scope="row">{_inline(_text(first))}</th>']
    for cell in rest:
        tone = cell.tone if isinstance(cell, Cell) else "plain"
        attribute = "" if tone == "plain" else f' class="{tone}"'
        cells.append(f"<td{attribute}>{_inline(_text(cell))}</td>")
    return "".join(cells)


def _inline(text: str) -> str:
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6570; --paper: #fff; --line: #d5dae0;
  --good: #dff3e4; --bad: #fdeccb; --worse: #fbd9d7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --dim: #9aa4af; --paper: #14171a;
  --line: #343b42; --good: #173d26; --bad: #4a3708; --worse: #55201e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line);
  padding-top: 1rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
th code { white-space: nowrap; }
.wide { overflow-x: auto; margin: 1rem 0; width: max-content; position: relative; left: 50%;
  max-width: min(100vw - 2rem, 84rem); transform: translateX(-50%); }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.35; }
th, td { border: 1px solid var(--line); padding: .35rem .5rem; text-align: left;
  vertical-align: top; min-width: 4.5rem; }
thead th { background: color-mix(in srgb, var(--line) 35%, var(--paper)); }
tbody th { position: sticky; left: 0; background: var(--paper); }
.good { background: var(--good); } .bad { background: var(--bad); }
.worse { background: var(--worse); }
figure { margin: 1.5rem 0; overflow-x: auto; }
figure svg { width: 100%; min-width: 34rem; height: auto; display: block; }
figcaption { color: var(--dim); font-size: .9rem; }
"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
