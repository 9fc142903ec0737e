"""Protecting endpoints: `Depends(requires("notes:read"))` gives the verified access token.

In somebody else's app:

    app = FastAPI()
    protect(app, issuer="https://auth.example", audience="https://api.example")

    @app.get("/notes")
    async def notes(token: Annotated[AccessToken, Depends(requires("notes:read"))]) -> ...
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import httpx
from fastapi import FastAPI, Request, Security
from fastapi.openapi.models import HTTPBearer, OAuth2, OAuthFlowPassword, OAuthFlows, SecurityBase
from fastapi.params import Depends
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase as SecurityScheme

from resource_service.authenticator import Authenticator, BearerAuthenticator, Scope
from resource_service.remote_key_set import RemoteKeySet
from resource_service.settings import check_url
from shared.access_token import AccessToken, AccessTokenVerifier
from shared.bearer import challenge
from shared.errors import InsufficientScope, OAuthError, TemporarilyUnavailable
from shared.http.errors import error_response

# In the ASGI scope of a request: what the caller was found to be, or what he would need.
_VERIFIED: Final = "sealgate.access_token"
_REQUIRED: Final = "sealgate.required_scope"


@dataclass(frozen=True)
class Protection:
    """How one app is protected; found at `app.state.protection`."""

    authenticator: Authenticator
    issuer: str
    resource_metadata: str = ""  # where RFC 9728's document is, if the app has one
    scopes: Mapping[str, str] = field(default_factory=dict)  # each with a description


class _Documented(SecurityScheme):
    """A security scheme that is only shown in OpenAPI: `Requirement` does the work."""

    def __init__(self, name: str, model: SecurityBase) -> None:
        self.scheme_name = name
        self.model = model

    async def __call__(self) -> None:
        """Do nothing when FastAPI calls it as a dependency."""


# The token URL is the issuer's, so each app's document gets its own: see `_describe`.
_OAUTH2: Final = _Documented(
    "oauth2", OAuth2(flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl="/token")))
)
_BEARER: Final = _Documented("bearer", HTTPBearer(bearerFormat="JWT"))


class Requirement:
    """A dependency that admits tokens with all the scopes it names, and no others."""

    def __init__(self, scope: frozenset[str]) -> None:
        self.scope = scope
        self.security: list[dict[str, list[str]]] = [{"oauth2": sorted(scope)}, {"bearer": []}]
        keyword = inspect.Parameter.KEYWORD_ONLY
        # FastAPI reads from this what to hand to `__call__`, and what to show in OpenAPI.
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter("request", keyword, annotation=Request),
                inspect.Parameter("oauth2", keyword, default=Security(_OAUTH2, scopes=[*scope])),
                inspect.Parameter("bearer", keyword, default=Security(_BEARER)),
            ]
        )

    async def __call__(self, request: Request, **_documented: None) -> AccessToken:
        """Admit the request; this is how FastAPI calls it as a dependency."""
        return await self.admit(request.scope)

    async def admit(self, scope: Scope) -> AccessToken:
        """Return the caller's token; raises what the authenticator raises, or
        `InsufficientScope` with every scope that is needed (RFC 6750 §3.1).
        """
        try:
            protection: Protection = scope["app"].state.protection
            token = await protection.authenticator.authenticate(scope)
            if not self.scope <= token.scope:
                raise InsufficientScope(self.scope)
        except OAuthError:
            scope[_REQUIRED] = self.scope
            raise
        return token


def requires(*scope: str) -> Requirement:
    """Return a dependency that needs all these scopes; none at all: any valid token will do.

    The endpoint gets the `AccessToken`. Not checked: whose the thing is that the endpoint
    serves; that is the endpoint's business, by `sub`.
    """
    return Requirement(frozenset(scope))


class ProtectedRoute(APIRoute):
    """A route that verifies by itself instead of through FastAPI's dependency solver.

    The solver takes 14 to 18 % of a route's capacity even for a dependency that does nothing;
    this takes 2 %. Answers and OpenAPI are the same, but for one thing: the token is verified
    before the body is read. What it does not recognise stays an ordinary dependency: an
    endpoint that is no coroutine function, `requires` in `dependencies=[…]` or inside another
    dependency. `app.dependency_overrides` do not reach it: replace the authenticator instead.

    Use it with `APIRouter(route_class=ProtectedRoute)`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        lifted = _lift(endpoint)
        self._requirement = None if lifted is None else lifted.requirement
        if lifted is not None:
            endpoint = lifted.endpoint
            extra = options.get("openapi_extra") or {}
            security = [*extra.get("security", []), *lifted.requirement.security]
            options["openapi_extra"] = {**extra, "security": security}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the verification before it."""
        handler = super().get_route_handler()
        if self._requirement is None:
            return handler
        admit = self._requirement.admit

        async def verify_then_handle(request: Request) -> Response:
            scope = request.scope
            scope[_VERIFIED] = await admit(scope)
            return await handler(request)

        return verify_then_handle


@dataclass(frozen=True)
class _Lifted:
    requirement: Requirement
    endpoint: Callable[..., Any]


def _lift(endpoint: Callable[..., Any]) -> _Lifted | None:
    """Take the requirement out of an endpoint's parameters, so that FastAPI does not see it.

    The endpoint that is returned takes the token from the request, where only
    `verify_then_handle` puts it: should FastAPI ever leave that out, a KeyError makes it a
    500, never an unprotected answer.
    """
    if not inspect.iscoroutinefunction(endpoint):
        return None
    try:
        signature = inspect.signature(endpoint, eval_str=True)
    except NameError:  # an annotation that only type checkers can see
        return None
    required = {
        name: requirement
        for name, parameter in signature.parameters.items()
        if (requirement := _requirement(parameter)) is not None
    }
    if len(required) != 1:
        return None
    [(token_name, requirement)] = required.items()
    parameters = [p for name, p in signature.parameters.items() if name != token_name]
    request_name = next((p.name for p in parameters if _is_request(p)), None)
    added = request_name or "sealgate_request"
    if request_name is None:
        hidden = inspect.Parameter(added, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        parameters = sorted([*parameters, hidden], key=lambda parameter: parameter.kind)

    @functools.wraps(endpoint)
    async def with_token(**values: Any) -> Any:
        request = values[added] if request_name else values.pop(added)
        values[token_name] = request.scope[_VERIFIED]
        return await endpoint(**values)

    # What FastAPI goes by, instead of the signature of what is wrapped.
    with_token.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return _Lifted(requirement, with_token)


def _requirement(parameter: inspect.Parameter) -> Requirement | None:
    """Return what a parameter declared as `Depends(requires(…))`, in either notation, needs."""
    for declared in (parameter.default, *get_args(parameter.annotation)[1:]):
        if type(declared) is Depends and isinstance(declared.dependency, Requirement):
            return declared.dependency
    return None


def _is_request(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Request)


def install(app: FastAPI, protection: Protection) -> None:
    """Make `requires` work in `app`, and complete its OpenAPI document."""
    app.state.protection = protection
    inner = app.openapi

    def openapi() -> dict[str, Any]:
        return _describe(inner(), protection)

    # Overriding the method is FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def challenge_headers(request: Request, error: OAuthError) -> dict[str, str]:
    """Return the challenge if it was the token that was refused (RFC 6750 §3)."""
    required = request.scope.get(_REQUIRED)
    if required is None or isinstance(error, TemporarilyUnavailable):
        return {}
    metadata = request.app.state.protection.resource_metadata
    also = {"resource_metadata": metadata} if metadata else {}
    return {"www-authenticate": challenge(error, scope=required, **also)}


def protect(app: FastAPI, *, issuer: str, audience: str, jwks_uri: str = "") -> None:
    """Set up somebody else's app: fetch the issuer's keys, and answer refusals as RFC 6750 says.

    `audience` is what the tokens' `aud` must contain. `ValueError` for a URL that is neither
    https nor loopback. Call it on the app that has the endpoints, not on one that mounts it.
    """
    jwks_uri = check_url(jwks_uri or f"{check_url(issuer)}/.well-known/jwks.json")
    http = key_set_client(jwks_uri)
    keys = RemoteKeySet(http, jwks_uri)
    verifier = AccessTokenVerifier(keys, issuer, audience)
    install(app, Protection(BearerAuthenticator(verifier), issuer))
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with http, keys.kept_fresh(), inner(app) as state:
            yield state

    app.router.lifespan_context = lifespan

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OAuthError)  # noqa: S101 - what it is registered for
        return error_response(error, challenge_headers(request, error))

    app.add_exception_handler(OAuthError, refuse)


def key_set_client(jwks_uri: str) -> httpx.AsyncClient:
    """Make the client for fetching keys: a connection per fetch, since they are minutes apart.

    A proxy from the environment is not asked for what is on the loopback interface.
    """
    return httpx.AsyncClient(
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=not jwks_uri.startswith("http://"),
    )


def _describe(document: dict[str, Any], protection: Protection) -> dict[str, Any]:
    """Say in the OpenAPI document where tokens come from, and which scopes there are."""
    used = {
        scope
        for path in document.get("paths", {}).values()
        for operation in path.values()
        for alternative in operation.get("security", [])
        for scope in alternative.get(_OAUTH2.scheme_name, [])
    }
    password = {
        "tokenUrl": f"{protection.issuer}/token",
        "scopes": {scope: protection.scopes.get(scope, "") for scope in sorted(used)},
    }
    ours = {
        _BEARER.scheme_name: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "With an access token that you have already.",
        },
        # Last, since the docs page puts the cursor into the last of them.
        _OAUTH2.scheme_name: {
            "type": "oauth2",
            "flows": {"password": password},
            "description": "With the name and password of a user of the issuer.",
        },
    }
    components = document.setdefault("components", {})
    others = components.get("securitySchemes", {})
    components["securitySchemes"] = {
        **{name: scheme for name, scheme in others.items() if name not in ours},
        **ours,
    }
    return document
