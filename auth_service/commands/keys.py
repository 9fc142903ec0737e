"""`keys`: list, rotate."""

from datetime import datetime
from typing import Annotated, Any

import typer

from auth_service.commands import refuse, show, with_server
from auth_service.keys import RotationRefused
from auth_service.server import AuthorizationServer
from auth_service.store import signing_keys
from auth_service.store.signing_keys import StoredKey

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys that are not removed."""
    keys = with_server(lambda server: signing_keys.present(server.db))
    show([_row(key) for key in keys], as_json=as_json)


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Let the next key sign, if every verifier can know it by now."""

    async def work(server: AuthorizationServer) -> list[StoredKey]:
        try:
            await server.keys.rotate(server.db)
        except RotationRefused as error:
            refuse(str(error))
        return await signing_keys.present(server.db)

    show([_row(key) for key in with_server(work)], as_json=as_json)


def _row(key: StoredKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "state": key.state,
        "published_at": _time(key.published_at),
        "activated_at": _time(key.activated_at),
        "retired_at": _time(key.retired_at),
    }


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds")
