"""Metrics for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from resource_service.endpoints import Route
from shared.errors import InvalidRequest, NotFound
from shared.http.openapi import refusals

router = APIRouter(route_class=Route, tags=["operations"])

_EXAMPLE = 'sealgate_http_responses_total{status="200"} 42.0\n'


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=Response,
    responses={
        **refusals(InvalidRequest, NotFound),
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
            "description": "The metrics in Prometheus' text format.",
        },
    },
)
async def metrics(request: Request) -> Response:
    """Return this replica's counters: answers, verifications, and how its keys are kept.

    Nobody has to log in for it, so whatever is in front keeps it inside and answers 404.
    """
    body = generate_latest(request.app.state.metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
