"""Fixtures: an API with its issuer, and somebody who examines them."""

from collections.abc import AsyncIterator

import pytest

from resource_service.doctor.client import open_client
from resource_service.doctor.examination import Options, Report, examine
from resource_service.doctor.token import Credentials
from shared.jws import SigningKey
from tests.resource_service.doctor.changes import Examine
from tests.resource_service.doctor.pair import CLIENT_ID, CLIENT_SECRET, Pair


@pytest.fixture
async def pair(signing_key: SigningKey) -> AsyncIterator[Pair]:
    pair = Pair(signing_key)
    await pair.start()
    yield pair
    await pair.stop()


@pytest.fixture
def examined(pair: Pair) -> Examine:
    """Examine the API, or another URL; with the client's credentials unless told otherwise."""

    async def run(url: str = "", options: Options | None = None) -> Report:
        ours = Credentials(pair.issuer, CLIENT_ID, CLIENT_SECRET)
        async with open_client(url or pair.resource) as client:
            return await examine(client, url or pair.resource, options or Options(credentials=ours))

    return run
