"""The browser before us: its cookie, who is logged in, and the forms that it sends back."""

import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from auth_service import (
    authorization_request,
    authorization_response,
    pages,
    sessions,
    throttling,
)
from auth_service.authorization import WAITS
from auth_service.authorization_request import AuthorizationRequest
from auth_service.authorization_response import AuthorizationResponse, RefusedByRedirect
from auth_service.endpoints import server_of
from auth_service.endpoints.address import address_of
from auth_service.parameters import Parameters
from auth_service.settings import Settings
from auth_service.store import authorization_requests
from auth_service.store.authorization_requests import WaitingRequest
from auth_service.store.sessions import Session
from auth_service.throttling import Caller
from shared.database import UNAVAILABLE
from shared.errors import (
    InvalidRequest,
    OAuthError,
    TemporarilyUnavailable,
    TooManyRequests,
)
from shared.http import bodies

_COOKIE_LENGTH: Final = 43
_REMEMBERED: Final = 365 * 86_400  # seconds


class StaleRequest(InvalidRequest):
    """The page belongs to a request that was answered, or has waited for too long."""


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser by its cookie; `session` is of whoever is logged in there."""

    cookie: str
    is_new: bool
    session: Session | None

    @property
    def csrf_token(self) -> str:
        """What the forms bear that we give it."""
        return sessions.csrf_token(self.cookie)


class NotLoggedIn(Exception):
    """A page for whoever is logged in, asked for by nobody who is; `next_`: where to go then."""

    def __init__(self, next_: str) -> None:
        super().__init__(next_)
        self.next_ = next_


class PageRoute(APIRoute):
    """A route for people: a refusal is a page, or a redirect where the client is to hear of it.

    Whoever does not ask for HTML gets JSON, like everywhere else. A stranger is sent to log in.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the rendering around it."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except NotLoggedIn as stranger:
                return to_login(request, stranger.next_)
            except RefusedByRedirect as refusal:
                count(request, refusal.error)
                issuer = server_of(request).settings.issuer
                return send(
                    request,
                    authorization_response.refused(refusal.destination, issuer, refusal.error),
                )
            except OAuthError as error:
                if not _wants_html(request):
                    raise
                return error_page(request, error)
            except UNAVAILABLE as error:
                if not _wants_html(request):
                    raise
                reason = f"the database does not answer: {type(error).__name__}"
                return error_page(request, TemporarilyUnavailable(reason=reason, retry_after=2))

        return handle


def error_page(request: Request, error: OAuthError) -> Response:
    """Show an error to the person."""
    count(request, error)
    return pages.render(
        request,
        "error",
        status_code=error.status_code,
        headers=retry_after(error),
        text=_text(error),
        error=error.error,
        description=error.description,
    )


def retry_after(error: OAuthError) -> dict[str, str]:
    """Say when to come again, where it applies (RFC 9110 §10.2.3)."""
    if isinstance(error, TemporarilyUnavailable | TooManyRequests):
        return {"retry-after": str(error.retry_after)}
    return {}


def count(request: Request, error: OAuthError) -> None:
    """Count a refusal that is not rendered as JSON."""
    server_of(request).metrics.refusals[error.error] += 1


async def of(request: Request) -> Browser:
    """Find out which browser it is, and who is logged in there."""
    server = server_of(request)
    cookie = request.cookies.get(cookie_name(server.settings))
    if cookie is None or len(cookie) != _COOKIE_LENGTH or not cookie.isascii():
        return Browser(sessions.new_cookie(), is_new=True, session=None)
    return Browser(cookie, is_new=False, session=await sessions.current(server, cookie))


async def logged_in(request: Request, next_: str) -> tuple[Browser, Session]:
    """Return the browser and who is logged in there; a stranger goes to log in, then to `next_`."""
    browser = await of(request)
    if browser.session is None:
        raise NotLoggedIn(next_)
    return browser, browser.session


async def logged_in_form(request: Request, next_: str) -> tuple[Browser, Session, Parameters]:
    """Return the same, and the form, which comes first: see `form`."""
    browser = await of(request)
    parameters = await form(request, browser)
    if browser.session is None:
        raise NotLoggedIn(next_)
    return browser, browser.session, parameters


async def form(request: Request, browser: Browser) -> Parameters:
    """Read a form that came from a page of ours; `InvalidRequest` if it is somebody else's."""
    parameters = Parameters.from_form(
        request.headers.get("content-type"), await bodies.read(request)
    )
    known = None if browser.is_new else browser.cookie
    if not sessions.is_csrf_token(parameters.get("csrf_token", ""), known):
        raise StaleRequest("the form is not from a page that this browser got here")
    return parameters


async def waiting(
    request: Request, parameters: Parameters
) -> tuple[WaitingRequest, AuthorizationRequest]:
    """Return the request that the page is about, validated again: the client may have changed."""
    server = server_of(request)
    try:
        request_id = uuid.UUID(parameters.required("request"))
    except ValueError:
        raise StaleRequest("there is no such request") from None
    found = await authorization_requests.find(server.db, request_id, server.time() - WAITS)
    if found is None:
        raise StaleRequest("the request has been answered, or has waited for too long")
    parameters = Parameters(found.parameters)
    return found, await authorization_request.read(server, parameters, address_of(request))


def send(request: Request, response: AuthorizationResponse) -> Response:
    """Send the person back to the client (RFC 6749 §4.1.2), with 303 (RFC 9700 §4.12)."""
    if response.destination.response_mode == "form_post":
        return pages.form_post(request, response.destination.redirect_uri, response.parameters)
    return see_other(response.location)


def see_other(location: str) -> Response:
    """Redirect with GET, whatever came (RFC 9110 §15.4.4)."""
    response = RedirectResponse(location, 303)
    # As it is: what the framework would re-encode was compared character by character.
    response.headers["location"] = location
    response.headers["cache-control"] = "no-store"
    response.headers["referrer-policy"] = "no-referrer"
    return response


def to_login(request: Request, next_: str) -> Response:
    """Send a stranger to log in, and then to `next_`, a page of ours."""
    return see_other(f"{server_of(request).settings.issuer}/login?{urlencode({'next': next_})}")


def with_cookie(request: Request, response: Response, cookie: str) -> Response:
    """Set the browser's cookie: for us alone, unseen by scripts, gone with the browser."""
    name = cookie_name(server_of(request).settings)
    return _with_cookie(request, response, name, cookie)


def _with_cookie(
    request: Request, response: Response, name: str, value: str, max_age: int | None = None
) -> Response:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=server_of(request).settings.issuer.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


def cookie_name(settings: Settings, name: str = "sealgate") -> str:
    """Over https no other host can have set it, nor a page without TLS (RFC 6265bis §4.1.3.2).

    That takes the path `/`, so issuers on one host tell their cookies apart by the name.
    """
    prefix = "__Host-" if settings.issuer.startswith("https:") else ""
    return f"{prefix}{name}{settings.path.replace('/', '+')}"


def caller(request: Request) -> Caller:
    """Return where a log-in in this browser comes from."""
    cookie = request.cookies.get(_device_cookie_name(request))
    return Caller(address_of(request), device=cookie)


def remember(request: Request, response: Response, username: str) -> Response:
    """Let the browser keep that this account has logged in here (see `throttling`)."""
    server = server_of(request)
    return _with_cookie(
        request,
        response,
        _device_cookie_name(request),
        throttling.device_cookie(server, username),
        max_age=_REMEMBERED,
    )


def _device_cookie_name(request: Request) -> str:
    return cookie_name(server_of(request).settings, "sealgate-device")


def _text(error: OAuthError) -> str:
    if isinstance(error, TooManyRequests):
        return "too_often"
    return "error_stale" if isinstance(error, StaleRequest) else "error_text"


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
