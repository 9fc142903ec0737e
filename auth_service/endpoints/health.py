"""Whether the process lives, and whether it can do its work."""

from fastapi import APIRouter, Request

from auth_service.endpoints import server_of
from shared.errors import TemporarilyUnavailable

router = APIRouter(prefix="/health", tags=["Health"])


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> dict[str, str]:
    """Answer 200 when the keys are at hand.

    A database that goes away later does not change that: the JWKS is still served, and the
    token endpoint says 503 by itself.
    """
    if not server_of(request).keys.usable:
        raise TemporarilyUnavailable("no signing key at hand yet")
    return {"status": "ok"}
