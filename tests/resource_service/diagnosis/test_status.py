"""The status of a token in an explanation: not set, set, nowhere, out of reach, not looked at."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from resource_service.diagnosis.explanation import Explanation, explain
from resource_service.diagnosis.findings import Finding, Outcome
from resource_service.diagnosis.status import observed_status_lists
from resource_service.status_list_file import StatusListFile
from shared.access_token import Refusal
from shared.jws import SigningKey
from shared.key_set import KeySet
from tests.resource_service.issuer import AUDIENCE, Sign
from tests.resource_service.status_lists import SIZE, ListServer


@pytest.fixture
async def server(signing_key: SigningKey) -> AsyncIterator[ListServer]:
    server = ListServer(signing_key)
    await server.start()
    server.publish(3)
    yield server
    await server.stop()


def token(sign: Sign, server: ListServer, idx: int, **claims: Any) -> str:
    status = {"status_list": {"idx": idx, "uri": server.uri}}
    return sign(iss=server.issuer, status=status, **claims)


async def explained(token: str, server: ListServer, file: Path | None = None) -> Explanation:
    keys = KeySet(server.key.verification_key())
    async with observed_status_lists(server.issuer, keys, file=file) as statuses:
        return await explain(
            token, keys, server.issuer, AUDIENCE, now=time.time(), statuses=statuses
        )


def last(explanation: Explanation) -> Finding:
    found = explanation.findings[-1]
    assert found.check == "status"
    return found


async def test_a_token_that_is_not_revoked(server: ListServer, sign: Sign) -> None:
    explanation = await explained(token(sign, server, 4), server)
    assert explanation.verdict.answer == "valid"
    assert last(explanation).outcome is Outcome.PASSED
    assert last(explanation).saw == f'entry 4 of "{server.uri}": not set'


async def test_a_token_that_is_revoked(server: ListServer, sign: Sign) -> None:
    explanation = await explained(token(sign, server, 3), server)
    assert explanation.failure == last(explanation)
    assert last(explanation).saw.endswith(": set")
    assert last(explanation).refusal == explanation.verdict.description == Refusal.REVOKED
    assert last(explanation).advice


async def test_an_entry_that_there_is_not(server: ListServer, sign: Sign) -> None:
    explanation = await explained(token(sign, server, SIZE), server)
    assert last(explanation).refusal == explanation.verdict.description == Refusal.NO_STATUS


async def test_a_list_that_is_out_of_reach_is_the_tokens_fault_in_no_way(
    server: ListServer, sign: Sign
) -> None:
    await server.stop()
    explanation = await explained(token(sign, server, 4), server)
    assert explanation.failure == last(explanation)
    assert (explanation.verdict.answer, explanation.verdict.status_code) == ("cannot know", 503)


async def test_the_file_of_a_replica_stands_in_for_the_issuer_and_is_left_as_it_is(
    server: ListServer, sign: Sign, tmp_path: Path
) -> None:
    file = tmp_path / "lists"
    StatusListFile(file, server.issuer).save([(server.uri, server.token, 10.0)])
    before = file.read_bytes()
    await server.stop()
    assert last(await explained(token(sign, server, 3), server, file)).refusal == Refusal.REVOKED
    assert file.read_bytes() == before


async def test_without_a_status_claim_nothing_is_fetched(server: ListServer, sign: Sign) -> None:
    explanation = await explained(sign(iss=server.issuer), server)
    assert last(explanation).saw == "none: it cannot be revoked before exp"
    assert server.connections == 0


async def test_a_token_that_is_refused_already_fetches_no_list(
    server: ListServer, sign: Sign
) -> None:
    explanation = await explained(token(sign, server, 3, exp=1), server)
    assert last(explanation).outcome is Outcome.NOT_REACHED
    assert last(explanation).saw == f'entry 3 of "{server.uri}"'
    assert server.connections == 0


async def test_a_service_that_follows_no_lists_says_so(server: ListServer, sign: Sign) -> None:
    keys = KeySet(server.key.verification_key())
    explanation = await explain(
        token(sign, server, 3), keys, server.issuer, AUDIENCE, now=time.time()
    )
    assert explanation.verdict.answer == "valid"
    assert last(explanation).saw.endswith(": not looked at")
