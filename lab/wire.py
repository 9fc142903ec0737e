"""HTTP as it went over the wire, made fit to be read: secrets shortened, long lines folded."""

import re
from typing import Final

# The name before a secret, what stands between, and the secret: in headers, forms and JSON.
_SECRET: Final = re.compile(
    r"\b(password|client_secret|session|Bearer|access_token|refresh_token)"
    r"(=| |\": ?\")"
    r"([^&;\"\s]+)"
)
_NEVER_SHOWN: Final = frozenset({"password", "client_secret"})
_SHOWN: Final = 8  # characters of any other secret; each of those has 40 and more
_PIECE: Final = re.compile(r"[^&,;]+(?:[&,]|; ?|$)")


def shortened(line: str) -> str:
    """Return a line of HTTP without its secrets, but for the first characters of random ones."""

    def shorten(match: re.Match[str]) -> str:
        name, between, secret = match.groups()
        return f"{name}{between}{'' if name in _NEVER_SHOWN else secret[:_SHOWN]}…"

    return _SECRET.sub(shorten, line)


def folded(line: str, width: int) -> list[str]:
    """Break a line after `&`, `,` or `;` so that each piece fits, where it can be done."""
    pieces = [""]
    for piece in _PIECE.findall(line):
        if pieces[-1] and len(pieces[-1]) + len(piece) > width:
            pieces.append("")
        pieces[-1] += piece
    return pieces
