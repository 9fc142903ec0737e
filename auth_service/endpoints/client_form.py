"""What a client sends to the endpoints at which it authenticates: a form, and maybe a header."""

from fastapi import Request

from auth_service.endpoints.address import address_of
from auth_service.parameters import Parameters
from shared.errors import InvalidRequest
from shared.http import bodies, headers


async def read(request: Request) -> tuple[Parameters, str | None]:
    """Return the parameters and the Authorization header, or refuse with `InvalidRequest`.

    A query string is refused: addresses are logged on the way and must hold no secret (RFC 6749
    §2.3.1). So is a header that came twice; see `Parameters.from_form` for the form.
    """
    if request.scope["query_string"]:
        raise InvalidRequest("the parameters belong in the body")
    content_type = headers.single(request, "content-type")
    authorization = headers.single(request, "authorization")
    parameters = Parameters.from_form(content_type, await bodies.read(request))
    parameters.address = address_of(request)
    return parameters, authorization
