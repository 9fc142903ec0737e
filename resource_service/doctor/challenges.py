"""Reading the challenges of a WWW-Authenticate header (RFC 9110 §11.6.1)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(rf'[\s,]*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_NAME}))')
_SCHEME: Final = re.compile(
    rf"[\s,]*({_NAME})(?:\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$)))?(?=[\s,]|$)"
)


@dataclass(frozen=True)
class Challenge:
    """One challenge; `scheme` and the names of the parameters in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse(values: Iterable[str]) -> list[Challenge]:
    """Read all challenges of all header lines; what cannot be read ends its line."""
    return [challenge for value in values for challenge in _challenges(value)]


def bearer(values: Iterable[str]) -> Challenge | None:
    """Return the first Bearer challenge, if there is one (RFC 6750 §3)."""
    return next((found for found in parse(values) if found.scheme == "bearer"), None)


def _challenges(value: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = 0
    while match := _PARAMETER.match(value, position) or _SCHEME.match(value, position):
        position = match.end()
        if match.re is _SCHEME:
            found.append(Challenge(match[1].lower()))
        elif found:
            name, quoted, plain = match.groups()
            said = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1].parameters.setdefault(name.lower(), said)
    return found
