"""What an attack is, and the ways to forge a token that many of them share."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.attacks.flaws import Flaw
from tests.attacks.world import World

EVIL: Final = "https://evil.example/keys"
MALFORMED: Final = "the token is malformed"
CLAIMS: Final = "the claims are malformed"
SIGNATURE: Final = "the signature is wrong"
UNKNOWN_KEY: Final = "the token was not signed by a known key"
TOO_LONG: Final = "the token is too long"
OTHER_ISSUER: Final = "the token is another issuer's"
OTHER_AUDIENCE: Final = "the token is for another audience"


@dataclass(frozen=True)
class Attack:
    """A forgery; with `flaw` the naive verifier is fooled, ours answers `refusal`."""

    name: str
    flaw: Flaw
    refusal: str
    forge: Callable[[World], str]
    naive: Literal["accepted", "crashed"] = "accepted"


def in_header(name: str, flaw: Flaw, refusal: str = MALFORMED, /, **changes: Any) -> Attack:
    """A header that must not be, under the issuer's own signature."""
    return Attack(name, flaw, refusal, lambda world: world.token(world.header(**changes)))


def in_claims(name: str, flaw: Flaw, refusal: str = CLAIMS, /, **changes: Any) -> Attack:
    """Claims that must not be, under the issuer's own signature."""
    return Attack(name, flaw, refusal, lambda world: world.token(claims=world.claims(**changes)))


def dated(name: str, flaw: Flaw, refusal: str, **seconds: int) -> Attack:
    """Dates that many seconds ahead of now."""

    def forge(world: World) -> str:
        dates = {claim: world.now + ahead for claim, ahead in seconds.items()}
        return world.token(claims=world.claims(**dates))

    return Attack(name, flaw, refusal, forge)


def octets(
    name: str, forge: Callable[[World], bytes], *, of: Literal["header", "claims"]
) -> Attack:
    """JSON that is not quite JSON, under the issuer's own signature."""
    if of == "header":
        return Attack(name, Flaw.LOOSE_TEXT, MALFORMED, lambda world: world.token(forge(world)))
    return Attack(name, Flaw.LOOSE_TEXT, CLAIMS, lambda world: world.token(claims=forge(world)))


def respelt(name: str, flaw: Flaw, spell: Callable[[str], str]) -> Attack:
    """A good token in another spelling."""
    return Attack(name, flaw, MALFORMED, lambda world: spell(world.token()))


def with_member(document: dict[str, Any], member: bytes) -> bytes:
    """Add a member that `json.dumps` would not write."""
    return json.dumps(document).encode()[:-1] + b"," + member + b"}"


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def unsigned(world: World, **changes: Any) -> str:
    return world.message(world.header(**changes)) + "."
