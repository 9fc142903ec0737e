"""What the pages on the way in have in common: what they are about, and where they lead."""

import re
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response

from auth_service import redirect_uris, sessions
from auth_service.endpoints import browser, server_of
from auth_service.endpoints.browser import Browser
from auth_service.parameters import Parameters
from auth_service.store.users import User

# Where a log-in may lead to if no client waits: pages of ours, by path (RFC 9700 §4.11.2).
OUR_PAGES: Final = re.compile(r"/(?:account|device)(?:[/?][!-~]*)?")


async def context(
    request: Request, parameters: Parameters
) -> tuple[dict[str, Any], str | None, list[str]]:
    """Return what the page says of the request that waits, its languages and its client."""
    next_ = parameters.get("next", "")
    if OUR_PAGES.fullmatch(next_):
        username = parameters.get("username", "")
        values = {"client_name": "", "request_id": "", "next": next_, "username": username}
        return values, parameters.get("ui_locales"), []
    waiting, asked = await browser.waiting(request, parameters)
    values = {
        "client_name": asked.client.name,
        "request_id": str(waiting.request_id),
        "next": "",
        "username": parameters.get("username") or waiting.parameters.get("login_hint", ""),
    }
    source = redirect_uris.source(asked.destination.redirect_uri)
    return values, waiting.parameters.get("ui_locales"), [source]


async def enter(
    request: Request, parameters: Parameters, visitor: Browser, user: User, amr: tuple[str, ...]
) -> Response:
    """Begin the session, and lead to what the log-in was for."""
    agent = request.headers.get("user-agent", "")
    cookie = await sessions.log_in(server_of(request), user, amr, agent, visitor.session)
    response = browser.see_other(onward(request, parameters))
    browser.remember(request, response, user.username)
    return browser.with_cookie(request, response, cookie)


def onward(request: Request, parameters: Parameters) -> str:
    """Return where somebody goes who is logged in: a page of ours, or the request that waits."""
    next_ = parameters.get("next", "")
    if OUR_PAGES.fullmatch(next_):
        return f"{server_of(request).settings.issuer}{next_}"
    return url(request, "authorize/continue", parameters)


def url(request: Request, page: str, parameters: Parameters) -> str:
    """Return the address of a page that is about the same request."""
    kept = {name: parameters[name] for name in ("request", "next") if name in parameters}
    return f"{server_of(request).settings.issuer}/{page}?{urlencode(kept)}"
