"""Mails to be sent: a queue. What is in them is made when they are sent, so nothing secret is here.

Whoever takes one has it until `due_at`, as in `logout_deliveries`.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from auth_service.store import Database

_FIRST_WAIT: Final = 60  # seconds, longer than an attempt takes
_LONGEST_WAIT: Final = 900  # seconds


class Kind(StrEnum):
    """What a mail is for."""

    RESET = "reset"
    VERIFY = "verify"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - it is none
    SECOND_FACTOR_ON = "second factor on"
    SECOND_FACTOR_OFF = "second factor off"
    RECOVERY_CODES_RENEWED = "recovery codes renewed"
    RECOVERY_CODE_USED = "recovery code used"
    EMAIL_CHANGED = "e-mail changed"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to be sent; `sub` is None if it is for whoever has verified this address."""

    mail_id: uuid.UUID
    kind: Kind
    sub: uuid.UUID | None
    email: str
    language: str
    asked_at: datetime


async def add(
    db: Database, kind: Kind, sub: uuid.UUID | None, email: str, language: str, now: datetime
) -> None:
    """Have a mail sent."""
    await db.execute(
        """
        INSERT INTO mails (kind, sub, email, language, asked_at, due_at)
        VALUES ($1, $2, $3, $4, $5, $5)
        """,
        kind,
        sub,
        email,
        language,
        now,
    )


async def take(db: Database, most: int, now: datetime) -> list[Mail]:
    """Take what is due; each comes again after twice the time, unless it is done by then."""
    rows = await db.fetch(
        """
        UPDATE mails
        SET attempts = attempts + 1,
            due_at = $2::timestamptz + interval '1 second' * least($4, $3 * 2 ^ least(attempts, 20))
        WHERE mail_id IN (
            SELECT mail_id FROM mails WHERE due_at <= $2
            ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING mail_id, kind, sub, email, language, asked_at
        """,
        most,
        now,
        _FIRST_WAIT,
        _LONGEST_WAIT,
    )
    return [Mail(row["mail_id"], Kind(row["kind"]), *list(row.values())[2:]) for row in rows]


async def forget(db: Database, asked_before: datetime) -> None:
    """Remove what nobody sends any more, since there is no relay now."""
    await db.execute("DELETE FROM mails WHERE asked_at <= $1", asked_before)


async def done(db: Database, mail_id: uuid.UUID) -> None:
    """Forget a mail: it was sent, or never will be."""
    await db.execute("DELETE FROM mails WHERE mail_id = $1", mail_id)
