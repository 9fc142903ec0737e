"""`tokens explain` on the command line: exit codes, one-line errors, JSON, and no signature."""

import json

import pytest

from tests.resource_service.commands.conftest import Run
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer, Sign


@pytest.fixture
def settings(jwks: JwksServer) -> dict[str, str]:
    return {"RESOURCE_ISSUER": ISSUER, "RESOURCE_AUDIENCE": AUDIENCE, "RESOURCE_JWKS_URI": jwks.url}


async def test_a_valid_token_on_standard_input(
    run: Run, settings: dict[str, str], sign: Sign
) -> None:
    token = sign()
    done = await run("tokens", "explain", given=f" {token}\n", **settings)
    assert (done.code, done.errors) == (0, "")
    assert done.output.endswith("\n\nvalid\n")
    assert "✗" not in done.output
    assert token.rpartition(".")[2][:20] not in done.output
    assert "\x1b" not in done.output  # no colours in a pipe


async def test_a_token_as_an_argument(run: Run, settings: dict[str, str], sign: Sign) -> None:
    assert (await run("tokens", "explain", sign(), **settings)).code == 0
    assert (await run("tokens", "explain", "-", given=sign(), **settings)).code == 0


async def test_a_refused_token(run: Run, settings: dict[str, str], sign: Sign) -> None:
    done = await run("tokens", "explain", given=sign(exp=1), **settings)
    assert (done.code, done.errors) == (1, "")
    lines = done.output.splitlines()
    assert [line[:5] for line in lines if line.startswith("✗")] == ["✗ exp"]
    assert lines[-2] == "refused: 401 invalid_token: the token has expired"
    assert lines[-1] == "Get a new token: refresh, or log in again."


async def test_what_nobody_can_know(
    run: Run, settings: dict[str, str], sign: Sign, jwks: JwksServer
) -> None:
    await jwks.stop()
    done = await run("tokens", "explain", given=sign(), **settings)
    assert done.code == 2
    assert done.errors.count("\n") == 1
    assert done.errors.startswith(
        "resource_service: cannot know: the issuer's keys are out of reach; fetching"
    )
    assert "cannot know: 503 temporarily_unavailable" in done.output


@pytest.mark.parametrize(("aud", "code"), [(AUDIENCE, 0), ("https://other.example", 1)])
async def test_json_for_programs(
    run: Run, settings: dict[str, str], sign: Sign, aud: str, code: int
) -> None:
    done = await run("tokens", "explain", "--json", given=sign(aud=aud), **settings)
    assert done.code == code
    document = json.loads(done.output)
    assert document.keys() == {
        *("verdict", "checks", "issuer", "audience", "leeway", "clock", "key_set", "status_lists")
    }
    assert document["verdict"]["answer"] == ("refused" if code else "valid")
    assert len(document["key_set"]["kids"]) == 1
    failed = [check for check in document["checks"] if check["outcome"] == "failed"]
    assert [(check["check"], check["refusal"], check["section"]) for check in failed] == (
        [("aud names us", "the token is for another audience", "RFC 9068 §4")] if code else []
    )


async def test_a_terminal_without_the_signs_gets_question_marks(
    run: Run, settings: dict[str, str], sign: Sign
) -> None:
    done = await run("tokens", "explain", given=sign(), PYTHONIOENCODING="ascii", **settings)
    assert (done.code, done.errors) == (0, "")
    assert "\n? length  " in done.output


async def test_options_take_the_place_of_settings(
    run: Run, jwks: JwksServer, sign: Sign, settings: dict[str, str]
) -> None:
    other = "https://other.example"
    options = ["--issuer", other, "--audience", other, "--jwks-uri", jwks.url]
    token = sign(iss=other, aud=other)
    assert (await run("tokens", "explain", *options, given=token, **settings)).code == 0
    done = await run("tokens", "explain", "--issuer", "http://127.0.0.1:1", given=token, **settings)
    assert done.code == 2  # the keys are the other issuer's, and that one is not there


@pytest.mark.parametrize(
    ("arguments", "given", "error"),
    [
        (["tokens", "explain"], "", "there is no token on standard input"),
        (["tokens", "explain", "--issuer", "x"], "a.b.c", "RESOURCE_ISSUER: "),
        (["tokens", "explain", "--jwks-uri", "http://keys.example"], "a.b.c", "RESOURCE_JWKS_URI"),
    ],
)
async def test_what_cannot_be_done_is_said_on_one_line(
    run: Run, arguments: list[str], given: str, error: str
) -> None:
    done = await run(*arguments, given=given)
    assert (done.code, done.output) == (2, "")
    assert done.errors.startswith(f"resource_service: {error}")
    assert done.errors.count("\n") == 1


@pytest.mark.parametrize("token", ["\x1b[2J", "a" * 100_000, "é.é.é"])
async def test_rubbish_is_refused(run: Run, settings: dict[str, str], token: str) -> None:
    done = await run("tokens", "explain", given=token, **settings)
    assert (done.code, done.errors) == (1, "")
    assert "\x1b" not in done.output
    assert "refused: 401 invalid_token: the token is " in done.output
