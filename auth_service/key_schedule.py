"""When a signing key may take its next step, and why not sooner: rows and a clock in, times out.

Nothing here reads or writes. Whoever changes the ring asks here first, under the ring's lock,
so a planned step that breaks a verifier is not taken, however the settings have changed:

- *To sign.* A verifier lacks key K only with a JWKS that was served without it. Such a JWKS ends
  with an earlier key J. Issuers that keep up serve it until J's successor is published; one that
  lags cuts the max-age down (`served_max_age`), so that all of it has expired at that
  publication plus twice J's max-age. Each issuer notes its max-age with J before it serves.
- *To be removed.* Issuers note the life of their tokens with the key before they sign. They stop
  at most `SIGNS_ON` after it was retired, and the last token is refused `LEEWAY` after it expired.
- *To be published.* A verifier takes a bounded number of keys, so a rotation that would exceed
  `MOST_KEYS` waits for a removal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from auth_service.settings import Settings
from auth_service.store.signing_keys import State, StoredKey

# All in seconds.
LEEWAY: Final = 30  # a verifier may accept a token so long after `exp`
SIGNS_ON: Final = 10  # an issuer that cannot see the database stops signing after that
SETTLE: Final = 3  # until every issuer that sees the database publishes a new key

MOST_KEYS: Final = 16  # of one JWKS; half of what our verifier takes

Ring = Sequence[StoredKey]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a step must not be taken, and when it may; None: never."""

    reason: str
    possible_at: datetime | None

    def __str__(self) -> str:
        """Say both in one line."""
        when = "" if self.possible_at is None else f"; possible from {shown(self.possible_at)}"
        return self.reason + when


@dataclass(frozen=True, slots=True)
class Due:
    """The steps whose time has come; false if there are none."""

    remove: tuple[str, ...]
    rotate: bool
    publish: bool

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.remove) or self.rotate or self.publish


def in_state(ring: Ring, state: State) -> StoredKey | None:
    """Return the key in this state; of several the newest."""
    return next((key for key in reversed(ring) if key.state == state), None)


def present(ring: Ring) -> list[StoredKey]:
    """Return the keys of the JWKS: those that are not removed."""
    return [key for key in ring if key.state != "removed"]


def served_max_age(max_age: int, seen: float) -> int:
    """Return the max-age for a JWKS that was read from the database `seen` seconds ago.

    It shrinks when the reading is older than `max_age`: what is served has expired at twice
    `max_age` after it was read, which is when a key that it lacks may begin to sign.
    """
    return max(0, min(max_age, math.floor(2 * max_age - seen)))


def known_at(ring: Ring, key: StoredKey) -> datetime:
    """Return when no verifier can hold a JWKS without this key any more (see above)."""
    position = ring.index(key)
    return max(
        ring[min(earlier + 1, position)].published_at
        + timedelta(seconds=2 * ring[earlier].jwks_max_age)
        for earlier in range(position + 1)
    )


def removable_at(key: StoredKey, settings: Settings) -> datetime | None:
    """Return when no token under a retired key can be good any more; None if it is not retired.

    The max-age is a margin, for issuers that stop late and clocks that differ.
    """
    if key.retired_at is None:
        return None
    return key.retired_at + timedelta(seconds=seconds_needed(key, settings))


def seconds_needed(key: StoredKey, settings: Settings) -> int:
    """Return how long a key stays after it was retired: token life, leeway and margin."""
    return key.token_lifetime + LEEWAY + removal_margin(key, settings)


def removal_margin(key: StoredKey, settings: Settings) -> int:
    """Return the max-age, but never less than what a lagging issuer may sign on."""
    return max(key.jwks_max_age, settings.jwks_max_age, SIGNS_ON)


def rotation_refused(ring: Ring, now: datetime, settings: Settings) -> Refusal | None:
    """Say why the next key must not sign yet; None if it may."""
    following = in_state(ring, "published")
    if following is None:
        return Refusal("there is no next key; the issuers publish one within seconds", None)
    known, room = known_at(ring, following), _room_at(ring, settings)
    if room is not None and room > max(known, now):
        return Refusal(f"the JWKS would hold more than {MOST_KEYS} keys", room)
    if now < known:
        return Refusal("verifiers may not know the next key yet", known)
    return None


def removal_refused(key: StoredKey, now: datetime, settings: Settings) -> Refusal | None:
    """Say why a key must not be removed; None if it may."""
    if key.state == "removed":
        return Refusal("it has been removed already", None)
    removable = removable_at(key, settings)
    if removable is None:
        what = "it signs" if key.state == "active" else "it is the next to sign"
        return Refusal(f"{what}: only a retired key can be removed", None)
    if now < removable:
        return Refusal("tokens under it may still be good", removable)
    return None


def rotation_due_at(ring: Ring, settings: Settings) -> datetime | None:
    """Return when the ring rotates by itself; None if only a command does it."""
    active, following = in_state(ring, "active"), in_state(ring, "published")
    if not settings.key_rotation_period or active is None or following is None:
        return None
    period = timedelta(seconds=settings.key_rotation_period)
    return max(active.since + period, possible_at(ring, following, settings))


def possible_at(ring: Ring, following: StoredKey, settings: Settings) -> datetime:
    """Return when a rotation is possible."""
    known, room = known_at(ring, following), _room_at(ring, settings)
    return known if room is None else max(known, room)


def due(ring: Ring, now: datetime, settings: Settings) -> Due:
    """Return the steps whose time has come."""
    rotation = rotation_due_at(ring, settings)
    return Due(
        remove=tuple(key.kid for key in ring if removal_refused(key, now, settings) is None),
        rotate=rotation is not None and rotation <= now,
        publish=in_state(ring, "active") is not None and in_state(ring, "published") is None,
    )


def _room_at(ring: Ring, settings: Settings) -> datetime | None:
    """Return when one key more is not one too many; None: it is not now."""
    surplus = len(present(ring)) + 1 - MOST_KEYS
    if surplus <= 0:
        return None
    removals = sorted(filter(None, (removable_at(key, settings) for key in present(ring))))
    return removals[surplus - 1]


def shown(time: datetime) -> str:
    """Write a time in whole seconds, never before `time` itself (RFC 3339)."""
    if time.microsecond:
        time = time.replace(microsecond=0) + timedelta(seconds=1)
    return time.isoformat()
