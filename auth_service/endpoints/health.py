"""Whether the process lives, and whether it should get requests."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from auth_service.endpoints import server_of
from shared.errors import InvalidRequest, TemporarilyUnavailable
from shared.http.openapi import refusals
from shared.http.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, prefix="/health", tags=["operations"])


class Liveness(BaseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "live"}]})

    status: Literal["live"] = "live"


class Readiness(BaseModel):
    """The signing keys are at hand; `warning` says what an operator must do, if anything."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ready"}]})

    status: Literal["ready"] = "ready"
    warning: str | None = None


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
    response_model_exclude_none=True,
    responses=refusals(InvalidRequest, TemporarilyUnavailable),
)
async def ready(request: Request) -> Readiness:
    """Return 200 once the signing keys are at hand; until then, send requests elsewhere.

    A database that goes away later does not count: the keys are still published, which every
    verifier needs, and the token endpoint answers 503 by itself.
    """
    keys = server_of(request).keys
    if not keys.usable:
        raise TemporarilyUnavailable(keys.warning or "no signing key at hand yet")
    return Readiness(warning=keys.warning or None)
