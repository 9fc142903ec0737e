"""RP-initiated log-out (OpenID Connect RP-Initiated Logout 1.0)."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response

from auth_service import id_tokens, pages, redirect_uris, sessions
from auth_service.endpoints import browser, logout_document, server_of
from auth_service.endpoints.browser import PageRoute
from auth_service.id_tokens import Hint
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import clients
from auth_service.store.clients import Client
from auth_service.store.sessions import Session
from shared.errors import InvalidRequest
from shared.http import bodies

PATH: Final = "/logout"
_NAMES: Final = (
    *("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"),
    "logout_hint",
)

router = APIRouter(route_class=PageRoute, tags=["authorization"])


@dataclass(frozen=True, slots=True)
class _LogOut:
    """A request that was found to be in order; `location` is where the person goes afterwards."""

    client: Client | None
    hint: Hint | None
    location: str | None

    def is_about(self, session: Session) -> bool:
        """Tell whether the client has shown that it means this session (§2, §6)."""
        hint = self.hint
        return (
            hint is not None
            and hint.sub == str(session.sub)
            and (hint.sid in {"", str(session.session_id)})
        )


@router.get(
    PATH,
    summary="Log out",
    operation_id="log_out",
    response_class=Response,
    responses=logout_document.RESPONSES,
    openapi_extra=logout_document.QUERY,
)
async def log_out(request: Request) -> Response:
    """End the session of this browser, and send the person back to the client.

    With an ID token of this session as `id_token_hint` at once, otherwise when the person has
    said yes. Nobody is sent to an address that is not registered for the client as
    `post_logout_redirect_uri`.
    """
    server = server_of(request)
    parameters = Parameters.parse(request.scope["query_string"])
    wanted = await _read(server, parameters)
    visitor = await browser.of(request)
    if visitor.session is None:
        return _logged_out(request, wanted, parameters)
    if wanted.is_about(visitor.session):
        await sessions.end(server, visitor.session)
        response = _logged_out(request, wanted, parameters)
        return browser.with_cookie(request, response, sessions.new_cookie())
    uri = parameters.get("post_logout_redirect_uri")
    return pages.render(
        request,
        "logout",
        ui_locales=parameters.get("ui_locales"),
        form_action=[redirect_uris.source(uri)] if uri else [],
        csrf_token=visitor.csrf_token,
        username=visitor.session.username,
        hidden={name: parameters[name] for name in _NAMES if name in parameters},
    )


@router.post(
    PATH,
    summary="Log out, by form",
    operation_id="log_out_by_form",
    response_class=Response,
    responses=logout_document.RESPONSES,
    openapi_extra=logout_document.BODY,
)
async def log_out_by_form(request: Request) -> Response:
    """Do the same for parameters in a form (§2).

    A form of another site comes without our cookie (SameSite), so the browser is sent to the
    same address once more, and brings it there.
    """
    parameters = Parameters.from_form(
        request.headers.get("content-type"), await bodies.read(request)
    )
    kept = {name: parameters[name] for name in _NAMES if name in parameters}
    await _read(server_of(request), parameters)
    return browser.see_other(f"{server_of(request).settings.issuer}{PATH}?{urlencode(kept)}")


@router.post(f"{PATH}/confirm", include_in_schema=False)
async def confirm(request: Request) -> Response:
    """Take the person's answer."""
    server = server_of(request)
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    wanted = await _read(server, parameters)
    if parameters.get("decision") != "log_out":
        return _message(request, parameters, "still_logged_in", "logged_out_text")
    if visitor.session is not None:
        await sessions.end(server, visitor.session)
    response = _logged_out(request, wanted, parameters)
    return browser.with_cookie(request, response, sessions.new_cookie())


async def _read(server: AuthorizationServer, parameters: Parameters) -> _LogOut:
    """Validate a request; `InvalidRequest` for a bad hint or an address that is not registered."""
    if parameters.repeated:
        raise InvalidRequest("a parameter is repeated")
    hint = None
    if "id_token_hint" in parameters:
        hint = id_tokens.read_hint(server, parameters["id_token_hint"])
        if hint is None or parameters.get("client_id", hint.aud) != hint.aud:
            raise InvalidRequest("the id_token_hint is no ID token of this client's")
    client_id = parameters.get("client_id") if hint is None else hint.aud
    client = None if client_id is None else await clients.find(server.db, client_id)
    uri = parameters.get("post_logout_redirect_uri")
    if uri is None:
        return _LogOut(client, hint, None)
    if client is None or client.disabled_at is not None:
        raise InvalidRequest("post_logout_redirect_uri needs an id_token_hint or a client_id")
    if not redirect_uris.is_registered(uri, client.post_logout_redirect_uris):
        raise InvalidRequest("the post_logout_redirect_uri is not registered for this client")
    state = parameters.get("state")
    if state is not None:
        uri += ("&" if "?" in uri else "?") + urlencode({"state": state}, quote_via=quote)
    return _LogOut(client, hint, uri)


def _logged_out(request: Request, wanted: _LogOut, parameters: Parameters) -> Response:
    if wanted.location is not None:
        return browser.see_other(wanted.location)
    return _message(request, parameters, "logged_out", "logged_out_text")


def _message(request: Request, parameters: Parameters, heading: str, text: str) -> Response:
    return pages.render(
        request, "message", ui_locales=parameters.get("ui_locales"), heading=heading, text=text
    )
