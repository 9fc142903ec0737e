"""What clients should know of this resource: its metadata document (RFC 9728)."""

from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from resource_service.endpoints import Route
from resource_service.endpoints.notes import SCOPES
from resource_service.protection.remote import CROSS_ORIGIN, metadata_url
from shared.errors import InvalidRequest
from shared.http.openapi import refusals


class ProtectedResource(BaseModel):
    """The metadata that apply to us (RFC 9728 §2)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "resource": "http://127.0.0.1:8080",
                    "authorization_servers": ["http://127.0.0.1:8000"],
                    "scopes_supported": ["notes:read", "notes:write"],
                    "bearer_methods_supported": ["header"],
                }
            ]
        }
    )

    resource: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str]


def router(audience: str) -> APIRouter:
    """Return the route at the well-known address of this resource."""
    router = APIRouter(route_class=Route, tags=["discovery"])
    path = urlsplit(metadata_url(audience)).path
    router.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)
    router.add_api_route(
        path,
        protected_resource,
        summary="Protected resource metadata",
        response_description="The metadata.",
        responses=refusals(InvalidRequest),
    )
    return router


async def preflight() -> Response:
    """Let pages of any origin ask for the metadata."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=CROSS_ORIGIN)


async def protected_resource(request: Request, response: Response) -> ProtectedResource:
    """Return who we are, whose tokens we take, and which scopes there are (RFC 9728)."""
    response.headers.update(CROSS_ORIGIN)
    settings = request.app.state.settings
    return ProtectedResource(
        resource=settings.audience,
        authorization_servers=[settings.issuer],
        scopes_supported=sorted(SCOPES),
        bearer_methods_supported=["header"],
    )
