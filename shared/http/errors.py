"""Every refusal of either service as JSON in one shape (RFC 6749 §5.2), never stored."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.errors import (
    InvalidRequest,
    OAuthError,
    ServerError,
    TemporarilyUnavailable,
    TooManyRequests,
)

_LOG = logging.getLogger(__name__)

Headers = dict[str, str]


def install(app: FastAPI, headers: Callable[[Request, OAuthError], Headers]) -> None:
    """Render every exception of `app`; `headers` adds the service's own, such as a challenge."""

    async def oauth_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OAuthError)  # noqa: S101 - what it is registered for
        _LOG.info("refused %s %s: %s (%s)", request.method, request.url.path, error.error, error)
        return error_response(error, headers(request, error))

    async def invalid_parameters(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        # Where it is wrong, never what was sent: the input may be a password.
        places = sorted({_place(item) for item in error.errors()})
        return await oauth_error(
            request, InvalidRequest(f"invalid or missing: {', '.join(places)}")
        )

    async def http_exception(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        phrase = HTTPStatus(error.status_code).phrase
        code = "invalid_request" if error.status_code == HTTPStatus.BAD_REQUEST else _code(phrase)
        return JSONResponse(
            {"error": code},
            error.status_code,
            {"cache-control": "no-store", **(error.headers or {})},
        )

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("failed %s %s", request.method, request.url.path, exc_info=error)
        return error_response(ServerError(), {})

    app.add_exception_handler(OAuthError, oauth_error)
    app.add_exception_handler(RequestValidationError, invalid_parameters)
    app.add_exception_handler(HTTPException, http_exception)
    app.add_exception_handler(Exception, unforeseen)


def error_response(error: OAuthError, headers: Headers) -> JSONResponse:
    """Return the error as JSON with `no-store`, and `Retry-After` where it applies."""
    fixed = {"cache-control": "no-store"}
    if isinstance(error, TemporarilyUnavailable | TooManyRequests):
        fixed["retry-after"] = str(error.retry_after)
    return JSONResponse(error.body(), error.status_code, fixed | headers)


def _place(item: Mapping[str, Any]) -> str:
    """Name the place by our own words: a member that we do not know is its sender's."""
    parts = item["loc"][:-1] if item["type"] == "extra_forbidden" else item["loc"]
    return ".".join(str(part) for part in parts)


def _code(phrase: str) -> str:
    return phrase.lower().replace(" ", "_")
