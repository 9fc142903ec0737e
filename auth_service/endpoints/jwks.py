"""The public keys that verify our tokens (RFC 7517 §5)."""

from fastapi import APIRouter, Request, Response

from auth_service.endpoints import server_of

router = APIRouter(tags=["Discovery"])


@router.get("/.well-known/jwks.json")
async def jwks(request: Request) -> Response:
    """Serve the JWK Set: the active key, the next one, and the retired ones still needed."""
    server = server_of(request)
    document = server.keys.jwks
    headers = {
        "cache-control": f"public, max-age={server.settings.jwks_max_age}",
        "etag": document.etag,
    }
    if document.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(document.body, 200, headers, "application/json")
