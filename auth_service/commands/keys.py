"""`keys`: list, plan, rotate, revoke, remove, rewrap."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from auth_service import key_plan, key_schedule
from auth_service.commands import refuse, show, with_server
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.key_plan import Plan
from auth_service.key_rewrapping import rewrap as rewrap_all
from auth_service.key_rotation import StepRefused
from auth_service.key_schedule import Ring
from auth_service.server import AuthorizationServer
from auth_service.store import signing_keys
from auth_service.store.signing_keys import StoredKey

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_DASHES = {"ignore_unknown_options": True}  # one key name in 64 begins with a dash
Kid = Annotated[str, typer.Argument(help="The key's name, as `keys list` shows it.")]


@app.command("list")
def list_keys(
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are removed or revoked, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the keys."""

    async def work(server: AuthorizationServer) -> Ring:
        return await signing_keys.ring(server.db, None)

    keys = with_server(work)
    _show(keys if everything else key_schedule.present(keys), as_json=as_json)


@app.command("plan")
def show_plan(as_json: AsJson = False) -> None:
    """Say what will happen to each key, when and why, and what `rotate` would do now."""

    async def work(server: AuthorizationServer) -> Plan:
        ring = await signing_keys.ring(server.db, server.time())
        return key_plan.plan(ring, server.time(), server.settings)

    plan = with_server(work)
    typer.echo(json.dumps(_plan_document(plan)) if as_json else _plan_text(plan))


@app.command()
def rotate(
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Do it even if verifiers may not know the next key.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Revoke the published next key too, and make another.")
    ] = False,
    revoke_active: Annotated[
        bool, typer.Option("--revoke", help="Revoke the key that signs now: see `keys revoke`.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let the next key sign, if every verifier can know it by now; or in an emergency at once."""
    if (fresh or revoke_active) and not emergency:
        refuse("--fresh and --revoke are for an --emergency", 2)

    async def work(server: AuthorizationServer) -> Ring:
        if not emergency:
            await server.rotation.rotate(server.db)
            return await signing_keys.ring(server.db, server.time())
        now, ring = server.time(), await signing_keys.ring(server.db, server.time())
        active = key_schedule.in_state(ring, "active")
        if active is None:
            refuse("no key is active")
        breaks = list(key_plan.broken_by_takeover(ring, now, server.settings, fresh=fresh))
        if revoke_active:
            breaks += key_plan.broken_by_revocation(ring, active, now, server.settings)
        else:
            breaks.append(f"Tokens under {active.kid} stay good until they expire.")
        _confirm(breaks, yes=yes)
        await server.rotation.rotate_in_emergency(
            server.db, active.kid, fresh=fresh, revoke=revoke_active
        )
        return await signing_keys.ring(server.db, server.time())

    _show(key_schedule.present(_stepping(work)), as_json=as_json)


@app.command(context_settings=_DASHES)
def revoke(kid: Kid, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take a key out of the JWKS at once, and for good; if it signs, the next one takes over."""

    async def work(server: AuthorizationServer) -> Ring:
        now, ring = server.time(), await signing_keys.ring(server.db, server.time())
        key = _find(ring, kid)
        breaks = list(key_plan.broken_by_revocation(ring, key, now, server.settings))
        if key.state == "active":
            breaks += key_plan.broken_by_takeover(ring, now, server.settings, fresh=False)
        _confirm(breaks, yes=yes)
        await server.rotation.revoke(server.db, kid)
        return await signing_keys.ring(server.db, server.time())

    _show(key_schedule.present(_stepping(work)), as_json=as_json)


@app.command(context_settings=_DASHES)
def remove(kid: Kid, as_json: AsJson = False) -> None:
    """Remove a retired key that no token needs; the issuers do it by themselves."""

    async def work(server: AuthorizationServer) -> Ring:
        await server.rotation.remove(server.db, kid)
        return await signing_keys.ring(server.db, server.time())

    _show(key_schedule.present(_stepping(work)), as_json=as_json)


@app.command()
def rewrap(
    new_key_file: Annotated[
        Path, typer.Option("--new-key-file", help="Has the new key in its first line; mode 0600.")
    ],
) -> None:
    """Encrypt all signing keys and secrets under a new key-encryption key."""

    async def work(server: AuthorizationServer) -> int:
        new = KeyEncryptionKey.load(new_key_file)
        return await rewrap_all(server.db, server.key_encryption_key, new, server.time())

    count = with_server(work)
    typer.echo(
        f"{count} secrets are now encrypted under the key in {new_key_file}. Put it in the file "
        "of AUTH_KEY_ENCRYPTION_KEY_FILE of every issuer, in the first line; running issuers "
        "read that by themselves. Keep the old key as long as you keep backups from before."
    )


def _stepping(work: Any) -> Ring:
    """Run `work`; a refused step becomes one line."""
    try:
        ring: Ring = with_server(work)
    except StepRefused as error:
        refuse(str(error))
    return ring


def _find(ring: Ring, kid: str) -> StoredKey:
    key = next((key for key in key_schedule.present(ring) if key.kid == kid), None)
    if key is None:
        refuse(f"there is no key {kid} in the JWKS")
    return key


def _confirm(breaks: Iterable[str], *, yes: bool) -> None:
    """Say what will break, then ask."""
    for line in breaks:
        typer.echo(f"- {line}", err=True)
    if yes:
        return
    # Not by typer.confirm: that writes to standard output, which may be read as JSON.
    typer.echo("Do it? [y/N] ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        typer.echo(err=True)
        refuse("nobody to ask: nothing was done (--yes does it)")
    if answer.strip().lower() not in ("y", "yes"):
        refuse("nothing was done")


def _show(keys: Iterable[StoredKey], *, as_json: bool) -> None:
    show([_row(key) for key in keys], as_json=as_json)


def _row(key: StoredKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "state": "revoked" if key.revoked else key.state,
        "published_at": _time(key.published_at),
        "activated_at": _time(key.activated_at),
        "retired_at": _time(key.retired_at),
        "removed_at": _time(key.removed_at),
    }


def _plan_document(plan: Plan) -> dict[str, Any]:
    possible_at = None if plan.refusal is None else plan.refusal.possible_at
    return {
        "keys": [
            {**asdict(key), "since": _time(key.since), "at": _time(key.at)} for key in plan.keys
        ],
        "rotate": {
            "allowed": plan.refusal is None,
            "possible_at": _time(possible_at),
            "what": plan.rotation,
        },
    }


def _plan_text(plan: Plan) -> str:
    lines = []
    for key in plan.keys:
        when = "" if key.at is None else f" at {_time(key.at)}"
        lines.append(f"{key.kid}  {key.state} since {_time(key.since)}")
        lines.append(f"    {key.next_state}{when}: {key.why}")
    return "\n".join([*lines, f"`keys rotate` now: {plan.rotation}"])


def _time(time: datetime | None) -> str | None:
    return None if time is None else key_schedule.shown(time)
