"""Whose request it is, for counting."""

import pytest
from fastapi import Request

from auth_service.endpoints.address import address_of


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="IPv4"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="one household"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", id="mapped"),
        pytest.param("unknown", "unknown", id="what a proxy may say"),
        pytest.param(None, "", id="no address"),
    ],
)
def test_the_address_that_counts(host: str | None, counted: str) -> None:
    client = None if host is None else (host, 1)
    assert address_of(Request({"type": "http", "client": client, "headers": []})) == counted
