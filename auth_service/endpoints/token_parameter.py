"""What the revocation and the introspection endpoint take: a form with one token in it."""

from typing import Any, Final

from fastapi import Request

from auth_service.client_authentication import authenticate_client
from auth_service.endpoints import client_form, server_of, token_document
from auth_service.parameters import MAXIMUM_FIELDS, MEDIA_TYPE
from auth_service.store.clients import Client

_TEXT: Final = {"type": "string", "pattern": r"^[^\x00]*$"}


def _optional(description: str, **also: object) -> dict[str, Any]:
    return {**_TEXT, "default": "", "description": description, **also}


_FORM: Final = {
    "type": "object",
    "required": ["token"],
    "additionalProperties": _TEXT,
    "propertyNames": {"pattern": _TEXT["pattern"]},
    "maxProperties": MAXIMUM_FIELDS,
    "properties": {
        "token": {**_TEXT, "minLength": 1, "description": "An access token or a refresh token."},
        "token_type_hint": _optional(
            "`access_token` or `refresh_token`; not needed here, since the two look different."
        ),
        "client_id": _optional("Who asks, unless HTTP Basic says so."),
        **token_document.CREDENTIALS,
    },
}
BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": _FORM,
                "example": {"token": "aknOu42HSzyoWwDY", "token_type_hint": "refresh_token"},
            }
        },
    }
}


async def read(request: Request) -> tuple[Client, str]:
    """Return the client that asks, and the token that it asks about.

    Both may be refused: see `client_form.read` and `authenticate_client`.
    """
    parameters, authorization = await client_form.read(request)
    token = parameters.required("token")
    client = await authenticate_client(server_of(request), authorization, parameters)
    return client, token
