"""The JOSE header of a signed token: read strictly, then checked rule by rule (RFC 7515 §4).

`jku`, `x5u`, `jwk` and `x5c` are never read (RFC 8725 §3.10): no rule looks at them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from shared import jws

Members = Mapping[str, Any]

# What would change how the token is read: extensions (RFC 7515 §4.1.11, RFC 7797 §3), a
# nested JWT (RFC 7519 §5.2), encryption and compression (RFC 7516 §4.1).
FOREIGN_MEMBERS: Final = frozenset({"crit", "b64", "cty", "enc", "zip"})


@dataclass(frozen=True)
class Rule:
    """One demand on the header; `check` raises `ValueError` with what it saw instead."""

    name: str
    section: str
    check: Callable[[Members], None]


def read(octets: bytes) -> Members:
    """Parse a header as it stands in the token; `ValueError` if it is not one JSON object.

    UTF-8, no member twice, no NaN; deep nesting may raise `RecursionError`.
    """
    members = json.loads(
        jws.decode(octets).decode("utf-8"),
        object_pairs_hook=_no_repeats,
        parse_constant=_no_constants,
    )
    if not isinstance(members, dict):
        raise ValueError("the header is not an object")
    return members


def rules(typ: str, *others: str, untyped: bool = False) -> tuple[Rule, ...]:
    """Return the rules for tokens of one type, in the order in which they are checked.

    `typ` is the type without `application/`; the two are the same (RFC 7515 §4.1.9). `others`
    may stand for it, and with `untyped` none at all: for tokens that others make.
    """
    names = (typ, *others)
    types = frozenset({*names, *(f"application/{name}" for name in names)})

    def check_typ(members: Members) -> None:
        found = members.get("typ", typ if untyped else None)
        if not isinstance(found, str) or found.lower() not in types:
            raise ValueError(f"typ {found!r:.99}")

    return (
        Rule("alg", "RFC 8725 §3.1", _check_alg),
        Rule("typ", "RFC 8725 §3.11", check_typ),
        Rule("crit and the like", "RFC 7515 §4.1.11", _check_foreign_members),
        Rule("kid", "RFC 8725 §3.10", _check_kid),
    )


def _check_alg(members: Members) -> None:
    if members.get("alg") != jws.ALGORITHM:
        raise ValueError(f"alg {members.get('alg')!r:.99}")


def _check_foreign_members(members: Members) -> None:
    """Refuse any `crit`, since no extension is understood here."""
    if foreign := FOREIGN_MEMBERS & members.keys():
        raise ValueError(f"not understood: {sorted(foreign)}")


def _check_kid(members: Members) -> None:
    if not jws.is_kid(members.get("kid")):
        raise ValueError("kid is missing or malformed")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a header member is repeated")
    return members


def _no_constants(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
