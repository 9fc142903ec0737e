"""The token endpoint (RFC 6749 §3.2)."""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from auth_service.client_authentication import authenticate_client
from auth_service.endpoints import server_of
from auth_service.endpoints.bodies import read_body
from auth_service.grants import GRANTS
from auth_service.parameters import Parameters
from auth_service.tokens import check_resource
from shared.errors import (
    UnauthorizedClient,
    UnsupportedGrantType,
)

router = APIRouter(tags=["OAuth"])

_encode = msgspec.json.Encoder().encode
_NO_STORE: Final = {"cache-control": "no-store"}  # RFC 6749 §5.1


async def token(request: Request) -> Response:
    """Exchange a grant for an access token (RFC 6749 §3.2).

    Authenticate the client by HTTP Basic or by `client_id` and `client_secret` in the form; a
    public client names itself by `client_id` alone. Access tokens are JWTs (RFC 9068), signed
    with RS256; `/.well-known/jwks.json` has the keys to verify them with.
    """
    server = server_of(request)
    headers = request.headers
    parameters = Parameters.from_form(headers.get("content-type"), await read_body(request))
    grant_type = parameters.required("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType("this server does not offer the grant type")
    client = await authenticate_client(server, headers.get("authorization"), parameters)
    if grant_type not in client.grant_types:
        raise UnauthorizedClient("this client may not use the grant type")
    check_resource(server, parameters)
    response = await grant(server, client, parameters)
    server.metrics.tokens_issued.labels(grant_type).inc()
    return Response(_encode(response), 200, _NO_STORE, "application/json")


def _form(description: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {"description": description, "required": required, "properties": properties}


router.add_api_route("/token", token, methods=["POST"])
