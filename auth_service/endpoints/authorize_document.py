"""What OpenAPI says of the authorization endpoint, which reads its parameters itself."""

from typing import Any, Final

from auth_service.authorization_errors import InvalidRequestUri
from auth_service.parameters import MAXIMUM_FIELDS, MEDIA_TYPE
from auth_service.pkce import METHOD
from shared.errors import (
    ContentTooLarge,
    InvalidRequest,
    TemporarilyUnavailable,
    TooManyRequests,
)
from shared.http.openapi import NO_STORE, Responses, refusals

NO_NUL: Final = r"^[^\x00]*$"


def text(description: str, example: str = "", **also: object) -> dict[str, Any]:
    """Describe one parameter; an empty one is an absent one (RFC 6749 §3.1)."""
    return {
        "type": "string",
        "pattern": NO_NUL,
        "default": "",
        "description": description,
        "examples": [example],
        **also,
    }


PARAMETERS: Final = {
    "client_id": text("Who asks.", "demo-docs"),
    "redirect_uri": text(
        "Where the answer goes: one of the client's, character by character; only the port of a "
        "loopback address may differ (RFC 8252 §7.3).",
        "http://127.0.0.1:8080/docs/oauth2-redirect",
    ),
    "response_type": text("`code`.", "code"),
    "response_mode": text("`query` or `form_post`.", "query"),
    "scope": text("What is asked for, separated by spaces.", "openid notes:read"),
    "state": text("Comes back with the answer.", "af0ifjsldkj"),
    "code_challenge": text(
        "RFC 7636; may be left out only by clients registered so.",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ),
    "code_challenge_method": text("`S256`.", METHOD),
    "nonce": text("Comes back in the ID token.", "n-0S6_WzA2Mj"),
    "prompt": text("`none`, or of `login`, `consent` and `select_account`.", "login"),
    "max_age": text("A log-in that is older, in seconds, does not count.", "3600"),
    "id_token_hint": text("An ID token of the user who is meant."),
    "login_hint": text("The user name to begin with.", "alice"),
    "acr_values": text("Tolerated; the ID token says how strong the log-in was.", "1"),
    "claims": text("Single claims (OIDC Core §5.5), as JSON.", '{"userinfo":{"email":null}}'),
    "ui_locales": text("The languages that the person reads.", "ko en"),
    "resource": text(
        "Where the tokens are to be used (RFC 8707): one of the `protected_resources` of the "
        "metadata, once. Left out, the issuer's default.",
        "http://127.0.0.1:8080",
    ),
}
_BY_BROWSER: Final = {
    **PARAMETERS,
    "request_uri": text("What `/par` has answered; then only `client_id` is needed beside it."),
}
EXAMPLE: Final = {
    "client_id": "demo-docs",
    "redirect_uri": "http://127.0.0.1:8080/docs/oauth2-redirect",
    "response_type": "code",
    "scope": "notes:read",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": METHOD,
}
RESPONSES: Final[Responses] = {
    200: {
        "description": "With `response_mode=form_post`: a page that sends the answer on.",
        "content": {
            "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
        },
    },
    303: {
        "description": "To the client with `code` or `error`, and `iss` and `state`; or to a page "
        "where the person logs in or agrees.",
        "headers": {"Location": {"schema": {"type": "string"}, "required": True}, **NO_STORE},
    },
    **refusals(
        *(ContentTooLarge, InvalidRequest, InvalidRequestUri, TemporarilyUnavailable),
        TooManyRequests,
    ),
}


def query(parameters: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return these as parameters of a query."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": schema["description"],
                "schema": {key: schema[key] for key in ("type", "pattern", "default")},
                "example": schema["examples"][0],
            }
            for name, schema in parameters.items()
        ]
    }


def form(
    parameters: dict[str, dict[str, Any]], example: dict[str, str], *, required: bool = True
) -> dict[str, Any]:
    """Return these as the fields of a form."""
    schema = {
        "type": "object",
        "additionalProperties": {"type": "string", "pattern": NO_NUL},
        "propertyNames": {"pattern": NO_NUL},
        "maxProperties": MAXIMUM_FIELDS,
        "properties": parameters,
    }
    content = {MEDIA_TYPE: {"schema": schema, "example": example}}
    return {"requestBody": {"required": required, "content": content}}


QUERY: Final = query(_BY_BROWSER)
BODY: Final = form(_BY_BROWSER, EXAMPLE)
