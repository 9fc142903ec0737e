"""Whether this replica lives, and whether it should get requests."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from resource_service.endpoints import Route
from resource_service.remote_key_set import RemoteKeySet
from resource_service.store.database import State
from shared.errors import InvalidRequest, TemporarilyUnavailable
from shared.http.openapi import refusals

router = APIRouter(route_class=Route, prefix="/health", tags=["operations"])


class Liveness(BaseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "live"}]})

    status: Literal["live"] = "live"


class Readiness(BaseModel):
    """The replica can tell good tokens from bad ones; how old its keys and lists are, in seconds.

    A status list without an age could not be had yet.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ready",
                    "replica": "host:8081",
                    "keys_age": 12.5,
                    "status_lists": {"http://127.0.0.1:8000/status-lists/0": 2.5},
                    "database": "ready",
                }
            ]
        }
    )

    status: Literal["ready"] = "ready"
    replica: str
    keys_age: float | None
    status_lists: dict[str, float | None]
    database: State


@router.get(
    "/live",
    summary="Is it alive?",
    response_description="It is.",
    responses=refusals(InvalidRequest),
)
async def live() -> Liveness:
    """Return 200 as long as the process answers at all; if it does not, restart it."""
    return Liveness()


@router.get(
    "/ready",
    summary="Is it ready?",
    response_description="It is.",
    responses=refusals(InvalidRequest, TemporarilyUnavailable),
)
async def ready(request: Request) -> Readiness:
    """Return 200 as long as there are usable keys; if there are none, send requests elsewhere.

    The state of the database, as last seen, does not count: without it `/notes` answers 503
    and all else goes on. Nor does the age of a status list: where one is too old every replica's
    is, and there is no elsewhere. Nothing is asked for this answer, neither issuer nor database.
    """
    state = request.app.state
    keys: RemoteKeySet | None = state.keys
    if keys is not None and not keys.usable:
        raise TemporarilyUnavailable("there are no usable keys of the issuer")
    return Readiness(
        replica=state.settings.replica,
        keys_age=keys.age if keys is not None else None,
        status_lists={} if state.statuses is None else state.statuses.ages,
        database=state.database.state,
    )
