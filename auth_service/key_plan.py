"""What will happen to the signing keys, and why; what an emergency would break."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from auth_service import key_schedule
from auth_service.key_schedule import LEEWAY, SETTLE, SIGNS_ON, Refusal, Ring, shown
from auth_service.settings import Settings
from auth_service.store.signing_keys import State, StoredKey

# Of our own resource service, in seconds.
_REFRESHED_AT: Final = 0.8  # of the max-age
_SHORTEST_LIFE: Final = 60  # it keeps keys at least so long, unless it is told otherwise
_LONGEST_LIFE: Final = 3600  # and never longer
_STALE: Final = 3600  # it keeps them so long when it cannot fetch
_COOLDOWN: Final = 30  # between two fetches because of an unknown key


@dataclass(frozen=True, slots=True)
class Prospect:
    """A key's next step; `at` is None when nothing but a command takes it."""

    kid: str
    state: State
    since: datetime
    next_state: State
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The timeline, and what `keys rotate` would do now: a refusal, or None for a rotation."""

    keys: tuple[Prospect, ...]
    refusal: Refusal | None
    rotation: str


def plan(ring: Ring, now: datetime, settings: Settings) -> Plan:
    """Look ahead from `now`."""
    refusal = key_schedule.rotation_refused(ring, now, settings)
    rotation = _takeover(ring) if refusal is None else f"refused: {refusal}"
    prospects = (_prospect(key, ring, settings) for key in key_schedule.present(ring))
    return Plan(tuple(prospects), refusal, rotation)


def _takeover(ring: Ring) -> str:
    kids = {key.state: key.kid for key in ring}
    return f"{kids['published']} signs, {kids['active']} is retired, a new next key is published"


def _prospect(key: StoredKey, ring: Ring, settings: Settings) -> Prospect:
    if key.state == "retired":
        why = (
            f"then the last token under it (life {key.token_lifetime} s, leeway {LEEWAY} s) has "
            f"been refused for {key_schedule.removal_margin(key, settings)} s"
        )
        at = key_schedule.removable_at(key, settings)
        return Prospect(key.kid, key.state, key.since, "removed", at, why)
    at, why = _rotation(ring, settings)
    next_state: State = "retired" if key.state == "active" else "active"
    return Prospect(key.kid, key.state, key.since, next_state, at, why)


def _rotation(ring: Ring, settings: Settings) -> tuple[datetime | None, str]:
    """When the next key takes over, and why then."""
    following = key_schedule.in_state(ring, "published")
    if following is None:
        return None, "there is no next key; the issuers publish one within seconds"
    possible = key_schedule.possible_at(ring, following, settings)
    due = key_schedule.rotation_due_at(ring, settings)
    if due is None:
        return (
            None,
            f"only `keys rotate` does it (AUTH_KEY_ROTATION_PERIOD is 0), from {shown(possible)}",
        )
    if due > possible:
        return due, f"then the active key has signed for {settings.key_rotation_period} s"
    return due, "then every verifier knows the next key"


def broken_by_takeover(
    ring: Ring, now: datetime, settings: Settings, *, fresh: bool
) -> Iterator[str]:
    """Say which verifiers may refuse the tokens of the key that takes over in an emergency."""
    following = key_schedule.in_state(ring, "published")
    if following is not None and not fresh:
        known = key_schedule.known_at(ring, following)
        name = following.kid
    else:
        known = now + timedelta(seconds=2 * max(settings.jwks_max_age, _max_age(ring, now)))
        name = "a key made now"
    if known <= now:
        yield f"{name} takes over. Every verifier knows it: nothing signed with it is refused."
        return
    yield (
        f"{name} takes over, after {SETTLE} s in the JWKS at least. Verifiers may not know it "
        f"until {shown(known)} ({_seconds(known - now)} s): one that fetched the keys before may "
        "refuse its tokens with 401, unless it fetches again for a key that it does not know. "
        f"Sealgate's replicas do, once in {_COOLDOWN} s."
    )


def broken_by_revocation(
    ring: Ring, key: StoredKey, now: datetime, settings: Settings
) -> Iterator[str]:
    """Say which tokens become worthless when `key` leaves the JWKS at once, and how soon."""
    if key.state == "published":
        yield f"{key.kid} has signed nothing: no token is refused. Another next key is published."
        return
    stopped = key.retired_at or now
    worth = stopped + timedelta(seconds=key.token_lifetime + LEEWAY)
    if worth <= now:
        yield f"Every token under {key.kid} has expired: none is refused because of this."
        return
    yield (
        f"Everything under {key.kid} becomes worthless: tokens and status lists that would have "
        f"been good, some of them until {shown(worth)} ({_seconds(worth - now)} s). Clients have "
        "to get new tokens."
    )
    max_age = max(_max_age(ring, now), settings.jwks_max_age)
    bound = max_age + SETTLE
    yield (
        "Verifiers refuse it as soon as they fetch the keys again, and accept it until then. "
        f"Whoever obeys Cache-Control has fetched within {bound} s (the JWKS max-age, and {SETTLE} "
        f"s for the issuers to follow), by {shown(now + timedelta(seconds=bound))}; Sealgate's "
        f"replicas within {_replicas_forget(max_age)}. A replica that cannot reach the issuer "
        f"accepts it for up to {_STALE} s after its last fetch."
    )
    if key.state == "active":
        yield (
            f"An issuer that hangs may sign with it for {SIGNS_ON} s more; these tokens are "
            "refused too."
        )


def _replicas_forget(max_age: int) -> str:
    life = min(max(max_age, _SHORTEST_LIFE), _LONGEST_LIFE)
    least = " (or less: RESOURCE_JWKS_SHORTEST_LIFE)" if max_age < _SHORTEST_LIFE else ""
    return f"{round(_REFRESHED_AT * life) + SETTLE} s{least}"


def _max_age(ring: Ring, now: datetime) -> int:
    """The longest max-age of a JWKS that somebody may still hold."""
    held = [
        key.jwks_max_age
        for key, successor in zip(ring, [*ring[1:], None], strict=True)
        if successor is None
        or successor.published_at + timedelta(seconds=2 * key.jwks_max_age) > now
    ]
    return max(held, default=0)


def _seconds(length: timedelta) -> int:
    return -int(-length.total_seconds() // 1)
