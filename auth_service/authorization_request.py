"""Validating /authorize: show the error, or redirect with it (RFC 6749 §4.1.2.1).

As long as client and redirect URI are not known to belong together, every error is for the
person's eyes: a redirect would make us an open redirector (RFC 9700 §4.11.2).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from auth_service import claims, id_tokens, pkce, redirect_uris, resources
from auth_service import scope as scopes
from auth_service.authentication_context import SUPPORTED
from auth_service.authorization_errors import (
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    UnmetAuthenticationRequirements,
    UnsupportedResponseType,
)
from auth_service.authorization_response import Destination, RefusedByRedirect, ResponseMode
from auth_service.claims import ClaimsRequest
from auth_service.client_lookup import find_client
from auth_service.parameters import Parameters
from auth_service.safe_fetch import DocumentRefused, FetchRefused
from auth_service.scope import OPENID
from auth_service.server import AuthorizationServer
from auth_service.store.clients import Client
from shared.errors import InvalidRequest, InvalidScope, OAuthError, UnauthorizedClient

GRANT_TYPE: Final = "authorization_code"
Prompt = Literal["none", "login", "consent", "select_account"]
# What is kept while a person logs in: nothing that means nothing here.
NAMES: Final = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "prompt", "max_age", "id_token_hint"),
        *("login_hint", "acr_values", "claims", "ui_locales", "resource"),
    }
)
PROMPTS: Final = frozenset(get_args(Prompt))
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_CLIENT_ID: Final = 1024  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that may be granted, if the user agrees; `max_age` is in seconds.

    `sub` is the only user that will do, by `id_token_hint` or by the `claims` parameter.
    """

    client: Client
    destination: Destination
    redirect_uri: str | None  # as the request named it
    scope: frozenset[str]
    resource: str  # "": the default one
    code_challenge: str | None
    nonce: str | None
    prompt: frozenset[str]
    max_age: int | None
    sub: str | None
    claims: ClaimsRequest
    acr_values: tuple[str, ...] = ()  # the best first

    @property
    def asked(self) -> frozenset[str]:
        """What the person agrees to: the scope, and what single claims come to."""
        return self.scope | self.claims.scope


async def read(
    server: AuthorizationServer, parameters: Parameters, address: str, *, direct: bool = False
) -> AuthorizationRequest:
    """Validate a request; `direct`: it came by the browser just now, and was not pushed.

    `address`: who asks, for what has to be fetched (see `find_client`).
    Raises `RefusedByRedirect`, or an `OAuthError` that must be shown and not sent: an unknown
    or disabled client, or a redirect URI that is not registered for it.
    """
    client = await _client(server, parameters, address)
    destination = _destination(client, parameters)
    try:
        if direct and client.require_pushed_authorization_requests:
            raise InvalidRequest("this client has to push its requests (RFC 9126)")
        return _checked(server, client, destination, parameters)
    except OAuthError as error:
        raise RefusedByRedirect(destination, error) from error


async def _client(server: AuthorizationServer, parameters: Parameters, address: str) -> Client:
    client_id = parameters.required("client_id")
    try:
        found = len(client_id) <= _CLIENT_ID
        client = await find_client(server, server.db, client_id, address) if found else None
    except FetchRefused as error:
        # Where it leads in our network, and whether, is nobody's business.
        why = str(error) if isinstance(error, DocumentRefused) else "it cannot be fetched"
        raise InvalidRequest(
            f"the client's metadata document is not usable: {why}", reason=str(error)
        ) from error
    if client is None or client.disabled_at is not None:
        raise InvalidRequest("the client is not known here", reason=f"client {client_id[:64]!r}")
    return client


def _destination(client: Client, parameters: Parameters) -> Destination:
    """Find out where the answer goes; without a `redirect_uri` to the only one registered."""
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None:
        registered = client.redirect_uris
        is_openid = OPENID in parameters.get("scope", "").split(" ")
        # Required by OIDC Core §3.1.2.1, and where there is a choice by RFC 6749 §3.1.2.3.
        if "redirect_uri" in parameters.repeated or is_openid or len(registered) != 1:
            raise InvalidRequest("redirect_uri is missing, or repeated")
        (redirect_uri,) = registered
    elif not redirect_uris.is_registered(redirect_uri, client.redirect_uris):
        raise InvalidRequest("the redirect_uri is not registered for this client")
    mode = parameters.get("response_mode")
    return Destination(
        redirect_uri,
        parameters.get("state"),
        "form_post" if mode == "form_post" else "query",
    )


def _checked(
    server: AuthorizationServer, client: Client, destination: Destination, parameters: Parameters
) -> AuthorizationRequest:
    _check_form(client, parameters)
    resource = resources.named(server, parameters)
    requested = claims.parse_request(parameters.get("claims"))
    if requested.acr and not requested.acr & set(SUPPORTED):
        raise UnmetAuthenticationRequirements("no log-in here has such an acr")
    if not requested.scope <= client.scope:
        raise InvalidScope("claims asks for more than the client may have")
    return AuthorizationRequest(
        client=client,
        destination=destination,
        redirect_uri=parameters.get("redirect_uri"),
        scope=scopes.asked_of_user(parameters.get("scope"), client.scope),
        resource=resource,
        code_challenge=pkce.challenge(parameters, required=client.require_pkce or client.is_public),
        nonce=parameters.get("nonce"),
        prompt=_prompt(parameters.get("prompt")),
        max_age=_max_age(parameters.get("max_age")),
        sub=_sub(server, client, parameters.get("id_token_hint"), requested.sub),
        claims=requested,
        acr_values=tuple(parameters.get("acr_values", "").split()),
    )


def _check_form(client: Client, parameters: Parameters) -> None:
    """Whatever is wrong with the request as such, in the order of what is told first."""
    if parameters.repeated:
        raise InvalidRequest("a parameter is repeated")
    if "request" in parameters:
        raise RequestNotSupported("request objects are not taken")
    if "request_uri" in parameters:
        raise RequestUriNotSupported("request objects by reference are not taken")
    if "registration" in parameters:
        raise RegistrationNotSupported("clients are not registered by a request")
    if parameters.required("response_type") != "code":
        raise UnsupportedResponseType("the response_type must be code")
    if parameters.get("response_mode", "query") not in get_args(ResponseMode):
        raise InvalidRequest("the response_mode must be query or form_post")
    if GRANT_TYPE not in client.grant_types:
        raise UnauthorizedClient("this client may not use the authorization code grant")


def _prompt(value: str | None) -> frozenset[str]:
    prompt = frozenset((value or "").split(" ")) - {""}
    if not prompt <= PROMPTS:
        raise InvalidRequest("the prompt is not known")
    if "none" in prompt and len(prompt) > 1:
        raise InvalidRequest("prompt none goes with no other")
    return prompt


def _max_age(value: str | None) -> int | None:
    if value is None:
        return None
    if not _SECONDS.fullmatch(value):
        raise InvalidRequest("max_age must be a number of seconds")
    return int(value)


def _sub(
    server: AuthorizationServer, client: Client, hint: str | None, claimed: str | None
) -> str | None:
    """Return the user who is meant (OIDC Core §3.1.2.1, §5.5.1), by hint or by claim."""
    if hint is None:
        return claimed
    hinted = id_tokens.read_hint(server, hint)
    if hinted is None or hinted.aud != client.client_id:
        raise InvalidRequest("the id_token_hint is no ID token of this client's")
    if claimed not in {None, hinted.sub}:
        raise InvalidRequest("id_token_hint and claims mean two users")
    return hinted.sub
