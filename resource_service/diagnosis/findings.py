"""What one check found: the line that `tokens explain` and `doctor` print."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_OURS: Final = "…±"
_LONGEST: Final = 99  # characters shown of a value that a stranger chose


class Outcome(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Finding:
    """One check: what it saw, the section that asks for it, and what to do if it failed.

    `refusal` is what a client is told when it is the access token that fails here.
    """

    check: str
    outcome: Outcome
    saw: str
    section: str
    advice: str = ""
    refusal: str = ""


def first_failure(findings: Iterable[Finding]) -> Finding | None:
    """Return the first check that failed: what comes after it may be its consequence."""
    return next((found for found in findings if found.outcome is Outcome.FAILED), None)


def shown(value: object) -> str:
    """Return a JSON value for a person's terminal: printable ASCII, and not much of it."""
    try:
        return cut(json.dumps(value))
    except (ValueError, RecursionError):
        return "(too large to show)"


def cut(text: str, longest: int = _LONGEST) -> str:
    """Shorten a text, and escape what a terminal might obey (or not have)."""
    plain = "".join(
        c if " " <= c <= "~" or c in _OURS else c.encode("unicode_escape").decode() for c in text
    )
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
