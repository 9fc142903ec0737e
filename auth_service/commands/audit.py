"""`audit`: list, explain, retain."""

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from auth_service import audit_story, store
from auth_service.commands import load_settings, refuse, run, show, with_server
from auth_service.server import AuthorizationServer
from auth_service.settings import Settings
from auth_service.store import audit_log, privileges, refresh_token_families, users
from auth_service.store.audit_log import Entry, Event
from auth_service.store.users import User

app = typer.Typer(help="What happened; docs/audit.md says what is recorded.", no_args_is_help=True)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LOG_INS: Final = 3  # are told of one user
_BATCH: Final = 10_000  # rows


@app.command("list")
def list_entries(
    user: Annotated[str | None, typer.Option(help="Only about this user.")] = None,
    family: Annotated[uuid.UUID | None, typer.Option(help="Only about this log-in.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Not older: 90s, 15m, 2h, 7d or an ISO 8601 time.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List what happened, the oldest first."""
    span_or_time = None if since is None else _since(since)

    async def work(server: AuthorizationServer) -> list[Entry]:
        sub = None if user is None else (await _user(server, user)).sub
        not_before = (
            server.time() - span_or_time if isinstance(span_or_time, timedelta) else span_or_time
        )
        return await audit_log.find(
            server.db, sub=sub, family_id=family, since=not_before, most=most
        )

    show([_row(entry, as_json=as_json) for entry in with_server(work)], as_json=as_json)


@app.command()
def explain(
    subject: Annotated[
        str, typer.Argument(help="A log-in's family id or sid, a user name or a sub.")
    ],
) -> None:
    """Tell in plain words why a log-in ended, or that it has not; times are in UTC."""
    for line in with_server(lambda server: _explain(server, subject)):
        typer.echo(line)


@app.command()
def retain(
    days: Annotated[int, typer.Option(min=1, help="Keep this many days, remove what is older.")],
) -> None:
    """Remove old rows, as the database's owner (AUTH_MIGRATION_DATABASE_URL)."""
    settings = load_settings()
    removed = run(lambda: _retain(settings, timedelta(days=days)))
    typer.echo(f"removed {removed} rows that were older than {days} days")


async def _retain(settings: Settings, kept: timedelta) -> int:
    """Say in the log that it is shortened, then shorten it, in batches that block nobody."""
    url = settings.migration_database_url or settings.database_url
    now = datetime.now(UTC)
    removed = 0
    async with store.connected(url.get_secret_value()) as connection:
        if not await privileges.may_change_audit_log(connection):
            refuse(
                "the service's role may not remove rows of the audit log: "
                "AUTH_MIGRATION_DATABASE_URL must be the database as its owner"
            )
        before = now - kept
        await audit_log.record(connection, Event.ROWS_REMOVED, now, before=before.isoformat())
        while batch := await audit_log.remove_before(connection, before, _BATCH):
            removed += batch
    return removed


async def _explain(server: AuthorizationServer, subject: str) -> list[str]:
    identifier = _uuid(subject)
    if identifier is not None:
        families = await refresh_token_families.begun_in(server.db, identifier) or [identifier]
        if lines := await _log_ins(server, families):
            return lines
    user = await _user(server, subject)
    rows = await audit_log.find(server.db, sub=user.sub)
    families = list(dict.fromkeys(row.family_id for row in reversed(rows) if row.family_id))
    account = _account(user, rows, server.time())
    return [*account, "", *await _log_ins(server, families)]


async def _log_ins(server: AuthorizationServer, families: Sequence[uuid.UUID]) -> list[str]:
    """Tell the newest of these log-ins; empty if the log knows none of them."""
    lines = []
    for family_id in families[:_LOG_INS]:
        if rows := await audit_log.find(server.db, family_id=family_id):
            lines += [*await _log_in(server, rows), ""]
    if len(families) > _LOG_INS:
        lines.append(f"There are {len(families) - _LOG_INS} older log-ins.")
    return lines


async def _log_in(server: AuthorizationServer, rows: Sequence[Entry]) -> list[str]:
    sub = next((row.sub for row in rows if row.sub), None)
    user = None if sub is None else await users.find_by_sub(server.db, sub)
    name = str(sub) if user is None else user.username
    return audit_story.tell(rows, name, server.settings, server.time())


def _account(user: User, rows: Sequence[Entry], now: datetime) -> list[str]:
    lines = [f"{user.username}, sub {user.sub}"]
    if user.disabled_at is not None:
        lines.append(f"  {audit_story.at(user.disabled_at)}  disabled, and is so now")
    day = now - timedelta(days=1)
    for event in (Event.PASSWORD_CHANGED, Event.LOG_IN_FAILED):
        times = [row.at for row in rows if row.event == event and row.at >= day]
        if times:
            lines.append(f"  {audit_story.at(times[-1])}  {event}; {len(times)} in the last 24 h")
    if not any(row.family_id for row in rows):
        lines.append("  The audit log has no log-in of this user.")
    return lines


async def _user(server: AuthorizationServer, subject: str) -> User:
    sub = _uuid(subject)
    by_sub = None if sub is None else await users.find_by_sub(server.db, sub)
    user = by_sub or await users.find(server.db, subject)
    if user is None:
        refuse(f"there is no log-in and no user {subject}")
    return user


def _since(text: str) -> timedelta | datetime:
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        refuse(f"{text} is no time: 90s, 15m, 2h, 7d, or 2026-11-23T10:00:00")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _row(entry: Entry, *, as_json: bool) -> dict[str, Any]:
    """Return all of it for a script; for a person, what tells most and can be asked about."""
    if as_json:
        identifiers = {
            name: None if value is None else str(value)
            for name, value in (
                ("sub", entry.sub),
                ("client_id", entry.client_id),
                ("family_id", entry.family_id),
                ("jti", entry.jti),
                ("kid", entry.kid),
            )
        }
        at = entry.at.isoformat()
        return {"at": at, "event": entry.event, **identifiers, "detail": entry.detail}
    kinds = (("log-in", entry.family_id), ("user", entry.sub), ("key", entry.kid))
    about = next((f"{kind} {value}" for kind, value in kinds if value is not None), "")
    return {
        "at": audit_story.at(entry.at),
        "event": entry.event,
        "client_id": entry.client_id,
        "about": about,
        "detail": " ".join(f"{name}={value}" for name, value in entry.detail.items()),
    }
