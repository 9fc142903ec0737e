"""The schedule against a model: no order of events makes a verifier meet a key it cannot know.

Two issuers share a database. Each may lag, lose the database for as long as it likes, or be
started again with other settings. Whatever they serve is kept by somebody for as long as its
max-age allows. Whatever they sign is shown to all of these until it has expired.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import SecretStr

from auth_service import key_schedule
from auth_service.settings import Settings
from auth_service.store.signing_keys import StoredKey

START = datetime(2027, 1, 15, tzinfo=UTC)
SETTINGS = Settings(
    database_url=SecretStr("postgresql://"), key_encryption_key_file=Path(), key_rotation_period=60
)
WHO = strategies.integers(0, 1)


@dataclass
class Issuer:
    settings: Settings
    ring: tuple[StoredKey, ...] = ()
    read_at: int = 0


@dataclass(frozen=True)
class Served:
    kids: frozenset[str]
    expires: int


@dataclass(frozen=True)
class Token:
    kid: str
    refused_at: int


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.made = 0
        self.steps = 0
        self.ring: tuple[StoredKey, ...] = ()
        self.issuers = [Issuer(SETTINGS), Issuer(SETTINGS)]
        self.served: set[Served] = set()
        self.tokens: set[Token] = set()
        self.publish(SETTINGS)
        self.change(0, activated_at=self.time())
        self.publish(SETTINGS)
        for who in range(2):
            self.read(who)

    def time(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def publish(self, settings: Settings) -> None:
        self.made += 1
        unset = (None, None, None, False, 0)
        key = StoredKey(f"{self.made}", b"", self.time(), *unset, settings.jwks_max_age)
        self.ring = (*self.ring, key)

    def change(self, position: int, **changes: object) -> None:
        ring = list(self.ring)
        ring[position] = replace(ring[position], **changes)  # type: ignore[arg-type]
        self.ring = tuple(ring)

    def position(self, state: str) -> int:
        return next(n for n, key in enumerate(self.ring) if key.state == state)

    @rule(seconds=strategies.integers(1, 8) | strategies.integers(1, 900))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.served = {served for served in self.served if served.expires > self.now}
        self.tokens = {token for token in self.tokens if token.refused_at > self.now}

    @rule(who=WHO)
    def read(self, who: int) -> None:
        """An issuer notes its settings with the keys, then works with what it read."""
        issuer, settings = self.issuers[who], self.issuers[who].settings
        issuer.ring, issuer.read_at = self.ring, self.now
        last = len(self.ring) - 1
        longest = max(settings.jwks_max_age, self.ring[last].jwks_max_age)
        self.change(last, jwks_max_age=longest)
        active = self.position("active")
        longest = max(settings.longest_token_lifetime, self.ring[active].token_lifetime)
        self.change(active, token_lifetime=longest)

    @rule(
        who=WHO,
        max_age=strategies.sampled_from([1, 5, 60, 300, 1000]),
        lifetime=strategies.sampled_from([60, 600, 3600]),
    )
    def start_again(self, who: int, max_age: int, lifetime: int) -> None:
        changes = {"jwks_max_age": max_age, "access_token_lifetime": lifetime}
        self.issuers[who].settings = SETTINGS.model_copy(update=changes)
        self.read(who)

    @rule(who=WHO)
    def serve(self, who: int) -> None:
        issuer = self.issuers[who]
        seen = self.now - issuer.read_at
        max_age = key_schedule.served_max_age(issuer.settings.jwks_max_age, seen)
        kids = frozenset(key.kid for key in key_schedule.present(issuer.ring))
        if max_age:
            self.served.add(Served(kids, self.now + max_age))

    @precondition(
        lambda self: any(self.now - one.read_at <= key_schedule.SIGNS_ON for one in self.issuers)
    )
    @rule()
    def sign(self) -> None:
        for issuer in self.issuers:
            if self.now - issuer.read_at <= key_schedule.SIGNS_ON:
                active = key_schedule.in_state(issuer.ring, "active")
                assert active is not None
                life = issuer.settings.longest_token_lifetime + key_schedule.LEEWAY
                self.tokens.add(Token(active.kid, self.now + life))

    @rule(who=WHO)
    def advance(self, who: int) -> None:
        """Take the steps that are due by this issuer's settings."""
        settings = self.issuers[who].settings
        due = key_schedule.due(self.ring, self.time(), settings)
        self.remove(due.remove)
        if due.rotate:
            self.take_over(settings)

    @rule(who=WHO)
    def rotate(self, who: int) -> None:
        settings = self.issuers[who].settings
        refusal = key_schedule.rotation_refused(self.ring, self.time(), settings)
        if refusal is None:
            self.remove(key_schedule.due(self.ring, self.time(), settings).remove)
            self.take_over(settings)

    @rule(who=WHO)
    def rotate_at_the_first_moment(self, who: int) -> None:
        """The other issuer last read the ring before the next key was in it, and still serves."""
        self.wait_until_possible(who)
        self.serve(1 - who)
        self.wait(1)
        self.read(1 - who)
        self.rotate(who)
        self.read(who)
        self.sign()

    @rule(who=WHO)
    def remove_at_the_first_moment(self, who: int) -> None:
        """The other issuer signs for as long as it may before it hears of the retirement."""
        self.wait_until_possible(who)
        self.wait(1)
        self.read(1 - who)
        self.rotate(who)
        self.wait(key_schedule.SIGNS_ON)
        self.sign()
        settings = self.issuers[who].settings
        first = min(
            filter(None, (key_schedule.removable_at(key, settings) for key in self.ring)),
            default=self.time(),
        )
        self.wait(max(0, int((first - self.time()).total_seconds())))
        self.advance(who)
        self.read(who)
        self.serve(who)

    def wait_until_possible(self, who: int) -> None:
        """Wait until a second before a rotation is possible."""
        following = self.ring[self.position("published")]
        possible_at = key_schedule.possible_at(self.ring, following, self.issuers[who].settings)
        self.wait(max(0, int((possible_at - self.time()).total_seconds()) - 1))

    def remove(self, kids: tuple[str, ...]) -> None:
        for position, key in enumerate(self.ring):
            if key.kid in kids:
                self.change(position, removed_at=self.time())

    def take_over(self, settings: Settings) -> None:
        active, following = self.position("active"), self.position("published")
        self.change(active, retired_at=self.time())
        self.change(following, activated_at=self.time())
        self.publish(settings)
        self.steps += 1

    @invariant()
    def every_verifier_knows_every_key(self) -> None:
        for token in self.tokens:
            for served in self.served:
                assert token.kid in served.kids, (self.now, token, served)

    @invariant()
    def there_are_not_too_many_keys(self) -> None:
        assert len(key_schedule.present(self.ring)) <= key_schedule.MOST_KEYS


TestTheModel = Model.TestCase
TestTheModel.settings = hypothesis_settings(
    max_examples=150, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
