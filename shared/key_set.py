"""The keys of an issuer that are at hand, and until when each is good."""

import math
import time
from collections.abc import Callable, Iterable

from shared.jws import VerificationKey


class KeySet:
    """Where verification keys come from; this one has what it was given.

    The issuer's own ring and a fetched JWKS call `use` as keys come and go. What is not sure any
    more is told to the key itself (`VerificationKey.usable_until`), where whoever remembers it,
    beside a token that it has signed, sees it. So a key belongs to one set.
    """

    def __init__(
        self, *keys: VerificationKey, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`monotonic` is the clock, in seconds, by which keys are good."""
        self.monotonic = monotonic
        self._keys: dict[str, VerificationKey] = {}
        self.use(keys)

    @property
    def kids(self) -> tuple[str, ...]:
        """The names of the keys at hand, be they usable or too old."""
        return tuple(self._keys)

    def use(self, keys: Iterable[VerificationKey], until: float = math.inf) -> None:
        """Have these keys and no others from now on, each good until then."""
        for key in self._keys.values():
            key.usable_until = -math.inf
        self._keys = {key.kid: key for key in keys}
        for key in self._keys.values():
            key.usable_until = until

    def trusted(self, kid: str) -> VerificationKey | None:
        """Return the key with this `kid` if it is at hand and good now; never waits."""
        key = self._keys.get(kid)
        return key if key is not None and self.monotonic() < key.usable_until else None

    async def key(self, kid: str) -> VerificationKey | None:
        """Return the key with this `kid`, or None if the issuer has none.

        May fetch. Raises `TemporarilyUnavailable` when it cannot know (never `InvalidToken`).
        """
        return self.trusted(kid)
