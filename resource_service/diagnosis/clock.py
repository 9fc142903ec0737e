"""How far another machine's clock is from ours, by what it says in its answers."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

# A Date is cut to whole seconds, and many servers renew theirs once a second only, so that the
# true time is up to two seconds later: one, give or take one.
_COARSENESS: Final = 1.0


@dataclass(frozen=True)
class ClockDifference:
    """`ahead`: how many seconds the other clock is ahead of ours; give or take `within`."""

    ahead: float
    within: float

    def __str__(self) -> str:
        """Say it for a person."""
        margin = f"± {max(1, round(self.within))} s"
        if abs(self.ahead) <= self.within:
            return f"in step with ours ({margin})"
        direction = "ahead of" if self.ahead > 0 else "behind"
        return f"{abs(round(self.ahead))} s {direction} ours ({margin})"


def difference(
    headers: httpx.Headers, asked_at: float, received_at: float
) -> ClockDifference | None:
    """Read the clock difference from an answer; None if it has no usable Date (RFC 9110 §6.6.1).

    A cache in between says in `Age` how many seconds ago the Date was true (RFC 9111 §5.1).
    The times are in seconds since 1970, by our clock.
    """
    try:
        date = parsedate_to_datetime(headers["date"])
        age = int(headers.get("age", "0"))
    except (LookupError, ValueError, TypeError):
        return None
    then = date.replace(tzinfo=date.tzinfo or UTC).timestamp() + age
    ahead = then + _COARSENESS - (asked_at + received_at) / 2
    return ClockDifference(ahead, _COARSENESS + (received_at - asked_at) / 2)
