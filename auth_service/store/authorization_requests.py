"""Authorization requests that wait for a person to log in or to agree."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Database


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request as it came; `account_chosen`: the person has said which account to use."""

    request_id: uuid.UUID
    parameters: dict[str, str]
    created_at: datetime
    account_chosen: bool


async def add(db: Database, parameters: dict[str, str], now: datetime) -> WaitingRequest:
    """Keep a request until it is answered or forgotten."""
    waiting = WaitingRequest(uuid.uuid4(), dict(parameters), now, account_chosen=False)
    await db.execute(
        """
        INSERT INTO authorization_requests (request_id, parameters, created_at)
        VALUES ($1, $2, $3)
        """,
        waiting.request_id,
        json.dumps(waiting.parameters),
        now,
    )
    return waiting


async def find(db: Database, request_id: uuid.UUID, since: datetime) -> WaitingRequest | None:
    """Return a request that was made after `since` and is not answered yet."""
    row = await db.fetchrow(
        """
        SELECT request_id, parameters, created_at, account_chosen FROM authorization_requests
        WHERE request_id = $1 AND created_at > $2 AND answered_at IS NULL
        """,
        request_id,
        since,
    )
    if row is None:
        return None
    return WaitingRequest(
        row["request_id"], json.loads(row["parameters"]), row["created_at"], row["account_chosen"]
    )


async def choose_account(db: Database, request_id: uuid.UUID) -> None:
    """Note that the person has chosen an account."""
    await db.execute(
        "UPDATE authorization_requests SET account_chosen = true WHERE request_id = $1", request_id
    )


async def answer(db: Database, request_id: uuid.UUID, now: datetime) -> bool:
    """Mark a request as answered; False if it was before: of two answers one counts."""
    answered = await db.fetchval(
        """
        UPDATE authorization_requests SET answered_at = $2
        WHERE request_id = $1 AND answered_at IS NULL
        RETURNING true
        """,
        request_id,
        now,
    )
    return answered is not None


async def forget(db: Database, since: datetime) -> None:
    """Remove what was made before `since`."""
    await db.execute("DELETE FROM authorization_requests WHERE created_at <= $1", since)
