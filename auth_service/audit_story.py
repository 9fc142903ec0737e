"""Why was I logged out? The audit log's rows about one log-in, told in plain words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final

from auth_service.settings import Settings
from auth_service.store.audit_log import Entry, Event

_BEGINNINGS: Final = (Event.LOGGED_IN, Event.TOKENS_ISSUED)
_ENDINGS: Final = (Event.REUSED, Event.REVOKED, Event.EXPIRED_IDLE, Event.EXPIRED_ABSOLUTE)
_HARMLESS: Final = (Event.SCOPE_EXCEEDED, Event.OTHER_RESOURCE, Event.FOREIGN_CLIENT)
_REASONS: Final = {
    "password changed": "the password was changed, which ends every log-in of the user.",
    "user disabled": "an administrator disabled the user, which ends every log-in.",
    "client disabled": "an administrator disabled the client, which ends every log-in at it.",
    "revoked by the client": "the client gave it back (POST /revoke), as it does when somebody"
    " logs out.",
    "consent withdrawn": "the user took back what the client was allowed, on the account page.",
    "logged out": "somebody logged out in the browser in which it began.",
    "authorization code replayed": "its authorization code came a second time. A code works"
    " once; that it came again is the sign of a stolen one.",
}
_REUSE: Final = (
    "a refresh token that had been replaced was used again. Whoever was given the newer token"
    " would use that one, so somebody else may hold a copy: that is the sign of a stolen token."
    " Nobody can tell the thief from the owner, so the log-in was ended for both."
)


def tell(rows: Sequence[Entry], username: str, settings: Settings, now: datetime) -> list[str]:
    """Return the story of one log-in, a line each; `rows` are all that are about it, in order."""
    began = next((row for row in rows if row.event in _BEGINNINGS), None)
    ended = next((row for row in rows if row.event in _ENDINGS), None)
    client_id = next(row for row in (began, *rows) if row is not None).client_id
    return [
        f"Log-in {rows[0].family_id}: {username} at the client {client_id}",
        *(
            f"  {at(time)}  {what}"
            for time, what in sorted(_what_happened(rows, began, ended), key=itemgetter(0))
        ),
        *_why(rows, began, ended, settings, now),
    ]


def at(time: datetime) -> str:
    """Return a time as people read it; it is in UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _what_happened(
    rows: Sequence[Entry], began: Entry | None, ended: Entry | None
) -> Iterator[tuple[datetime, str]]:
    if began is None:
        yield rows[0].at, "the log does not reach back further than this"
    else:
        in_browser = began.event == Event.TOKENS_ISSUED
        how = "got tokens, logged in in a browser" if in_browser else "logged in"
        resource = began.detail.get("resource")
        yield began.at, f"{how}; for {resource}" if resource else how
    rotated = [row for row in rows if row.event == Event.ROTATED]
    if rotated:
        what = f"refreshed {_times(len(rotated))}, this was the last time"
        if repeated := sum(row.event == Event.REPEATED for row in rows):
            what += f"; a token was repeated {_times(repeated)} within the window, no harm done"
        yield rotated[-1].at, what
    for event, count in Counter(row.event for row in rows if row.event in _HARMLESS).items():
        last = [row for row in rows if row.event == event][-1]
        yield last.at, f"refused {_times(count)}, this was the last time: {event}"
    if ended is not None:
        yield ended.at, _ending(rows, ended)
        later = [row for row in rows if row.id > ended.id and row.event == Event.REFRESH_REFUSED]
        if later:
            yield later[-1].at, f"its tokens came {_times(len(later))} more, in vain"


def _ending(rows: Sequence[Entry], ended: Entry) -> str:
    if ended.event == Event.REVOKED:
        return f"ended: {ended.detail.get('reason', 'by request')}"
    if ended.event != Event.REUSED:
        return f"its refresh token came, but was {ended.event}"
    presented = ended.detail["presented"]
    line = f"the refresh token of generation {presented} came again from {ended.client_id}"
    for row in rows:
        if row.event == Event.ROTATED and row.detail["presented"] == presented:
            return f"{line}, {_span(ended.at - row.at)} after it had been replaced"
    return f"{line}, long after it had been replaced"


def _why(
    rows: Sequence[Entry],
    began: Entry | None,
    ended: Entry | None,
    settings: Settings,
    now: datetime,
) -> Iterator[str]:
    idle = timedelta(seconds=settings.refresh_token_idle_lifetime)
    absolute = timedelta(seconds=settings.refresh_token_lifetime)
    used = [row.at for row in rows if row.event in (*_BEGINNINGS, Event.ROTATED)]
    ends_idle = (used[-1] if used else rows[0].at) + idle
    ends_absolutely = (rows[0] if began is None else began).at + absolute
    if ended is not None and ended.event == Event.REUSED:
        yield f"It ended because {_REUSE}"
    elif ended is not None and ended.event == Event.REVOKED:
        reason = str(ended.detail.get("reason", "by request"))
        yield f"It ended because {_REASONS.get(reason, f'of this: {reason}.')}"
    elif ended is None and now < min(ends_idle, ends_absolutely):
        yield f"It has not ended. If it is not refreshed, it ends at {at(ends_idle)};"
        yield f"it ends at {at(ends_absolutely)} at the latest."
    elif ends_idle <= ends_absolutely:
        yield f"It ended by itself at {at(ends_idle)}: it was not refreshed for {_span(idle)}."
    else:
        yield f"It ended by itself at {at(ends_absolutely)}: no log-in lives for {_span(absolute)}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _span(span: timedelta) -> str:
    """Return a time span in its largest fitting unit."""
    seconds = int(span.total_seconds())
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
