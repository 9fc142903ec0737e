"""Fixtures: clients for devices."""

from dataclasses import replace
from typing import Any

import pytest

from auth_service.device_authorization import GRANT_TYPE
from auth_service.store import clients


@pytest.fixture
async def app(app: Any) -> Any:
    """The issuer with a public and a confidential client for devices."""
    usual = await clients.find(app.server.db, "app")
    assert usual is not None
    for client_id, secret_sha256 in (("tv", None), ("box", usual.secret_sha256)):
        client = replace(
            usual,
            client_id=client_id,
            name=f"The {client_id}",
            secret_sha256=secret_sha256,
            grant_types=frozenset({GRANT_TYPE, "refresh_token"}),
            redirect_uris=(),
        )
        assert await clients.add(app.server.db, client)
    return app
