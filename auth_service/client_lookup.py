"""Finding a client by its `client_id`, be it registered or known by a metadata document."""

from dataclasses import replace
from datetime import UTC, datetime

from auth_service import client_documents, client_metadata, throttling
from auth_service.server import AuthorizationServer
from auth_service.store import Database, clients
from auth_service.store.clients import Client
from auth_service.store.statements import Statements


async def find_client(
    server: AuthorizationServer, db: "Database | Statements", client_id: str, address: str
) -> Client | None:
    """Return a client, disabled or not; None if there is no such one.

    One with a metadata document is what the document says now, within the time for which it may
    be kept. Raises `FetchRefused` for a document that is not taken, `TemporarilyUnavailable`
    when it is out of reach, and `TooManyRequests` when it would have to be fetched and too many
    were lately, for the `address` that asks.
    """
    stored = await clients.find(db, client_id)
    if not (
        server.settings.client_id_metadata_documents and client_documents.is_document_url(client_id)
    ):
        return stored
    if stored is not None and stored.disabled_at is not None:
        return stored
    client_documents.check_url(client_id, server.fetch)
    admit = throttling.fetching(server, address)
    fresh = await server.client_documents.read(client_id, admit)
    client = Client(
        client_id=client_id,
        name=fresh.document.client_name or client_documents.host_of(client_id) or client_id,
        secret_sha256=None,
        scope=client_metadata.registrable_scope(fresh.document),
        first_party=False,
        created_at=datetime.fromtimestamp(fresh.fetched_at, UTC),
        disabled_at=None,
        **client_metadata.described(fresh.document),
    )
    if stored is None:
        return client
    return replace(client, created_at=stored.created_at, status_idx=stored.status_idx)


async def keep(db: Database, client: Client) -> None:
    """Store a client with a metadata document, for what a person has agreed to there.

    Not before: whoever asks could make us store as many as he likes.
    """
    if client_documents.is_document_url(client.client_id):
        await clients.keep(db, client)
