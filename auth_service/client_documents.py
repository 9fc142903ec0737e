"""Client ID metadata documents: a client that is known by the address of what it says of itself.

(draft-ietf-oauth-client-id-metadata-document.) The `client_id` is a URL, and what lies there is
the client's registration.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from auth_service import client_metadata
from auth_service.authentication_methods import NONE, WITH_SECRET
from auth_service.client_metadata import ClientMetadata
from auth_service.safe_fetch import Fetched, FetchRefused, SafeFetch
from shared.errors import OAuthError

ACCEPT: Final = "application/json"
MAXIMUM: Final = 16 * 1024  # octets; the draft thinks of 5 KB
# There is nobody whom a client without a registration could act for but the person who agrees.
_GRANTS: Final = frozenset({"authorization_code", "refresh_token"})
_JSON: Final = re.compile(r"application/(?:json|[a-z0-9.-]+\+json)")
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


class ClientDocument(ClientMetadata):
    """What lies at the address; it can hold no secret, since everybody can read it (§4.1)."""

    client_id: str
    client_secret: None = None
    client_secret_expires_at: None = None


def is_document_url(client_id: str) -> bool:
    """Tell whether a `client_id` is of this kind; no other has a colon and slashes."""
    return client_id.startswith(("https://", "http://"))


def check_url(url: str, fetch: SafeFetch) -> None:
    """Refuse addresses that are no client identifiers (§3): `FetchRefused`."""
    path = fetch.check(url).path
    if not path or _DOTS.search(path):
        raise FetchRefused("a client_id has a path, without dot segments")


def host_of(client_id: str) -> str | None:
    """Return the host that vouches for a client, for people to see; None for other clients."""
    return urlsplit(client_id).netloc if is_document_url(client_id) else None


def parse(url: str, fetched: Fetched, fetch: SafeFetch) -> ClientMetadata:
    """Read a document, or raise `ValueError` with what is wrong with it (§4, §4.1)."""
    if not _JSON.fullmatch(fetched.media_type):
        raise ValueError("it is not JSON by its Content-Type")
    try:
        document = ClientDocument.model_validate_json(fetched.body)
    except ValidationError as error:
        names = sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]})
        raise ValueError(f"invalid: {', '.join(names) or 'no JSON object'}") from None
    if document.client_id != url:
        raise ValueError("its client_id is not its address")
    if document.method in WITH_SECRET and document.token_endpoint_auth_method is not None:
        raise ValueError("nobody has a secret with it")
    if client_metadata.CODE_GRANT not in document.grants:
        raise ValueError("it does not use authorization codes")
    metadata = document.model_copy(
        update={
            "token_endpoint_auth_method": document.token_endpoint_auth_method or NONE,
            "grant_types": sorted(document.grants & _GRANTS),
        }
    )
    try:
        client_metadata.check(metadata, fetch, grants=_GRANTS)
        client_metadata.registrable_scope(metadata)
    except OAuthError as error:
        raise ValueError(error.description) from error
    return metadata
