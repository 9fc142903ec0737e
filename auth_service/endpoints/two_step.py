"""The account page for the second factor: set it up, switch it off, new recovery codes."""

from typing import Any, Final

import segno
from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from auth_service import accounts, pages, second_factor, sessions, totp
from auth_service.authentication_context import TOTP
from auth_service.endpoints import browser, server_of
from auth_service.endpoints.browser import Browser, PageRoute, StaleRequest
from auth_service.endpoints.second_step import problem
from auth_service.store import second_factors
from auth_service.store.sessions import Session
from shared.errors import AccessDenied, OAuthError, TemporarilyUnavailable, TooManyRequests

PATH: Final = "/account/two-step"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATH)
async def two_step_page(request: Request) -> Response:
    """Say whether it is on, and what can be done."""
    visitor, here = await browser.logged_in(request, PATH)
    return await _page(request, visitor, here)


@router.post(f"{PATH}/begin")
async def begin(request: Request) -> Response:
    """Make a secret and show it, to whoever knows the password."""
    server = server_of(request)
    visitor, here, parameters = await browser.logged_in_form(request, PATH)
    password = parameters.get("password", "")
    try:
        user = await accounts.verified_user(
            server, here.username, password, browser.caller(request)
        )
        if user is None:
            raise AccessDenied("wrong password")
        secret = await second_factor.begin(server, here.sub)
    except OAuthError as error:
        return await _page(request, visitor, here, error, _password_problem(error))
    return _set_up(request, visitor, here, secret)


@router.post(f"{PATH}/confirm")
async def confirm(request: Request) -> Response:
    """Switch it on, if the generator has the secret, and show the recovery codes."""
    server = server_of(request)
    visitor, here, parameters = await browser.logged_in_form(request, PATH)
    secret = await second_factor.unconfirmed(server, here.sub)
    if secret is None:
        raise StaleRequest("there is nothing to confirm")
    try:
        codes = await second_factor.confirm(
            server, here.sub, parameters.get("code", ""), pages.language_of(request)
        )
    except AccessDenied as error:
        return _set_up(request, visitor, here, secret, error)
    cookie = await sessions.strengthen(server, here, TOTP)
    return browser.with_cookie(request, _codes(request, codes), cookie)


@router.post(f"{PATH}/change")
async def change(request: Request) -> Response:
    """Switch it off, or make new recovery codes, for whoever has a code."""
    server = server_of(request)
    visitor, here, parameters = await browser.logged_in_form(request, PATH)
    code = parameters.get("code", "")
    try:
        caller, language = browser.caller(request), pages.language_of(request)
        await second_factor.prove(server, here.sub, here.username, code, caller, language)
    except OAuthError as error:
        return await _page(request, visitor, here, error, problem(error))
    if parameters.get("what") == "codes":
        codes = await second_factor.renew_recovery_codes(server, here.sub, language)
        return _codes(request, codes)
    await second_factor.remove(server, here.sub, language)
    return browser.see_other(f"{server.settings.issuer}/account?done=two_step_off")


async def _page(
    request: Request,
    visitor: Browser,
    session: Session,
    error: OAuthError | None = None,
    problem: str | None = None,
) -> Response:
    server = server_of(request)
    is_on = await second_factors.is_on(server.db, session.sub)
    left = await second_factors.count_recovery_codes(server.db, session.sub) if is_on else 0
    return _render(
        request, "two_step", visitor, error, username=session.username, problem=problem,
        is_on=is_on, left=left,
    )  # fmt: skip


def _set_up(
    request: Request,
    visitor: Browser,
    session: Session,
    secret: bytes,
    error: OAuthError | None = None,
) -> Response:
    service = pages.texts(request)["service"]
    uri = totp.uri(secret, service, session.username)
    svg = segno.make_qr(uri, error="m").svg_inline(
        border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    text = totp.text(secret)
    return _render(
        request,
        "two_step_set_up",
        visitor,
        error,
        problem=None if error is None else "wrong_code",
        qr=Markup(svg),  # noqa: S704 - made by the library, of squares
        uri=uri,
        secret=" ".join(text[start : start + 4] for start in range(0, len(text), 4)),
    )


def _codes(request: Request, codes: list[str]) -> Response:
    return pages.render(request, "recovery_codes", codes=codes)


def _render(
    request: Request,
    template: str,
    visitor: Browser,
    error: OAuthError | None,
    **values: Any,
) -> Response:
    if error is not None:
        browser.count(request, error)
    return pages.render(
        request,
        template,
        status_code=200 if error is None else error.status_code,
        headers={} if error is None else browser.retry_after(error),
        csrf_token=visitor.csrf_token,
        **values,
    )


def _password_problem(error: OAuthError) -> str:
    if isinstance(error, TooManyRequests):
        return "too_often"
    return "too_many" if isinstance(error, TemporarilyUnavailable) else "wrong_old_password"
