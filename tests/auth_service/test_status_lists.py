"""The status lists as verifiers get them: signed, true at every moment, cheap to poll."""

import json
from typing import Any

import httpx
import pytest

from auth_service import accounts
from auth_service.settings import STATUS_LIST_LIFETIME
from auth_service.status_lists import reference, status_idx
from shared import jws
from shared.jws import VerificationKey
from shared.status_list import Reference, unpack
from tests.auth_service.status import LIST, claims, is_revoked, place, revoked

HALF = STATUS_LIST_LIFETIME // 2


async def log_out_everywhere(issuer: Any) -> None:
    """End every log-in of alice, as a new password does."""
    await accounts.disable(issuer.server, "alice")


async def test_a_list_is_a_signed_jwt_of_a_million_entries(issuer: Any, clock: Any) -> None:
    response = await issuer.http.get(LIST)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/statuslist+jwt"
    assert response.headers["cache-control"] == "public, max-age=5"
    message, _, signature = response.text.encode().rpartition(b".")
    header = json.loads(jws.decode(message.split(b".")[0]))
    [jwk] = [
        key
        for key in (await issuer.http.get("/.well-known/jwks.json")).json()["keys"]
        if key["kid"] == header["kid"]
    ]
    assert header == {"alg": "RS256", "typ": "statuslist+jwt", "kid": jwk["kid"]}
    assert VerificationKey.from_jwk(jwk).verify(message, jws.decode(signature))
    payload = claims(response.text)
    assert unpack(payload.pop("status_list")["lst"]) == bytes(2**17)
    assert payload == {
        "iss": "http://127.0.0.1:8000",
        "sub": "http://127.0.0.1:8000/status-lists/0",
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + STATUS_LIST_LIFETIME,
        "ttl": 5,
    }


async def test_every_token_points_to_its_entry_and_all_of_one_log_in_to_the_same(
    issuer: Any,
) -> None:
    log_in = await issuer.log_in()
    refreshed = (await issuer.refresh(log_in["refresh_token"])).json()
    another = await issuer.log_in()
    own = [(await issuer.token(grant_type="client_credentials")).json() for _ in range(2)]
    places = [place(body["access_token"]) for body in (log_in, refreshed, another, *own)]
    assert places[0] == places[1]
    assert places[3] == places[4]
    assert len(set(places)) == 3


async def test_a_poll_that_finds_nothing_new_is_304(issuer: Any) -> None:
    first = await issuer.http.get(LIST)
    again = await issuer.http.get(LIST, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "public, max-age=5"


async def test_a_list_that_changed_is_sent_in_full(issuer: Any) -> None:
    log_in = await issuer.log_in()
    before = await issuer.http.get(LIST)
    await log_out_everywhere(issuer)
    after = await issuer.http.get(LIST, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert await is_revoked(issuer, log_in["access_token"])


async def test_an_unchanged_list_is_signed_once_and_again_when_half_its_life_is_over(
    issuer: Any, clock: Any
) -> None:
    clock.seconds -= clock.seconds % HALF
    await issuer.server.keys.reload(issuer.server.db)
    first = await issuer.http.get(LIST)
    clock.seconds += HALF - 1
    assert (await issuer.http.get(LIST)).text == first.text
    clock.seconds += 1
    await issuer.server.keys.reload(issuer.server.db)
    second = await issuer.http.get(LIST, headers={"if-none-match": first.headers["etag"]})
    assert second.status_code == 200
    assert claims(second.text)["exp"] == claims(first.text)["exp"] + HALF
    # Whoever was told that nothing changed had at least this long to go on with what he had.
    assert claims(first.text)["exp"] - clock.seconds == HALF


async def test_all_issuers_on_one_database_give_a_list_the_same_tag_and_the_same_bits(
    issuer: Any, start: Any, clock: Any
) -> None:
    log_in = await issuer.log_in()
    async with start() as other:
        first = await issuer.http.get(LIST)
        clock.seconds += 1
        there = await other.http.get(LIST, headers={"if-none-match": first.headers["etag"]})
        assert there.status_code == 304
        await log_out_everywhere(issuer)
        assert await is_revoked(other, log_in["access_token"])
        tags = {(await each.http.get(LIST)).headers["etag"] for each in (issuer, other)}
        assert len(tags) == 1


async def test_a_list_is_signed_anew_when_another_key_signs(issuer: Any) -> None:
    server = issuer.server
    before = await issuer.http.get(LIST)
    active = server.keys.active_kid
    await server.rotation.rotate_in_emergency(server.db, active, fresh=False, revoke=True)
    await server.keys.reload(server.db)
    after = await issuer.http.get(LIST, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert server.keys.active_kid != active
    assert json.loads(jws.decode(after.text.split(".")[0].encode()))["kid"] != active


async def test_when_a_list_is_full_the_next_one_begins(issuer: Any, auth_owner: Any) -> None:
    await auth_owner.execute("ALTER SEQUENCE status_indexes RESTART WITH 1048575")
    missing = await issuer.http.get("/status-lists/1")
    last, first = [
        claims((await issuer.log_in())["access_token"])["status"]["status_list"] for _ in range(2)
    ]
    assert missing.status_code == 404
    assert last == {"idx": 2**20 - 1, "uri": "http://127.0.0.1:8000/status-lists/0"}
    assert first == {"idx": 0, "uri": "http://127.0.0.1:8000/status-lists/1"}
    await log_out_everywhere(issuer)
    assert await revoked(issuer) == {2**20 - 1}
    second = await issuer.http.get("/status-lists/1")
    assert claims(second.text)["sub"] == "http://127.0.0.1:8000/status-lists/1"
    assert unpack(claims(second.text)["status_list"]["lst"])[0] == 1
    assert (await issuer.http.get("/status-lists")).json() == {
        "status_lists": [f"http://127.0.0.1:8000/status-lists/{number}" for number in (0, 1)]
    }


async def test_the_aggregation_names_the_only_list_and_at_most_the_newest_64(
    issuer: Any, auth_owner: Any
) -> None:
    response = await issuer.http.get("/status-lists")
    assert response.json() == {"status_lists": ["http://127.0.0.1:8000/status-lists/0"]}
    assert response.headers["cache-control"] == "public, max-age=5"
    await auth_owner.execute("SELECT setval('status_indexes', 100 * 1048576)")
    named = (await issuer.http.get("/status-lists")).json()["status_lists"]
    assert [uri.rpartition("/")[2] for uri in named] == [str(n) for n in range(37, 101)]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        pytest.param("/status-lists/1", 404, "not_found", id="not there yet"),
        pytest.param("/status-lists/-1", 400, "invalid_request", id="negative"),
        pytest.param("/status-lists/2147483648", 400, "invalid_request", id="huge"),
        pytest.param("/status-lists/" + "9" * 5000, 400, "invalid_request", id="endless"),
        pytest.param("/status-lists/x", 400, "invalid_request", id="no number"),
        pytest.param("/status-lists/0?time=1", 400, "invalid_request", id="of the past"),
        pytest.param("/status-lists?time=1", 400, "invalid_request", id="those of the past"),
    ],
)
async def test_what_is_no_list_is_refused(issuer: Any, path: str, status: int, error: str) -> None:
    response: httpx.Response = await issuer.http.get(path)
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/status-lists", LIST])
async def test_pages_of_any_origin_may_read_lists(issuer: Any, path: str) -> None:
    response = await issuer.http.get(path, headers={"origin": "https://anywhere.example"})
    assert response.headers["access-control-allow-origin"] == "*"


async def test_with_the_database_out_of_reach_there_is_no_list_rather_than_an_old_one(
    issuer: Any, auth_owner: Any
) -> None:
    known = await issuer.http.get(LIST)
    await auth_owner.execute("ALTER TABLE revoked_statuses RENAME TO gone")
    for headers in ({}, {"if-none-match": known.headers["etag"]}):
        response = await issuer.http.get(LIST, headers=headers)
        assert response.status_code == 503
        assert response.json()["error"] == "temporarily_unavailable"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["retry-after"]


async def test_a_bit_is_forgotten_when_no_token_needs_it_and_not_a_second_earlier(
    issuer: Any, clock: Any
) -> None:
    """330 s are for clocks that differ and for requests that were under way."""
    token = (await issuer.log_in())["access_token"]
    await log_out_everywhere(issuer)
    needed = STATUS_LIST_LIFETIME + 330  # the longest-lived thing under the key
    assert claims(token)["exp"] - clock.seconds < needed
    clock.seconds += needed - 1
    await issuer.server.status_lists.forget(issuer.server.db)
    assert await issuer.server.db.fetchval("SELECT count(*) FROM revoked_statuses") == 1
    clock.seconds += 1
    await issuer.server.status_lists.forget(issuer.server.db)
    assert await issuer.server.db.fetchval("SELECT count(*) FROM revoked_statuses") == 0


async def test_a_bit_stays_as_long_as_tokens_of_another_process_may_live(
    issuer: Any, start: Any, clock: Any
) -> None:
    async with start(access_token_lifetime=3600) as other:
        token = (await other.log_in())["access_token"]
        await log_out_everywhere(issuer)
        clock.seconds += 3600 + 29  # a verifier with 30 s of leeway still takes it
        await other.server.keys.reload(other.server.db)
        await issuer.server.status_lists.forget(issuer.server.db)
        assert await is_revoked(other, token)


@pytest.mark.parametrize("idx", [0, 1, 2**20 - 1, 2**20, 5 * 2**20 + 7])
def test_a_reference_leads_back_to_its_index(idx: int) -> None:
    issuer = "https://issuer.example"
    assert status_idx(issuer, reference(issuer, idx)) == idx


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/status-lists/0",
        "https://issuer.example/status-lists/x",
        "https://issuer.example/status-lists/",
        "https://issuer.example/status-lists/-1",
        "https://issuer.example/status-lists/0/0",
        "https://issuer.example/other/0",
    ],
)
def test_a_reference_to_another_place_is_none_of_ours(uri: str) -> None:
    assert status_idx("https://issuer.example", Reference(0, uri)) is None


def test_a_reference_beyond_a_list_is_none_of_ours() -> None:
    uri = "https://issuer.example/status-lists/0"
    assert status_idx("https://issuer.example", Reference(2**20, uri)) is None
