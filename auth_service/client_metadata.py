"""What a client says of itself (RFC 7591 §2): how it is read, checked, stored and shown."""

import json
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from auth_service import redirect_uris, scope
from auth_service.authentication_methods import BASIC, METHODS, NONE, PRIVATE_KEY_JWT
from auth_service.redirect_uris import RedirectUriRefused
from auth_service.registration_errors import InvalidClientMetadata, InvalidRedirectUri
from auth_service.safe_fetch import FetchRefused, SafeFetch
from auth_service.store.clients import Client
from shared.errors import InvalidScope
from shared.jwks import KeySetRefused, read_key_set
from shared.jws import ALGORITHM

CODE_GRANT: Final = "authorization_code"
# Stored as they are, and shown to whoever manages the client.
_ABOUT: Final = (
    *("client_uri", "logo_uri", "tos_uri", "policy_uri", "contacts", "software_id"),
    *("software_version", "application_type", "response_types"),
)

_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 §6
_TEXT: Final = r"^[^\x00-\x1f\x7f]*$"
Text: TypeAlias = Annotated[str, Field(max_length=200, pattern=_TEXT)]
Uri: TypeAlias = Annotated[str, Field(max_length=2000, pattern=_TEXT)]
Page: TypeAlias = Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]
Uris: TypeAlias = Annotated[list[Uri], Field(max_length=20)]


class ClientMetadata(BaseModel):
    """Metadata of a client (RFC 7591 §2, RFC 9126 §6, OpenID Connect's two kinds of log-out).

    What is null counts as left out, what is not known here is ignored.
    """

    model_config = ConfigDict(strict=True, extra="ignore")

    redirect_uris: Uris | None = None
    token_endpoint_auth_method: Literal[METHODS] | None = None  # type: ignore[valid-type]
    grant_types: Annotated[list[Text], Field(max_length=10)] | None = None
    response_types: Annotated[list[Literal["code"]], Field(max_length=1)] | None = None
    client_name: Text | None = None
    client_uri: Page | None = None
    logo_uri: Page | None = None
    tos_uri: Page | None = None
    policy_uri: Page | None = None
    scope: Annotated[str, Field(max_length=2000)] | None = None
    contacts: Annotated[list[Text], Field(max_length=10)] | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: Uri | None = None
    software_id: Text | None = None
    software_version: Text | None = None
    application_type: Literal["web", "native"] | None = None
    subject_type: Literal["public"] | None = None
    id_token_signed_response_alg: Literal[ALGORITHM] | None = None  # type: ignore[valid-type]
    token_endpoint_auth_signing_alg: Literal[ALGORITHM] | None = None  # type: ignore[valid-type]
    post_logout_redirect_uris: Uris | None = None
    backchannel_logout_uri: Uri | None = None
    backchannel_logout_session_required: bool | None = None
    require_pushed_authorization_requests: bool | None = None

    @property
    def method(self) -> str:
        """How it authenticates; Basic if it does not say (RFC 7591 §2)."""
        return self.token_endpoint_auth_method or BASIC

    @property
    def grants(self) -> frozenset[str]:
        """What it uses; codes if it does not say (RFC 7591 §2)."""
        return frozenset([CODE_GRANT] if self.grant_types is None else self.grant_types)


def check(metadata: ClientMetadata, fetch: SafeFetch, *, grants: frozenset[str]) -> None:
    """Refuse what cannot be registered: `InvalidRedirectUri` or `InvalidClientMetadata`.

    `grants` are the grant types that may be.
    Not checked: that the pages named are the client's own, or that its keys are there already.
    """
    _check_redirects(metadata)
    if unknown := sorted(metadata.grants - grants):
        offered = ", ".join(sorted(grants))
        raise InvalidClientMetadata(f"unknown grant {unknown[0]:.40}; there are {offered}")
    if metadata.method == NONE and "client_credentials" in metadata.grants:
        raise InvalidClientMetadata(
            "client_credentials is for confidential clients (RFC 6749 §4.4)"
        )
    if metadata.response_types is not None and (
        bool(metadata.response_types) != (CODE_GRANT in metadata.grants)
    ):
        raise InvalidClientMetadata("response_types and grant_types do not go together")
    _check_keys(metadata, fetch)
    if metadata.scope is not None:
        _parse_scope(metadata.scope)


def registrable_scope(metadata: ClientMetadata) -> frozenset[str]:
    """Return what a client that registers itself may ask for: never `admin`, nor what is unknown.

    What is beyond that is left out, which RFC 7591 §2 allows; it is told in the answer.
    """
    allowed = frozenset(scope.ADVERTISED)
    if metadata.scope is None:
        return allowed
    asked = _parse_scope(metadata.scope) & allowed
    if not asked:
        raise InvalidClientMetadata("nothing of the scope can be had here")
    return asked


def described(metadata: ClientMetadata) -> dict[str, Any]:
    """Return what a `Client` takes from its metadata, whichever way they came."""
    about = {name: getattr(metadata, name) for name in _ABOUT}
    return {
        "grant_types": metadata.grants,
        "redirect_uris": tuple(dict.fromkeys(metadata.redirect_uris or ())),
        "post_logout_redirect_uris": tuple(dict.fromkeys(metadata.post_logout_redirect_uris or ())),
        "token_endpoint_auth_method": metadata.method,
        "backchannel_logout_uri": metadata.backchannel_logout_uri,
        "backchannel_logout_session_required": bool(metadata.backchannel_logout_session_required),
        "jwks": None if metadata.jwks is None else json.dumps(metadata.jwks),
        "jwks_uri": metadata.jwks_uri,
        "require_pushed_authorization_requests": bool(
            metadata.require_pushed_authorization_requests
        ),
        "about": {name: value for name, value in about.items() if value is not None},
    }


def shown(client: Client) -> dict[str, Any]:
    """Return the metadata of a stored client, by their names in RFC 7591 §2."""
    unstated = BASIC if client.secret_sha256 is not None else NONE
    return {
        "response_types": ["code"] if CODE_GRANT in client.grant_types else [],
        **(client.about or {}),
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "backchannel_logout_session_required": client.backchannel_logout_session_required,
        "grant_types": sorted(client.grant_types),
        "scope": scope.render(client.scope),
        "token_endpoint_auth_method": client.token_endpoint_auth_method or unstated,
        "jwks": None if client.jwks is None else json.loads(client.jwks),
        "jwks_uri": client.jwks_uri,
        "require_pushed_authorization_requests": client.require_pushed_authorization_requests,
    }


def _check_redirects(metadata: ClientMetadata) -> None:
    for uri in metadata.redirect_uris or ():
        try:
            redirect_uris.check(uri)
        except RedirectUriRefused as error:
            raise InvalidRedirectUri(f"{uri!r:.99}: {error}") from None
    if CODE_GRANT in metadata.grants and not metadata.redirect_uris:
        raise InvalidRedirectUri("authorization_code needs redirect_uris")
    for uri in metadata.post_logout_redirect_uris or ():
        try:
            redirect_uris.check(uri)
        except RedirectUriRefused as error:
            raise InvalidClientMetadata(f"{uri!r:.99}: {error}") from None


def _check_keys(metadata: ClientMetadata, fetch: SafeFetch) -> None:
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        raise InvalidClientMetadata("jwks and jwks_uri exclude each other (RFC 7591 §2)")
    if any(_SECRET_MEMBERS & set(key) for key in _listed(metadata.jwks)):
        raise InvalidClientMetadata(
            "jwks: a private or symmetric key where only public ones belong"
        )
    for name in ("jwks_uri", "backchannel_logout_uri"):
        uri = getattr(metadata, name)
        try:
            if uri is not None:
                fetch.check(uri)
        except FetchRefused as error:
            raise InvalidClientMetadata(f"{name}: {error}") from None
    if metadata.method != PRIVATE_KEY_JWT:
        return
    if metadata.jwks is None and metadata.jwks_uri is None:
        raise InvalidClientMetadata("private_key_jwt needs jwks or jwks_uri")
    if metadata.jwks is not None:
        try:
            read_key_set(json.dumps(metadata.jwks).encode())
        except KeySetRefused as error:
            raise InvalidClientMetadata(f"jwks: {error}") from None


def _listed(jwks: dict[str, Any] | None) -> list[dict[str, Any]]:
    keys = (jwks or {}).get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _parse_scope(value: str) -> frozenset[str]:
    try:
        return scope.parse(value)
    except InvalidScope as error:
        raise InvalidClientMetadata(error.description) from None
