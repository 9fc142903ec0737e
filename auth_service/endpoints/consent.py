"""Asking a person whether a client may have what it asks for."""

from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from auth_service import (
    accounts,
    authorization,
    client_documents,
    pages,
    redirect_uris,
    resources,
)
from auth_service import scope as scopes
from auth_service.authorization import Step
from auth_service.authorization_request import AuthorizationRequest
from auth_service.authorization_response import AuthorizationResponse, refused
from auth_service.endpoints import browser, server_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.parameters import Parameters
from auth_service.store import authorization_requests
from auth_service.store.authorization_requests import WaitingRequest
from auth_service.store.sessions import Session
from shared.errors import AccessDenied

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/consent")
async def consent_page(request: Request) -> Response:
    """Say who asks, for what, where it will be good for, and where the answer goes."""
    visitor = await browser.of(request)
    parameters = Parameters.parse(request.scope["query_string"])
    waiting, asked = await browser.waiting(request, parameters)
    session = await _logged_in(request, visitor, waiting, asked)
    issuer = server_of(request).settings.issuer
    if session is None:
        return browser.see_other(f"{issuer}/authorize/continue?request={waiting.request_id}")
    redirect_uri = asked.destination.redirect_uri
    return pages.render(
        request,
        "consent",
        ui_locales=waiting.parameters.get("ui_locales"),
        form_action=[redirect_uris.source(redirect_uri)],
        csrf_token=visitor.csrf_token,
        request_id=waiting.request_id,
        client_name=asked.client.name,
        client_host=client_documents.host_of(asked.client.client_id),
        scopes=scopes.in_order(asked.asked),
        resources=resources.places(server_of(request), [asked.resource]),
        native=asked.client.is_public and redirect_uris.is_native(redirect_uri),
        username=session.username,
        place=urlsplit(redirect_uri).netloc,
        login_url=f"{issuer}/login?request={waiting.request_id}",
    )


@router.post("/consent")
async def decide(request: Request) -> Response:
    """Take the answer, once, and send the person back to the client with it."""
    visitor = await browser.of(request)
    parameters = await browser.form(request, visitor)
    waiting, asked = await browser.waiting(request, parameters)
    session = await _logged_in(request, visitor, waiting, asked)
    if session is None:
        raise StaleRequest("nobody is logged in for this request any more")
    if parameters.get("decision") == "allow":
        return browser.send(request, await _allow(request, waiting, asked, session))
    await _answer(request, waiting)
    error = AccessDenied("the user did not agree")
    browser.count(request, error)
    issuer = server_of(request).settings.issuer
    return browser.send(request, refused(asked.destination, issuer, error))


async def _logged_in(
    request: Request, visitor: Browser, waiting: WaitingRequest, asked: AuthorizationRequest
) -> Session | None:
    """Return the session, if this is the step that the request is at."""
    step = await authorization.decide(
        server_of(request),
        asked,
        visitor.session,
        waiting.created_at,
        account_chosen=waiting.account_chosen,
    )
    return visitor.session if step in {Step.CONSENT, Step.NOTHING} else None


async def _allow(
    request: Request, waiting: WaitingRequest, asked: AuthorizationRequest, session: Session
) -> AuthorizationResponse:
    """Remember the consent and issue the code, both or neither."""
    server = server_of(request)
    client_id, now = asked.client.client_id, server.time()
    async with server.db.acquire() as connection, connection.transaction():
        if not await authorization_requests.answer(connection, waiting.request_id, now):
            raise StaleRequest("the request has been answered")
        response = await authorization.grant(server, connection, asked, session)
        await accounts.give_consent(
            connection, session.sub, client_id, asked.asked, asked.resource, now
        )
        return response


async def _answer(request: Request, waiting: WaitingRequest) -> None:
    server = server_of(request)
    if not await authorization_requests.answer(server.db, waiting.request_id, server.time()):
        raise StaleRequest("the request has been answered")
