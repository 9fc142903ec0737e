"""Deciding on an authorization request: who must log in, who must be asked, and the code.

`decide` says what comes next. It is asked again after each step of the person, with the time
when the request first came, so that one log-in answers `prompt=login` and no second is asked.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from auth_service import client_lookup, redirect_uris, resources, sessions
from auth_service.authentication_context import ONE_FACTOR, SUPPORTED, TWO_FACTORS, acr
from auth_service.authorization_errors import (
    AccountSelectionRequired,
    ConsentRequired,
    LoginRequired,
    UnmetAuthenticationRequirements,
)
from auth_service.authorization_request import AuthorizationRequest
from auth_service.authorization_response import AuthorizationResponse, RefusedByRedirect, granted
from auth_service.server import AuthorizationServer
from auth_service.store import (
    Database,
    authorization_codes,
    authorization_requests,
    consents,
    second_factors,
)
from auth_service.store import sessions as stored_sessions
from auth_service.store.authorization_codes import IssuedCode
from auth_service.store.sessions import Session
from shared.errors import OAuthError

WAITS: Final = timedelta(hours=1)  # for a person to log in and agree
_REPLAYS: Final = timedelta(days=1)  # for so long the replay of a code is known for one


class Step(Enum):
    """What the person has to do next."""

    LOG_IN = auto()
    CHOOSE_ACCOUNT = auto()
    SECOND_FACTOR = auto()
    CONSENT = auto()
    NOTHING = auto()


async def decide(
    server: AuthorizationServer,
    request: AuthorizationRequest,
    session: Session | None,
    since: datetime,
    *,
    account_chosen: bool = False,
) -> Step:
    """Return the next step for a request that came at `since`.

    Raises `RefusedByRedirect` where `prompt=none` forbids it (OIDC Core §3.1.2.6), or where
    the log-in cannot be what was asked for.
    """
    if session is None or not _is_fresh(request, session, since):
        return _unless_silent(request, Step.LOG_IN, LoginRequired("nobody is logged in"))
    if request.sub not in {None, str(session.sub)}:
        if session.auth_time >= since:
            raise RefusedByRedirect(request.destination, LoginRequired("another user logged in"))
        return _unless_silent(request, Step.LOG_IN, LoginRequired("another user is logged in"))
    if not await _is_strong_enough(server, request, session):
        error = LoginRequired("a second factor is asked for")
        return _unless_silent(request, Step.SECOND_FACTOR, error)
    # A log-in for this request was a choice of an account too.
    if "select_account" in request.prompt and not account_chosen and session.auth_time < since:
        return _unless_silent(request, Step.CHOOSE_ACCOUNT, AccountSelectionRequired())
    if await _must_ask(server, request, session):
        return _unless_silent(request, Step.CONSENT, ConsentRequired("the user has not agreed yet"))
    return Step.NOTHING


async def grant(
    server: AuthorizationServer, db: Database, request: AuthorizationRequest, session: Session
) -> AuthorizationResponse:
    """Issue a code: 256 random bits, of which only the hash is stored."""
    await client_lookup.keep(db, request.client)
    code = secrets.token_urlsafe(32)
    issued = IssuedCode(
        code_sha256=hashlib.sha256(code.encode()).digest(),
        client_id=request.client.client_id,
        session_id=session.session_id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        scope=request.scope,
        resource=request.resource,
        nonce=request.nonce,
        claims=request.claims.stored(),
        auth_time=session.auth_time,
        amr=session.amr,
        issued_at=server.time(),
    )
    await authorization_codes.add(db, issued)
    return granted(request.destination, server.settings.issuer, code)


async def forget(server: AuthorizationServer) -> None:
    """Remove requests, codes and sessions that are over; several processes may, it is one."""
    now = server.time()
    await authorization_requests.forget(server.db, now - WAITS)
    await authorization_codes.forget(server.db, now - _REPLAYS)
    await stored_sessions.forget(server.db, sessions.limits(server))


def _is_fresh(request: AuthorizationRequest, session: Session, since: datetime) -> bool:
    """Whether the log-in is young enough for `prompt=login` and `max_age`."""
    max_age = 0 if "login" in request.prompt else request.max_age
    return max_age is None or session.auth_time >= since - timedelta(seconds=max_age)


async def _is_strong_enough(
    server: AuthorizationServer, request: AuthorizationRequest, session: Session
) -> bool:
    """Whether the log-in will do; False if a code would make it do, and the user has a generator.

    An essential `acr` that cannot be had is refused (OIDC Core §5.5.1.1); `acr_values` are a wish
    (§3.1.2.1), granted where it can be.
    """
    has = acr(session.amr)
    wishes = [value for value in request.acr_values if value in SUPPORTED]
    essential = request.claims.acr
    if has in essential or (not essential and (not wishes or has == wishes[0])):
        return True
    can_be_had = has == ONE_FACTOR and await second_factors.is_on(server.db, session.sub)
    if can_be_had and TWO_FACTORS in (essential or wishes[:1]):
        return False
    if essential:
        error = UnmetAuthenticationRequirements("the log-in was not as strong as asked for")
        raise RefusedByRedirect(request.destination, error)
    return True


def _unless_silent(request: AuthorizationRequest, step: Step, error: OAuthError) -> Step:
    if "none" in request.prompt:
        raise RefusedByRedirect(request.destination, error)
    return step


async def _must_ask(
    server: AuthorizationServer, request: AuthorizationRequest, session: Session
) -> bool:
    """Whether the person has to agree, even if only again: to all of this, at this resource.

    A public client on the person's own machine is asked about every time: any program there
    can pass for it (RFC 8252 §8.6).
    """
    client = request.client
    impostors = client.is_public and redirect_uris.is_native(request.destination.redirect_uri)
    if impostors or "consent" in request.prompt:
        return True
    at = resources.spellings(server, request.resource)
    return not request.asked <= await consents.granted(server.db, session.sub, client.client_id, at)
