"""When a key may take its next step: each rule, its boundary, and what the plan says of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from auth_service import key_schedule
from auth_service.key_plan import broken_by_revocation, broken_by_takeover, plan
from auth_service.key_schedule import Due
from auth_service.settings import Settings
from auth_service.store.signing_keys import StoredKey

T0 = datetime(2027, 1, 15, tzinfo=UTC)
DAY = 86_400


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def settings(**changes: Any) -> Settings:
    return Settings(
        database_url=SecretStr("postgresql://"), key_encryption_key_file=Path("key"), **changes
    )


def key(
    kid: str,
    published: float,
    activated: float | None = None,
    retired: float | None = None,
    removed: float | None = None,
    *,
    lifetime: int = 600,
    max_age: int = 300,
) -> StoredKey:
    return StoredKey(
        kid=kid,
        encrypted_private=b"",
        published_at=at(published),
        activated_at=None if activated is None else at(activated),
        retired_at=None if retired is None else at(retired),
        removed_at=None if removed is None else at(removed),
        revoked=False,
        token_lifetime=lifetime,
        jwks_max_age=max_age,
    )


RING = (key("old", -DAY, -DAY / 2, 0), key("now", -DAY / 2, 0), key("next", 0))


def test_the_next_key_signs_when_it_was_published_for_twice_the_max_age() -> None:
    assert key_schedule.known_at(RING, RING[2]) == at(600)
    refusal = key_schedule.rotation_refused(RING, at(599.5), settings())
    assert refusal is not None
    assert refusal.possible_at == at(600)
    assert str(refusal) == (
        "verifiers may not know the next key yet; possible from 2027-01-15T00:10:00+00:00"
    )
    assert key_schedule.rotation_refused(RING, at(600), settings()) is None


def test_a_shorter_max_age_does_not_help_verifiers_that_were_promised_a_longer_one() -> None:
    served_long = (RING[0], replace(RING[1], jwks_max_age=3600), replace(RING[2], jwks_max_age=60))
    assert key_schedule.known_at(served_long, served_long[2]) == at(7200)
    refusal = key_schedule.rotation_refused(served_long, at(7199), settings(jwks_max_age=60))
    assert refusal is not None
    assert refusal.possible_at == at(7200)


def test_a_longer_max_age_counts_from_the_publication_too() -> None:
    raised = (*RING[:2], replace(RING[2], jwks_max_age=3600))
    assert key_schedule.known_at(raised, raised[2]) == at(7200)


def test_a_revoked_next_key_still_counts_for_those_who_hold_a_jwks_that_ends_with_it() -> None:
    ring = (
        RING[1],
        key("revoked", 0, removed=100, max_age=3600),
        key("other", 100, max_age=60),
    )
    assert key_schedule.known_at(ring, ring[2]) == at(100 + 7200)


def test_without_a_next_key_nothing_rotates_and_one_is_due() -> None:
    ring = RING[:2]
    refusal = key_schedule.rotation_refused(ring, at(DAY), settings())
    assert refusal is not None
    assert refusal.possible_at is None
    assert key_schedule.due(ring, at(1), settings()) == Due((), rotate=False, publish=True)


def test_a_key_is_removed_when_the_last_token_under_it_has_expired_plus_leeway_and_max_age() -> (
    None
):
    removable = at(600 + 30 + 300)
    assert key_schedule.removable_at(RING[0], settings()) == removable
    refusal = key_schedule.removal_refused(RING[0], at(929), settings())
    assert refusal is not None
    assert (refusal.reason, refusal.possible_at) == (
        "tokens under it may still be good",
        removable,
    )
    assert key_schedule.removal_refused(RING[0], removable, settings()) is None
    assert key_schedule.due(RING, removable, settings()).remove == ("old",)


@pytest.mark.parametrize("changes", [{"access_token_lifetime": 1}, {"jwks_max_age": 1}])
def test_shorter_settings_do_not_shorten_the_life_of_a_key(changes: dict[str, int]) -> None:
    assert key_schedule.removable_at(RING[0], settings(**changes)) == at(930)


def test_the_margin_is_never_less_than_what_a_lagging_issuer_signs_on() -> None:
    retired = replace(RING[0], jwks_max_age=1)
    assert key_schedule.removable_at(retired, settings(jwks_max_age=1)) == at(600 + 30 + 10)


@pytest.mark.parametrize(
    ("kid", "reason"),
    [
        ("now", "it signs: only a retired key can be removed"),
        ("next", "it is the next to sign: only a retired key can be removed"),
        ("gone", "it has been removed already"),
    ],
)
def test_only_a_retired_key_can_be_removed(kid: str, reason: str) -> None:
    ring = {one.kid: one for one in (*RING, key("gone", -9, -8, -7, -6))}
    refusal = key_schedule.removal_refused(ring[kid], at(DAY), settings())
    assert refusal is not None
    assert (refusal.reason, refusal.possible_at) == (reason, None)
    assert str(refusal) == reason


def test_the_ring_rotates_by_itself_when_the_active_key_has_signed_for_the_period() -> None:
    month = settings()
    assert month.key_rotation_period == 30 * DAY
    assert key_schedule.rotation_due_at(RING, month) == at(30 * DAY)
    assert not key_schedule.due(RING[1:], at(30 * DAY - 1), month)
    assert key_schedule.due(RING[1:], at(30 * DAY), month).rotate


def test_a_short_period_waits_for_the_verifiers() -> None:
    assert key_schedule.rotation_due_at(RING, settings(key_rotation_period=1)) == at(600)


def test_with_period_zero_only_the_command_rotates() -> None:
    never = settings(key_rotation_period=0)
    assert key_schedule.rotation_due_at(RING, never) is None
    assert not key_schedule.due(RING[1:], at(3650 * DAY), never)


def test_a_rotation_waits_for_a_removal_when_the_jwks_would_grow_too_long() -> None:
    retired = [key(f"{n}", n - 100, n - 90, n) for n in range(key_schedule.MOST_KEYS - 2)]
    ring = (*retired, key("now", 50, 60), key("next", 60, max_age=1))
    refusal = key_schedule.rotation_refused(ring, at(900), settings(jwks_max_age=1))
    assert refusal is not None
    assert (refusal.reason, refusal.possible_at) == (
        "the JWKS would hold more than 16 keys",
        at(930),
    )
    frequent = settings(key_rotation_period=1)
    assert key_schedule.rotation_due_at(ring, frequent) == at(930)
    assert key_schedule.rotation_refused(ring[1:], at(900), frequent) is None


@pytest.mark.parametrize(
    ("seen", "served"),
    [(0, 300), (1.2, 300), (300, 300), (300.1, 299), (450, 150), (600, 0), (10_000, 0)],
)
def test_what_was_read_long_ago_is_served_with_a_shorter_max_age(seen: float, served: int) -> None:
    assert key_schedule.served_max_age(300, seen) == served


def test_status_lists_count_for_the_longest_life_too() -> None:
    assert settings().longest_token_lifetime == 600
    assert settings(access_token_lifetime=3600).longest_token_lifetime == 3600


def test_the_plan_says_of_each_key_what_comes_next_when_and_why() -> None:
    planned = plan(RING, at(0), settings())
    assert [(one.kid, one.state, one.next_state, one.at) for one in planned.keys] == [
        ("old", "retired", "removed", at(930)),
        ("now", "active", "retired", at(30 * DAY)),
        ("next", "published", "active", at(30 * DAY)),
    ]
    assert planned.keys[0].why == (
        "then the last token under it (life 600 s, leeway 30 s) has been refused for 300 s"
    )
    assert planned.keys[1].why == "then the active key has signed for 2592000 s"
    assert planned.rotation == (
        "refused: verifiers may not know the next key yet; possible from 2027-01-15T00:10:00+00:00"
    )
    later = plan(RING, at(600), settings(key_rotation_period=0))
    assert later.refusal is None
    assert later.rotation == "next signs, now is retired, a new next key is published"
    assert later.keys[2].at is None
    assert "from 2027-01-15T00:10:00+00:00" in later.keys[2].why
    soon = plan(RING, at(0), settings(key_rotation_period=1))
    assert soon.keys[2].why == "then every verifier knows the next key"


def test_an_emergency_says_who_may_refuse_what_and_for_how_long() -> None:
    [young] = broken_by_takeover(RING, at(100), settings(), fresh=False)
    assert "until 2027-01-15T00:10:00+00:00 (500 s)" in young
    [known] = broken_by_takeover(RING, at(600), settings(), fresh=False)
    assert known == "next takes over. Every verifier knows it: nothing signed with it is refused."
    [made] = broken_by_takeover(RING, at(600), settings(), fresh=True)
    assert "a key made now takes over" in made
    assert "(600 s)" in made


def test_a_revocation_says_what_becomes_worthless_and_when_all_have_forgotten_the_key() -> None:
    worthless, forgotten, hangs = broken_by_revocation(RING, RING[1], at(0), settings())
    assert "until 2027-01-15T00:10:30+00:00 (630 s)" in worthless
    assert (
        "within 303 s (the JWKS max-age, and 3 s for the issuers to follow), by 2027-01-15T00:05:03"
        in forgotten
    )
    assert "replicas within 243 s." in forgotten
    assert "10 s more" in hangs
    retired, _ = broken_by_revocation(RING, RING[0], at(30), settings())
    assert "(600 s)" in retired
    [unused] = broken_by_revocation(RING, RING[2], at(0), settings())
    assert "no token is refused" in unused
    [expired] = broken_by_revocation(RING, RING[0], at(630), settings())
    assert "Every token under old has expired" in expired


def test_the_bound_is_the_longest_max_age_that_somebody_may_still_hold() -> None:
    ring = (RING[0], replace(RING[1], jwks_max_age=3600), replace(RING[2], jwks_max_age=10))
    short = settings(jwks_max_age=10)
    _, early, _ = broken_by_revocation(ring, ring[1], at(7199), short)
    assert "within 3603 s (the JWKS max-age," in early
    _, late, _ = broken_by_revocation(ring, ring[1], at(7200), short)
    assert "within 13 s (the JWKS max-age," in late
    assert "replicas within 51 s (or less: RESOURCE_JWKS_SHORTEST_LIFE)" in late


def test_times_are_shown_in_whole_seconds_and_never_too_early() -> None:
    assert key_schedule.shown(at(0.001)) == "2027-01-15T00:00:01+00:00"
    assert key_schedule.shown(at(1)) == "2027-01-15T00:00:01+00:00"
