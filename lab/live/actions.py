"""What the page may ask for: one JSON object each, told apart by `do`."""

from typing import Annotated, Literal, TypeAlias

import msgspec

SIZES = (1, 2, 4)  # replicas behind each load balancer
VOLLEY = 20  # requests

Number = Annotated[int, msgspec.Meta(ge=1, le=max(SIZES))]


class _Action(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    """Its tag is its name in lower case."""


class Choose(_Action, frozen=True, tag="choose"):
    """Another scheme on one side (0 left, 1 right)."""

    side: Literal[0, 1]
    scheme: str


class Resize(_Action, frozen=True, tag="resize"):
    """So many replicas behind each load balancer."""

    replicas: Literal[1, 2, 4]


class LogIn(_Action, frozen=True, tag="log_in"):
    """Log the demo user in, on both sides."""


class Fire(_Action, frozen=True, tag="fire"):
    """Send a volley to both sides."""


class Stream(_Action, frozen=True, tag="stream"):
    """Keep sending, or stop."""

    on: bool


class Break(_Action, frozen=True, tag="break"):
    """Do something to a box, on both sides; `number` says which replica."""

    what: Literal["kill", "freeze", "restart", "cut"]
    box: Literal["replica", "store", "issuer"]
    number: Number = 1


class Rotate(_Action, frozen=True, tag="rotate"):
    """Rotate the keys, as planned."""


class Revoke(_Action, frozen=True, tag="revoke"):
    """End the log-ins."""


class Tamper(_Action, frozen=True, tag="tamper"):
    """Change the credential on its way, or no longer."""

    on: bool


Action: TypeAlias = Choose | Resize | LogIn | Fire | Stream | Break | Rotate | Revoke | Tamper
decode = msgspec.json.Decoder(Action).decode
