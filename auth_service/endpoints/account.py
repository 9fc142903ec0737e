"""A person's own account: where they are logged in, which apps have access, their password."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from auth_service import accounts, pages, passwords, resources, sessions
from auth_service.endpoints import browser, second_step, server_of
from auth_service.endpoints.browser import PageRoute
from auth_service.pages import account_words
from auth_service.pages.texts import Texts
from auth_service.parameters import Parameters
from auth_service.scope import in_order
from auth_service.store import consents
from auth_service.store import sessions as stored_sessions
from auth_service.store.consents import App
from auth_service.store.sessions import Session
from shared.errors import InvalidRequest, OAuthError, TemporarilyUnavailable, TooManyRequests

PATH: Final = "/account"
_DONE: Final = {
    "session": "done_session",
    "app": "done_app",
    "password": "done_password",
    "two_step_off": "done_two_step_off",
}

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PATH)
async def account_page(request: Request) -> Response:
    """Show it all, the log-ins first."""
    server = server_of(request)
    visitor, here = await browser.logged_in(request, PATH)
    alive = await stored_sessions.find_all_of(server.db, here.sub, sessions.limits(server))
    apps = await consents.find_apps_of(server.db, here.sub, accounts.alive_since(server))
    t, now = pages.texts(request), server.time()
    done = Parameters.parse(request.scope["query_string"]).get("done", "")
    return pages.render(
        request,
        "account",
        csrf_token=visitor.csrf_token,
        username=here.username,
        done=_DONE.get(done),
        sends_mails=server.settings.smtp_url is not None,
        sessions=[_session(session, here, now, t) for session in alive],
        apps=[_app(app, resources.places(server, app.resources), now, t) for app in apps],
    )


@router.post(f"{PATH}/sessions/end")
async def end_session(request: Request) -> Response:
    """Log a browser of this person's out, as if it had done so itself."""
    server = server_of(request)
    _, here, parameters = await browser.logged_in_form(request, PATH)
    session_id = _uuid(parameters.required("session_id"))
    alive = await stored_sessions.find_all_of(server.db, here.sub, sessions.limits(server))
    # What is not in the list has ended, or is somebody else's.
    for session in alive:
        if session.session_id == session_id:
            await sessions.end(server, session)
    if session_id == here.session_id:
        response = browser.to_login(request, PATH)
        return browser.with_cookie(request, response, sessions.new_cookie())
    return _done(request, "session")


@router.post(f"{PATH}/apps/remove")
async def remove_app(request: Request) -> Response:
    """Take away what an app was allowed, and end what it has."""
    _, here, parameters = await browser.logged_in_form(request, PATH)
    client_id = parameters.required("client_id")
    await accounts.withdraw_consent(server_of(request), here.sub, client_id)
    return _done(request, "app")


@router.get(f"{PATH}/password")
async def password_page(request: Request) -> Response:
    """Ask for the old password and a new one."""
    visitor, here = await browser.logged_in(request, f"{PATH}/password")
    if await second_step.is_needed(request, here):
        return second_step.begin(request, f"{PATH}/password")
    return _password_form(request, visitor.csrf_token, here)


@router.post(f"{PATH}/password")
async def change_password(request: Request) -> Response:
    """Change it; only this browser stays logged in, with a new cookie."""
    server = server_of(request)
    visitor, here, parameters = await browser.logged_in_form(request, f"{PATH}/password")
    if await second_step.is_needed(request, here):
        return second_step.begin(request, f"{PATH}/password")
    old, new = parameters.get("old_password", ""), parameters.get("new_password", "")
    try:
        passwords.check_policy(new, here.username)
    except OAuthError as error:
        return _password_form(request, visitor.csrf_token, here, error, "bad_password")
    try:
        user = await accounts.change_password(
            server,
            here.username,
            old,
            new,
            browser.caller(request),
            logged_in=True,
            language=pages.language_of(request),
        )
    except OAuthError as error:
        return _password_form(request, visitor.csrf_token, here, error, _problem(error))
    cookie = await sessions.go_on(server, here, user)
    return browser.with_cookie(request, _done(request, "password"), cookie)


def _password_form(
    request: Request,
    csrf_token: str,
    session: Session,
    error: OAuthError | None = None,
    problem: str | None = None,
) -> Response:
    if error is not None:
        browser.count(request, error)
    return pages.render(
        request,
        "change_password",
        status_code=200 if error is None else error.status_code,
        headers={} if error is None else browser.retry_after(error),
        csrf_token=csrf_token,
        username=session.username,
        problem=problem,
    )


def _problem(error: OAuthError) -> str:
    if isinstance(error, TooManyRequests):
        return "too_often"
    return "too_many" if isinstance(error, TemporarilyUnavailable) else "wrong_old_password"


def _done(request: Request, what: str) -> Response:
    return browser.see_other(f"{server_of(request).settings.issuer}{PATH}?done={what}")


def _session(session: Session, here: Session, now: datetime, t: Texts) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "browser": account_words.browser(session.user_agent, t),
        "here": session.session_id == here.session_id,
        **_time("began", session.auth_time, now, t),
        **_time("used", session.used_at, now, t),
    }


def _app(app: App, places: list[str], now: datetime, t: Texts) -> dict[str, Any]:
    return {
        "client_id": app.client_id,
        "name": app.client_name,
        "scopes": in_order(app.scope),
        "resources": places,
        **_time("granted", app.granted_at, now, t),
        **_time("used", app.used_at, now, t),
    }


def _time(name: str, time: datetime | None, now: datetime, t: Texts) -> dict[str, str]:
    if time is None:
        return {name: "", f"{name}_at": ""}
    return {name: account_words.ago(time, now, t), f"{name}_at": time.isoformat(timespec="seconds")}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest("the session_id is malformed") from None
