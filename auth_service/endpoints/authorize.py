"""The authorization endpoint (RFC 6749 §3.1, OIDC Core §3.1.2)."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from auth_service import authorization, authorization_request, pushed_requests, throttling
from auth_service.authorization import Step
from auth_service.authorization_request import NAMES, AuthorizationRequest
from auth_service.endpoints import authorize_document, browser, server_of
from auth_service.endpoints.address import address_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.parameters import Parameters, check_media_type
from auth_service.store import authorization_requests
from auth_service.store.authorization_requests import WaitingRequest
from auth_service.store.sessions import Session
from shared.http import bodies

PATH: Final = "/authorize"
_PAGES: Final = {
    Step.LOG_IN: "login",
    Step.CHOOSE_ACCOUNT: "accounts",
    Step.SECOND_FACTOR: "login/code",
    Step.CONSENT: "consent",
}

router = APIRouter(route_class=PageRoute, tags=["authorization"])


@router.get(
    PATH,
    summary="Authorize",
    operation_id="authorize",
    response_class=Response,
    responses=authorize_document.RESPONSES,
    openapi_extra=authorize_document.QUERY,
)
async def authorize(request: Request) -> Response:
    """Let a person log in and agree, and send them back to the client with a code.

    Where client and redirect URI do not belong together the person sees the error; every other
    error goes back to the client (RFC 6749 §4.1.2.1). Each answer bears `iss` (RFC 9207). A
    program that does not ask for `text/html` gets errors as JSON.
    """
    server = server_of(request)
    given = Parameters.parse(request.scope["query_string"])
    parameters, pushed = await pushed_requests.resolve(server, given)
    address = address_of(request)
    asked = await authorization_request.read(server, parameters, address, direct=not pushed)
    visitor = await browser.of(request)
    step = await authorization.decide(server, asked, visitor.session, server.time())
    if step is Step.NOTHING and visitor.session is not None:
        return browser.send(
            request, await authorization.grant(server, server.db, asked, visitor.session)
        )
    waiting = await _wait(request, parameters, visitor)
    return _show(request, step, waiting, visitor)


@router.post(
    PATH,
    summary="Authorize, by form",
    operation_id="authorize_by_form",
    response_class=Response,
    responses=authorize_document.RESPONSES,
    openapi_extra=authorize_document.BODY,
)
async def authorize_by_form(request: Request) -> Response:
    """Do the same for parameters in a form (OIDC Core §3.1.2.1).

    A form of another site comes without our cookie (SameSite), so the browser is sent on to a
    page of ours first, and brings it there.
    """
    server = server_of(request)
    check_media_type(request.headers.get("content-type"))
    given = Parameters.parse(await bodies.read(request))
    parameters, pushed = await pushed_requests.resolve(server, given)
    address = address_of(request)
    await authorization_request.read(server, parameters, address, direct=not pushed)
    waiting = await _wait(request, parameters)
    return browser.see_other(f"{server.settings.issuer}{PATH}/continue?{_query(waiting)}")


@router.get(f"{PATH}/continue", include_in_schema=False)
async def continue_(request: Request) -> Response:
    """Go on with a request, after whatever the person has done."""
    server = server_of(request)
    parameters = Parameters.parse(request.scope["query_string"])
    waiting, asked = await browser.waiting(request, parameters)
    visitor = await browser.of(request)
    step = await authorization.decide(
        server,
        asked,
        visitor.session,
        waiting.created_at,
        account_chosen=waiting.account_chosen,
    )
    if step is Step.NOTHING and visitor.session is not None:
        return await _answer(request, waiting, asked, visitor.session)
    return _show(request, step, waiting, visitor)


async def _wait(
    request: Request, parameters: Parameters, visitor: Browser | None = None
) -> WaitingRequest:
    """Keep the request; `TooManyRequests` if too many are kept for a stranger's address."""
    server = server_of(request)
    if visitor is None or visitor.session is None:
        await throttling.admit(server, throttling.authorization(server, address_of(request)))
    kept = {name: value for name, value in parameters.items() if name in NAMES}
    return await authorization_requests.add(server.db, kept, server.time())


async def _answer(
    request: Request, waiting: WaitingRequest, asked: AuthorizationRequest, session: Session
) -> Response:
    server = server_of(request)
    if not await authorization_requests.answer(server.db, waiting.request_id, server.time()):
        raise StaleRequest("the request has been answered")
    return browser.send(request, await authorization.grant(server, server.db, asked, session))


def _show(request: Request, step: Step, waiting: WaitingRequest, visitor: Browser) -> Response:
    """Send the browser to the page where the person does the next step."""
    issuer = server_of(request).settings.issuer
    response = browser.see_other(f"{issuer}/{_PAGES[step]}?{_query(waiting)}")
    return browser.with_cookie(request, response, visitor.cookie) if visitor.is_new else response


def _query(waiting: WaitingRequest) -> str:
    return urlencode({"request": str(waiting.request_id)})
