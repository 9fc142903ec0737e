"""What OpenAPI says of refusals, the same in both services; and nothing that is untrue."""

from itertools import groupby
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidToken,
    MissingToken,
    OAuthError,
    TemporarilyUnavailable,
    TooManyRequests,
)

Responses = dict[int | str, dict[str, Any]]

_ERROR: Final = {
    "title": "Error",
    "description": "Every refusal has this shape (RFC 6749 §5.2).",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "The error code, for programs."},
        "error_description": {"type": "string", "description": "The same for people."},
    },
    "required": ["error"],
    "additionalProperties": False,
}
# The headers of an answer that is never stored.
NO_STORE: Final = {
    "Cache-Control": {"schema": {"type": "string", "const": "no-store"}, "required": True}
}
_NO_STORE: Final = {
    "Cache-Control": {
        "description": "A refusal is never stored.",
        "schema": {"type": "string", "const": "no-store"},
        "required": True,
    }
}
_CHALLENGE: Final = {
    "WWW-Authenticate": {
        "description": "The challenge (RFC 9110 §11.6.1).",
        "schema": {"type": "string"},
        "required": True,
    }
}
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "When to come again, in seconds.",
        "schema": {"type": "integer", "minimum": 0},
        "required": True,
    }
}
_HEADERS: Final[dict[type[OAuthError], dict[str, Any]]] = {
    MissingToken: _CHALLENGE,
    InvalidToken: _CHALLENGE,
    InsufficientScope: _CHALLENGE,
    InvalidClient: _CHALLENGE,
    TemporarilyUnavailable: _RETRY_AFTER,
    TooManyRequests: _RETRY_AFTER,
}


def refusals(*errors: type[OAuthError]) -> Responses:
    """Return the `responses=` of an operation that may refuse with these errors.

    The words are the first line of each class's docstring.
    """

    def status(error: type[OAuthError]) -> int:
        return error.status_code

    return {
        code: _response(list(classes))
        for code, classes in groupby(sorted(errors, key=status), status)
    }


def _response(errors: list[type[OAuthError]]) -> dict[str, Any]:
    headers = dict(_NO_STORE)
    for error in errors:
        headers |= _HEADERS.get(error, {})
    return {
        "description": "\n\n".join(f"`{error.error}`: {_summary(error)}" for error in errors),
        "headers": headers,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {error.error: {"value": {"error": error.error}} for error in errors},
            }
        },
    }


def _summary(error: type[OAuthError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]


def install(app: FastAPI) -> None:
    """Make `app.openapi()` true: FastAPI's own 422 answers, which we never give, are left out."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    # Overriding the method is FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
        servers=app.servers or None,
    )
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = _ERROR
    return document
