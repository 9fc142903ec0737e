"""Findings on a terminal, in colour, or in a pipe, as plain lines of text."""

import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from resource_service.diagnosis.findings import Finding, Outcome

_SYMBOLS: Final = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "bold red"),
    Outcome.NOT_REACHED: ("\N{EN DASH}", "dim"),
}


def print_facts(facts: Mapping[str, str]) -> None:
    """Print a line for each fact, under each other."""
    width = max(map(len, facts))
    for name, fact in facts.items():
        _print(Text.assemble((f"{name:<{width}}  ", "dim"), fact))


def print_findings(findings: Iterable[Finding]) -> None:
    """Print a line for each check: outcome, name, section, what was seen."""
    lines = list(findings)
    name_width = max(len(line.check) for line in lines)
    section_width = max(len(line.section) for line in lines)
    for line in lines:
        symbol, style = _SYMBOLS[line.outcome]
        faded = style if line.outcome is Outcome.NOT_REACHED else ""
        _print(
            Text.assemble(
                (f"{symbol} ", style),
                (f"{line.check:<{name_width}}  ", faded),
                (f"{line.section:<{section_width}}  ", "dim"),
                (line.saw or "not reached", faded),
            )
        )


def print_verdict(verdict: str, *, good: bool, advice: str = "") -> None:
    """Print what all of it comes to, and what to do."""
    _print(Text())
    _print(Text(verdict, "bold green" if good else "bold red"))
    if advice:
        _print(Text(advice))


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON object."""
    _console().print_json(data=document, highlight=sys.stdout.isatty(), ensure_ascii=True)


def as_members(finding: Finding) -> dict[str, Any]:
    """Return a finding as a JSON object; what does not apply is left out."""
    return {name: value for name, value in asdict(finding).items() if value != ""}


def _print(line: Text) -> None:
    line.rstrip()
    _console().print(line)


def _console() -> Console:
    """Leave lines as long as they are; put `?` for what the terminal's encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)
