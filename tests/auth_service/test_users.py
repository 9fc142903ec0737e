"""Registering, and changing one's password."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

PASSWORD = "correct horse battery staple"
NEW = "another horse battery"


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.json().keys() <= {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"


async def change(issuer: Any, username: str, old: str, new: str) -> httpx.Response:
    response: httpx.Response = await issuer.http.put(
        f"/users/{username}/password", json={"old_password": old, "new_password": new}
    )
    return response


async def log_in(issuer: Any, username: str, password: str) -> int:
    response = await issuer.token(
        "web", grant_type="password", username=username, password=password
    )
    status: int = response.status_code
    return status


async def test_a_registered_user_can_log_in_at_once(issuer: Any) -> None:
    response = await issuer.http.post("/users", json={"username": "bob", "password": PASSWORD})
    assert response.status_code == 201
    assert response.json().keys() == {"sub", "username"}
    assert response.headers["cache-control"] == "no-store"
    assert await log_in(issuer, "bob", PASSWORD) == 200


@pytest.mark.parametrize("username", ["alice", "ALICE", "Alice"])
async def test_a_name_that_is_taken_is_a_conflict(issuer: Any, username: str) -> None:
    response = await issuer.http.post("/users", json={"username": username, "password": PASSWORD})
    assert_refused(response, 409, "conflict")


async def test_of_fifty_who_want_one_name_one_gets_it(issuer: Any) -> None:
    responses = await asyncio.gather(
        *(
            issuer.http.post(
                "/users",
                json={"username": "bob" if n % 2 else "Bob", "password": f"password of {n}"},
            )
            for n in range(50)
        )
    )
    assert Counter(response.status_code for response in responses) == {201: 1, 409: 49}


async def test_registration_can_be_closed(start: Any) -> None:
    async with start(registration="closed") as closed:
        response = await closed.http.post("/users", json={"username": "bob", "password": PASSWORD})
        assert_refused(response, 403, "access_denied")


@pytest.mark.parametrize(
    "username", ["", ".", "..", ".bob", "a b", "a/b", "a\0b", "bøb", "a\n", "x" * 65, "-", None, 1]
)
async def test_a_name_that_will_not_do_is_an_invalid_request(issuer: Any, username: Any) -> None:
    response = await issuer.http.post("/users", json={"username": username, "password": PASSWORD})
    assert_refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    ("password", "status", "error"),
    [
        pytest.param("short", 400, "invalid_request", id="short"),
        pytest.param("x" * 1025, 400, "invalid_request", id="long"),
        pytest.param("x" * 60_000, 400, "invalid_request", id="very long"),
        pytest.param("with\0nul!", 400, "invalid_request", id="NUL"),
        pytest.param("🔑" * 257, 403, "access_denied", id="too many octets"),
        pytest.param("PassWord1", 403, "access_denied", id="common"),
        pytest.param("bob-bob-bob", 403, "access_denied", id="the name"),
    ],
)
async def test_a_password_that_will_not_do_is_refused_everywhere(
    issuer: Any, password: str, status: int, error: str
) -> None:
    body = {"username": "bob", "password": password}
    assert_refused(await issuer.http.post("/users", json=body), status, error)
    await issuer.http.post("/users", json={"username": "bob", "password": PASSWORD})
    assert_refused(await change(issuer, "bob", PASSWORD, password), status, error)
    assert await log_in(issuer, "bob", PASSWORD) == 200


async def test_a_password_is_changed_with_the_old_one(issuer: Any) -> None:
    response = await change(issuer, "alice", PASSWORD, NEW)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["cache-control"] == "no-store"
    assert await log_in(issuer, "alice", PASSWORD) == 400
    assert await log_in(issuer, "alice", NEW) == 200


async def test_a_wrong_old_password_and_an_unknown_user_look_the_same(issuer: Any) -> None:
    wrong = await change(issuer, "alice", "wrong", NEW)
    unknown = await change(issuer, "nobody", PASSWORD, NEW)
    assert_refused(wrong, 403, "access_denied")
    assert wrong.content == unknown.content
    assert await log_in(issuer, "alice", PASSWORD) == 200


async def test_of_twenty_changes_at_once_one_is_made(issuer: Any) -> None:
    responses = await asyncio.gather(
        *(change(issuer, "alice", PASSWORD, f"password number {n}") for n in range(20))
    )
    assert Counter(response.status_code for response in responses) == {204: 1, 403: 19}
    [winner] = [n for n, response in enumerate(responses) if response.status_code == 204]
    assert await log_in(issuer, "alice", f"password number {winner}") == 200


BODY = b'{"username":"bob","password":"correct horse battery staple"}'
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        pytest.param(BODY, {}, 415, "unsupported_media_type", id="no media type"),
        pytest.param(
            BODY, {"content-type": "text/plain"}, 415, "unsupported_media_type", id="text"
        ),
        pytest.param(b"", JSON, 400, "invalid_request", id="empty"),
        pytest.param(b"{", JSON, 400, "invalid_request", id="cut"),
        pytest.param(b"[]", JSON, 400, "invalid_request", id="array"),
        pytest.param(b"null", JSON, 400, "invalid_request", id="null"),
        pytest.param(b"[" * 60_000, JSON, 400, "invalid_request", id="deep"),
        pytest.param(
            b'{"a":' * 9000 + b"1" + b"}" * 9000, JSON, 400, "invalid_request", id="deep objects"
        ),
        pytest.param(b"\xff", JSON, 400, "invalid_request", id="bad UTF-8"),
        pytest.param(
            BODY[:-1] + b',"admin":true}', JSON, 400, "invalid_request", id="unknown member"
        ),
        pytest.param(
            BODY[:-1] + b',"username":"eve"}', JSON, 400, "invalid_request", id="repeated member"
        ),
        pytest.param(
            BODY.replace(b"staple", b"\\ud800"), JSON, 400, "invalid_request", id="surrogate"
        ),
        pytest.param(
            BODY.decode().encode("utf-16"), JSON, 400, "invalid_request", id="JSON in UTF-16"
        ),
        pytest.param(b'{"username":"bob"}', JSON, 400, "invalid_request", id="member missing"),
        pytest.param(b" " * 70_000, JSON, 413, "content_too_large", id="too large"),
    ],
)
async def test_a_bad_body_is_refused_in_the_house_shape(
    issuer: Any, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    response = await issuer.http.post("/users", content=body, headers=headers)
    assert_refused(response, status, error)
    assert "correct horse" not in response.text


async def test_what_was_sent_comes_back_in_no_refusal(issuer: Any) -> None:
    body = BODY[:-1] + b',"hunter2\\" \\\\":1}'
    response = await issuer.http.post("/users", content=body, headers=JSON)
    assert_refused(response, 400, "invalid_request")
    assert response.json()["error_description"] == "invalid or missing: body"


async def test_two_media_types_are_refused(issuer: Any) -> None:
    headers = [("content-type", "application/json"), ("content-type", "text/plain")]
    response = await issuer.http.post("/users", content=BODY, headers=headers)
    assert_refused(response, 400, "invalid_request")


async def test_a_query_parameter_is_refused(issuer: Any) -> None:
    response = await issuer.http.post("/users?admin=1", content=BODY, headers=JSON)
    assert_refused(response, 400, "invalid_request")
