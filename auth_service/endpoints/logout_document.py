"""What OpenAPI says of the log-out endpoint, which reads its parameters itself."""

from typing import Final

from auth_service.endpoints.authorize_document import form, query, text
from shared.errors import ContentTooLarge, InvalidRequest, TemporarilyUnavailable
from shared.http.openapi import Responses, refusals

_PARAMETERS: Final = {
    "id_token_hint": text("The last ID token that the client got; it may have expired."),
    "client_id": text("Who asks, if there is no hint.", "demo-client"),
    "post_logout_redirect_uri": text(
        "Where the person goes afterwards: one that is registered for the client.",
        "https://client.example/bye",
    ),
    "state": text("Comes back with the redirect.", "af0ifjsldkj"),
    "ui_locales": text("The languages that the person reads.", "ko en"),
    "logout_hint": text("Tolerated.", "alice"),
}
QUERY: Final = query(_PARAMETERS)
BODY: Final = form(_PARAMETERS, {"client_id": "demo-client"})
RESPONSES: Final[Responses] = {
    200: {
        "description": "A page: the question, or that it is done.",
        "content": {
            "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
        },
    },
    303: {
        "description": "It is done; back to the client.",
        "headers": {"Location": {"schema": {"type": "string"}, "required": True}},
    },
    **refusals(ContentTooLarge, InvalidRequest, TemporarilyUnavailable),
}
