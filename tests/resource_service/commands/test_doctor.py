"""`doctor` on the command line: exit codes, JSON, and where it takes secrets from."""

import json
from collections.abc import AsyncIterator

import pytest

from shared.jws import SigningKey
from tests.resource_service.commands.conftest import Run
from tests.resource_service.doctor.pair import CLIENT_ID, CLIENT_SECRET, Pair


@pytest.fixture
async def pair(signing_key: SigningKey) -> AsyncIterator[Pair]:
    pair = Pair(signing_key)
    await pair.start()
    yield pair
    await pair.stop()


@pytest.fixture
def credentials(pair: Pair) -> dict[str, str]:
    return {
        "DOCTOR_ISSUER": pair.issuer,
        "DOCTOR_CLIENT_ID": CLIENT_ID,
        "DOCTOR_CLIENT_SECRET": CLIENT_SECRET,
    }


async def test_nothing_wrong(run: Run, pair: Pair, credentials: dict[str, str]) -> None:
    done = await run("doctor", pair.resource, **credentials)
    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith(f"resource  {pair.resource}\n\n✓ API or issuer")
    assert done.output.splitlines()[-1].startswith("Nothing is wrong: ")
    assert CLIENT_SECRET not in done.output


async def test_what_could_not_be_seen_is_not_passed_over(run: Run, pair: Pair) -> None:
    done = await run("doctor", pair.resource)
    assert done.code == 0
    assert done.output.splitlines()[-1].endswith("; 2 could not be made, see above.")


async def test_the_first_thing_wrong_and_what_to_do(run: Run, pair: Pair) -> None:
    pair.keys[0]["d"] = "AQAB"
    done = await run("doctor", pair.resource)
    assert (done.code, done.errors) == (1, "")
    *_, wrong, advice = done.output.splitlines()
    assert wrong.startswith("First wrong: public keys only (RFC 7517 §9.2): private or symmetric: ")
    assert advice.startswith("Everybody can sign tokens now.")


async def test_a_token_on_standard_input(run: Run, pair: Pair) -> None:
    token = pair.sign(aud="https://other.example")
    done = await run("doctor", pair.resource, "--token", "-", given=token)
    assert done.code == 1
    assert "First wrong: token verified (RFC 9068 §4): aud names us: " in done.output
    assert token.rpartition(".")[2][:20] not in done.output


async def test_an_issuer_with_an_audience(
    run: Run, pair: Pair, credentials: dict[str, str]
) -> None:
    del credentials["DOCTOR_ISSUER"]
    done = await run("doctor", pair.issuer, "--audience", pair.resource, **credentials)
    assert (done.code, done.errors) == (0, "")
    assert "✓ token verified" in done.output


async def test_json_for_programs(run: Run, pair: Pair) -> None:
    pair.server_metadata["issuer"] += "/"
    done = await run("doctor", pair.resource, "--json")
    assert (done.code, done.errors) == (1, "")
    document = json.loads(done.output)
    assert (document["url"], document["kind"]) == (pair.resource, "resource")
    assert document["wrong"] in document["checks"]
    assert document["wrong"]["section"] == "RFC 8414 §3.3"
    assert {check["outcome"] for check in document["checks"]} == {"passed", "failed", "not reached"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["http://issuer.example"], '"http://issuer.example" is not https'),
        (["nonsense"], '"nonsense" is no http or https URL'),
        (["https://issuer.example", "--token", "eyJ"], "a token is read from standard input only"),
    ],
)
async def test_what_it_will_not_do_is_said_on_one_line(
    run: Run, arguments: list[str], error: str
) -> None:
    done = await run("doctor", *arguments)
    assert (done.code, done.output) == (2, "")
    assert done.errors.startswith(f"resource_service: {error}")
    assert done.errors.count("\n") == 1
