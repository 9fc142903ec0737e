"""What OpenAPI says of the token endpoint, which reads its form itself."""

from typing import Any, Final

from fastapi import Security
from fastapi.security import HTTPBasic

from auth_service.client_assertions import ASSERTION_TYPE
from auth_service.device_authorization import GRANT_TYPE
from auth_service.device_errors import AuthorizationPending, ExpiredToken, SlowDown
from auth_service.endpoints.authorize_document import form
from auth_service.grants import GRANTS
from auth_service.parameters import MAXIMUM_FIELDS, MEDIA_TYPE
from shared.errors import (
    ContentTooLarge,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    TemporarilyUnavailable,
    TooManyRequests,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from shared.http.openapi import NO_STORE, Responses, refusals

# For the document only: the endpoint is reached past dependencies.
CLIENT_SECRET_BASIC: Final = Security(
    HTTPBasic(
        scheme_name="client_secret_basic",
        description="`client_id` and `client_secret` (RFC 6749 §2.3.1). A client that has no "
        "secret leaves the password empty.",
        auto_error=False,
    )
)

_NO_NUL: Final = r"^[^\x00]*$"


def _text(description: str, **also: object) -> dict[str, Any]:
    # An empty parameter is an absent one (RFC 6749 §3.1); without this default the docs page
    # would make up a value for each.
    fixed = {"type": "string", "pattern": _NO_NUL, "default": ""}
    return {**fixed, "description": description, **also}


CREDENTIALS: Final = {
    "client_secret": _text("The secret, unless HTTP Basic has it.", format="password"),
    "client_assertion_type": _text(f"For `private_key_jwt`: `{ASSERTION_TYPE}`."),
    "client_assertion": _text(
        "A JWT that the client has signed, instead of a secret (RFC 7523 §3): `iss` and `sub` are "
        "the client, `aud` is the issuer and nothing else, `jti` works once."
    ),
}


def client_form(parameters: dict[str, dict[str, Any]], example: dict[str, str]) -> dict[str, Any]:
    """Return these as the fields of a form in which a client authenticates, as at `/token`."""
    return {
        **form({**parameters, **CREDENTIALS}, example),
        # Without Basic: by what is in the form, or by nothing, as a public client.
        "security": [{"client_secret_basic": []}, {}],
    }


_FORM: Final = {
    "type": "object",
    "required": ["grant_type"],
    # Others are ignored, but a name with several values is none (RFC 6749 §3.2).
    "additionalProperties": {"type": "string", "pattern": _NO_NUL},
    "propertyNames": {"pattern": _NO_NUL},
    "maxProperties": MAXIMUM_FIELDS,
    "properties": {
        "grant_type": {
            "type": "string",
            "enum": list(GRANTS),
            "description": "What is exchanged for a token.",
        },
        "scope": _text(
            "What is asked for, separated by spaces, such as `notes:read notes:write`; by default "
            "all that the client may have, except `admin`."
        ),
        "resource": _text(
            "Where the token is to be used (RFC 8707), such as `http://127.0.0.1:8080`: one of "
            "the `protected_resources` of the metadata, once. What a user has granted is for the "
            "resource that was named then; no other can be had."
        ),
        "client_id": _text("Who asks, unless HTTP Basic says so."),
        **CREDENTIALS,
        "username": _text("For `password`: the user's name."),
        "password": _text("For `password`: the user's password.", format="password"),
        "refresh_token": _text("For `refresh_token`: the newest one."),
        "code": _text("For `authorization_code`: what came from the authorization endpoint."),
        "redirect_uri": _text("For `authorization_code`: the one that the code went to."),
        "device_code": _text(f"For `{GRANT_TYPE}`: what `/device_authorization` gave."),
        "code_verifier": _text("For `authorization_code`: what the challenge was made from."),
    },
}
_EXAMPLES: Final = {
    "client_credentials": {
        "summary": "A client for itself",
        "value": {"grant_type": "client_credentials", "scope": "notes:read"},
    },
    "password": {
        "summary": "A user by name and password (first-party clients only)",
        "value": {
            "grant_type": "password",
            "username": "alice",
            "password": "seven green apples",
        },
    },
    "authorization_code": {
        "summary": "A user who has logged in and agreed in a browser",
        "value": {
            "grant_type": "authorization_code",
            "code": "SplxlOBeZQQYbYS6WxSbIA",
            "redirect_uri": "https://client.example/callback",
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        },
    },
    "device_code": {
        "summary": "A user who has agreed on another device",
        "value": {
            "grant_type": GRANT_TYPE,
            "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eSQo",
        },
    },
    "refresh_token": {
        "summary": "A user again, without a password",
        "value": {"grant_type": "refresh_token", "refresh_token": "aknOu42HSzyoWwDY"},
    },
}
BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": _FORM, "examples": _EXAMPLES}},
    }
}

_TOKEN_RESPONSE: Final = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": {"type": "string", "description": "A JWT (RFC 9068)."},
        "token_type": {"type": "string", "const": "Bearer"},
        "expires_in": {"type": "integer", "minimum": 1, "description": "In seconds."},
        "scope": {"type": "string", "description": "What was granted."},
        "refresh_token": {
            "type": "string",
            "description": "For users, if the client may refresh; each works once.",
        },
        "id_token": {
            "type": "string",
            "description": "With the scope `openid`: who logged in, for the client (OIDC Core §2).",
        },
    },
    "examples": [
        {
            "access_token": "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Ii4uLiJ9.e30.c2ln",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "notes:read notes:write",
            "refresh_token": "aknOu42HSzyoWwDYlXKhWgAAAAFixNb1AGQckQeTGG81GtICV6psN2lL17b9iPdtyCo",
        }
    ],
}
RESPONSES: Final[Responses] = {
    200: {
        "description": "The tokens (RFC 6749 §5.1).",
        "headers": NO_STORE,
        "content": {"application/json": {"schema": _TOKEN_RESPONSE}},
    },
    **refusals(
        AuthorizationPending,
        ContentTooLarge,
        ExpiredToken,
        InvalidClient,
        InvalidGrant,
        InvalidRequest,
        InvalidScope,
        InvalidTarget,
        SlowDown,
        TemporarilyUnavailable,
        TooManyRequests,
        UnauthorizedClient,
        UnsupportedGrantType,
    ),
}
