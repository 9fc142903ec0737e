"""The counters, for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from auth_service.endpoints import server_of

router = APIRouter(tags=["Health"])


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the counters in Prometheus's text format."""
    return Response(server_of(request).metrics.render(), media_type=CONTENT_TYPE_LATEST)
