"""The counters, for Prometheus."""

from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from auth_service.endpoints import server_of
from shared.errors import InvalidRequest, NotFound
from shared.http.openapi import refusals
from shared.http.strict import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["operations"])

_EXAMPLE: Final = 'sealgate_tokens_issued_total{grant_type="client_credentials"} 12.0\n'


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        **refusals(InvalidRequest, NotFound),
        200: {
            "description": "The metrics in Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
    },
)
async def metrics(request: Request) -> Response:
    """Return this process's counters: tokens issued, requests refused, refresh replays.

    Nobody has to log in for it, so whatever is in front keeps it inside and answers 404.
    """
    return Response(server_of(request).metrics.render(), media_type=CONTENT_TYPE_LATEST)
