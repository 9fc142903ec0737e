"""The resource service, wired."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from resource_service import protection
from resource_service.authenticator import Authenticator, BearerAuthenticator
from resource_service.endpoints import health, notes, protected_resource, whoami
from resource_service.endpoints import metrics as metrics_page
from resource_service.key_set_file import KeySetFile
from resource_service.metrics import Metrics
from resource_service.protection import remote
from resource_service.remote_key_set import RemoteKeySet
from resource_service.remote_status_lists import RemoteStatusLists
from resource_service.settings import Settings
from resource_service.status_list import Policy
from resource_service.status_list_file import StatusListFile
from resource_service.store.database import Database
from shared.access_token import AccessTokenVerifier
from shared.http import documentation, errors, methods, openapi

_DESCRIPTION = """
Notes behind access tokens, which each replica verifies by itself, from the issuer's public keys.

To try it here: press **Authorize**, then **Authorize** under *oauth2*: the issuer's page opens,
where a person logs in and agrees. Then open an operation and press **Try it out**. Every refusal
has one shape: `error`, for programs, and mostly `error_description`, for people.
"""
_TAGS = [
    {"name": "whoami", "description": "What a token says, and which replica verified it."},
    {"name": "notes", "description": "Notes, each seen by its owner only."},
    {"name": "discovery", "description": "What clients find out by themselves."},
    {"name": "operations", "description": "For load balancers and Prometheus."},
]


class ResourceService(FastAPI):
    """The application; names the replica in every answer, whoever makes it, and counts them."""

    def __init__(self, replica: str, answers: Counter[int], **options: Any) -> None:
        self._header = (b"x-replica", replica.encode("ascii"))
        self._answers = answers
        super().__init__(**options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap even the answers to what nobody foresaw, which middleware does not see."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._header]
                self._answers[message["status"]] += 1
            await send(message)

        await super().__call__(scope, receive, send_named)


def create_app(settings: Settings, authenticator: Authenticator | None = None) -> FastAPI:
    """Build the application; another `authenticator` than the bearer token's needs no keys."""
    keys: RemoteKeySet | None = None
    statuses: RemoteStatusLists | None = None
    if authenticator is None:
        keys = _remote_key_set(settings)
        statuses = _remote_status_lists(settings, keys)
        verifier = AccessTokenVerifier(keys, settings.issuer, settings.audience, statuses=statuses)
        authenticator = BearerAuthenticator(verifier)
    metrics = Metrics(keys, authenticator, statuses)
    app = ResourceService(
        settings.replica,
        metrics.answers,
        title="Sealgate resource service",
        description=_DESCRIPTION,
        lifespan=_lifespan,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.keys = keys
    app.state.statuses = statuses
    app.state.metrics = metrics
    app.state.database = Database(
        settings.database_url.get_secret_value(), size=settings.database_pool_size
    )
    _install(app, settings, authenticator)
    return app


def _install(app: FastAPI, settings: Settings, authenticator: Authenticator) -> None:
    """Everything that can be asked of the service, and how it refuses."""
    app.include_router(whoami.router)
    app.include_router(notes.router)
    app.include_router(protected_resource.router(settings.audience))
    app.include_router(health.router)
    app.include_router(metrics_page.router)
    errors.install(app, protection.challenge_headers)
    methods.install(app)
    openapi.install(app)
    metadata_url = remote.metadata_url(settings.audience)
    protection.install(
        app,
        protection.Protection(
            authenticator, settings.issuer, settings.audience, metadata_url, notes.SCOPES
        ),
    )
    documentation.install(
        app,
        oauth={
            "clientId": settings.docs_client_id,
            "scopes": " ".join(notes.SCOPES),
            "usePkceWithAuthorizationCodeGrant": True,
        },
        connect=(settings.issuer,),
    )


def _remote_key_set(settings: Settings) -> RemoteKeySet:
    path = settings.jwks_file
    file = None if path is None else KeySetFile(path, settings.jwks_uri)
    http = protection.issuer_client(settings.jwks_uri)
    return RemoteKeySet(
        http, settings.jwks_uri, file=file, shortest_life=settings.jwks_shortest_life
    )


def _remote_status_lists(settings: Settings, keys: RemoteKeySet) -> RemoteStatusLists | None:
    if not settings.status_poll:
        return None
    path = settings.status_file
    return RemoteStatusLists(
        Policy(
            protection.issuer_client(settings.issuer),
            keys,
            settings.issuer,
            poll=settings.status_poll,
            stale=settings.status_stale,
        ),
        aggregation_uri=settings.status_lists_uri,
        file=None if path is None else StatusListFile(path, settings.issuer),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Neither issuer nor database need be up: both are awaited in the background."""
    async with AsyncExitStack() as stack:
        if app.state.keys is not None:
            await stack.enter_async_context(app.state.keys.kept_fresh())
        if app.state.statuses is not None:
            await stack.enter_async_context(app.state.statuses.kept_fresh())
        await stack.enter_async_context(app.state.database.opened())
        yield
