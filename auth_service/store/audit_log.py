"""The audit log: what happened, when and to whom; rows are only ever added (docs/audit.md).

A row is written in the transaction of what it records, so nothing that was done lacks its row
and nothing that was refused has one that says it was done. `refresh_token_families` writes its
own rows, in the statements that they record. No row holds a token, a secret, a password or a
hash of one.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import asyncpg

from auth_service.store import WITHOUT_WAITING, Database

MOST_A_MINUTE: Final = 10  # rows of one kind of refusal about one user, client or family


class Event(StrEnum):
    """What can happen; the text is what the table holds, and `meaning` says what it means.

    Where a row has a `jti`, an access token of that id was issued.
    """

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> "Event":
        """Make an event that is a string and has a meaning."""
        event = str.__new__(cls, value)
        event._value_ = value
        event.meaning = meaning
        return event

    REGISTERED = "registered", "a user was added"
    LOGGED_IN = (
        "logged in",
        "a user proved who he is, in a browser by `amr`; with a `family_id`, a client got tokens",
    )
    STRENGTHENED = (
        "log-in strengthened",
        "in a browser, by a second factor; `amr` is what it has now",
    )
    LOGGED_OUT = "logged out", "of a browser, which ended the log-ins that began in it"
    USER_CODE_REFUSED = "user code refused", "a user typed a device's code that there is not"
    LOGOUT_TOLD = "client told", "of a log-out in a browser in which it got tokens"
    LOGOUT_NOT_TOLD = "client not told", "of a log-out: it has not answered for a day"
    CONSENT_GIVEN = (
        "consent given",
        "the user agreed to the `scope` at a client, and at the `resource` if it named one",
    )
    CONSENT_WITHDRAWN = (
        "consent withdrawn",
        "the user took it back, which ended it all",
    )
    TOKENS_ISSUED = "tokens issued", "a client got tokens for a user logged in in a browser"
    LOG_IN_FAILED = "log-in failed", "of a known user; `reason` says why"
    MAIL_SENT = (
        "mail sent",
        "with a link to `reset` the password or to `verify` the address, or notice of a change",
    )
    EMAIL_VERIFIED = "e-mail verified", "the user has used the link that was sent there"
    CLAIMS_CHANGED = "claims changed", "what is known of a user was replaced by a command"
    SECOND_FACTOR_ON = "second factor on", "log-ins of the user need a one-time code from now on"
    SECOND_FACTOR_OFF = "second factor off", "the password alone will do again"
    RECOVERY_CODE_USED = "recovery code used", "instead of a one-time code"
    RECOVERY_CODES_RENEWED = "recovery codes renewed", "the old ones are worth nothing"
    PASSWORD_CHANGED = "password changed", "which ended every log-in of the user"
    USER_DISABLED = "user disabled", "which ended every log-in of the user"
    USER_ENABLED = "user enabled", "the user may log in again"
    ROTATED = "rotated", "a refresh token was exchanged for the next `generation`"
    REPEATED = (
        "repeated within the window",
        "the token before the newest came again in time and got the same successor",
    )
    REUSED = (
        "reuse: family revoked",
        "a token that had been replaced came again too late, which ended the log-in",
    )
    EXPIRED_IDLE = "expired (idle)", "a refresh token came after too long a silence"
    EXPIRED_ABSOLUTE = "expired (absolute)", "a refresh token came after the end of its log-in"
    SCOPE_EXCEEDED = "scope exceeded", "a refresh asked for more than was granted"
    OTHER_RESOURCE = "other resource", "a refresh was to be for another one than was granted"
    FOREIGN_CLIENT = "foreign client", "a refresh token came from a client that it is not for"
    REFRESH_REFUSED = "refresh refused", "for another `reason`"
    REVOKED = "revoked", "a log-in, or the tokens of a client, ended by request"
    CLIENT_CREATED = "client created", "a client was registered"
    CLIENT_CHANGED = "client changed", "a client changed what it had registered"
    CLIENT_DISABLED = "client disabled", "which ended its tokens and the log-ins at it"
    CLIENT_ENABLED = "client enabled", "the client may ask for tokens again"
    INITIAL_TOKEN_CREATED = (
        "initial access token created",
        "who has it may register clients; `note` says what for",
    )
    CLIENT_REFUSED = "client refused", "a known client did not prove who it is; `reason` says why"
    KEY_PUBLISHED = "key published", "verifiers can know the key; it does not sign yet"
    KEY_ACTIVATED = "key activated", "the key signs"
    KEY_RETIRED = "key retired", "the key signs no more; what it signed stays good"
    KEY_REMOVED = "key removed", "the key has left the JWKS; nothing under it is in use"
    KEY_REVOKED = "key revoked", "the key has left the JWKS at once; what it signed is worthless"
    SECRETS_REWRAPPED = (
        "secrets rewrapped",
        "signing keys and secrets, `count` of them, are encrypted under another key",
    )
    ROWS_REMOVED = "old rows removed", "this log was shortened, by `audit retain`"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row; `at` is by the clock of the service that wrote it.

    `event` is an `Event`, or one that a newer version of this program has recorded.
    """

    id: int
    at: datetime
    event: str
    sub: uuid.UUID | None
    client_id: str | None
    family_id: uuid.UUID | None
    jti: str | None
    kid: str | None
    detail: Mapping[str, Any]


async def record(
    db: Database,
    event: Event,
    at: datetime,
    *,
    sub: uuid.UUID | None = None,
    client_id: str | None = None,
    family_id: uuid.UUID | None = None,
    jti: str | None = None,
    kid: str | None = None,
    **detail: str | int | None,
) -> None:
    """Add a row; `db` is the connection of the transaction that does what the row says.

    What is None is left out of the detail. `by`, wherever it is given, is the client of an
    administrator who asked for it over REST.
    """
    await db.execute(
        """
        INSERT INTO audit_log (at, event, sub, client_id, family_id, jti, kid, detail)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        at,
        event,
        sub,
        client_id,
        family_id,
        jti,
        kid,
        json.dumps({name: value for name, value in detail.items() if value is not None}),
    )


# A refusal changes nothing, so its row is a transaction of its own. That does not wait for the
# disk: the time of the answer must not tell whether there was a row, hence whether the user
# exists.


async def log_in_failed(
    db: Database, at: datetime, *, sub: uuid.UUID | None, client_id: str | None, reason: str
) -> None:
    """Add a row about a failed log-in, or do as much work for nothing if the user is unknown.

    An unknown name is not kept: it may be a password in the wrong field, and anybody can send
    as many as he likes. Of each user there are at most `MOST_A_MINUTE` rows.
    """
    await db.execute(
        f"""
        {WITHOUT_WAITING}
        INSERT INTO audit_log (at, event, sub, client_id, detail)
        SELECT $1, 'log-in failed', $2, $3, jsonb_build_object('reason', $4::text)
        FROM without_waiting
        WHERE $2::uuid IS NOT NULL AND (
            SELECT count(*) FROM audit_log
            WHERE sub = $2 AND event = 'log-in failed'
              AND at > $1::timestamptz - interval '1 minute'
        ) < {MOST_A_MINUTE}
        """,  # noqa: S608 - constants
        at,
        sub,
        client_id,
        reason,
    )


async def client_refused(db: Database, at: datetime, client_id: str, reason: str) -> None:
    """Add a row about a known client that was refused, `MOST_A_MINUTE` of each at most."""
    await db.execute(
        f"""
        {WITHOUT_WAITING}
        INSERT INTO audit_log (at, event, client_id, detail)
        SELECT $1, 'client refused', $2, jsonb_build_object('reason', $3::text)
        FROM without_waiting
        WHERE (
            SELECT count(*) FROM audit_log
            WHERE client_id = $2 AND event = 'client refused'
              AND at > $1::timestamptz - interval '1 minute'
        ) < {MOST_A_MINUTE}
        """,  # noqa: S608 - constants
        at,
        client_id,
        reason,
    )


async def find(
    db: Database,
    *,
    sub: uuid.UUID | None = None,
    family_id: uuid.UUID | None = None,
    since: datetime | None = None,
    most: int | None = None,
) -> list[Entry]:
    """Return the newest rows that match what is given, `most` at most, the oldest first."""
    rows = await db.fetch(
        """
        SELECT id, at, event, sub, client_id, family_id, jti, kid, detail FROM audit_log
        WHERE ($1::uuid IS NULL OR sub = $1)
          AND ($2::uuid IS NULL OR family_id = $2)
          AND ($3::timestamptz IS NULL OR at >= $3)
        ORDER BY id DESC
        LIMIT $4
        """,
        sub,
        family_id,
        since,
        most,
    )
    return [_entry(row) for row in reversed(rows)]


async def remove_before(db: Database, before: datetime, most: int) -> int:
    """Remove `most` rows at most that are older; return how many. For the owner's role only."""
    status = await db.execute(
        """
        DELETE FROM audit_log
        WHERE id IN (SELECT id FROM audit_log WHERE at < $1 ORDER BY id LIMIT $2)
        """,
        before,
        most,
    )
    return int(status.rpartition(" ")[2])


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(**{**row, "detail": json.loads(row["detail"])})
