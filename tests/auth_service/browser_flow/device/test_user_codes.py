"""Codes that people type, and others guess (RFC 8628 §5.1, §6.1)."""

import asyncio
import re
from collections import Counter
from typing import Any

import pytest

from auth_service import user_codes
from tests.auth_service.browser_flow.device.device import (
    FREE,
    UNKNOWN,
    begin,
    error,
    log_in,
)
from tests.auth_service.browser_flow.person import HTML, Person


async def test_no_code_can_be_read_in_the_database(app: Any) -> None:
    codes = await begin(app)
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", codes["user_code"])
    assert len(codes["device_code"]) == 43
    (row,) = await app.server.db.fetch("SELECT * FROM device_codes")
    # Nor guessed from it: eight letters are soon tried through, unless a key is needed too.
    plain = [codes["user_code"], codes["user_code"].replace("-", ""), codes["device_code"]]
    assert not any(code in str(dict(row)) for code in plain)
    assert row["user_code_mac"] == user_codes.mac(app.server, codes["user_code"])
    assert len({user_codes.new() for _ in range(1000)}) == 1000


async def test_a_user_code_that_is_taken_is_not_given_again(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter(["BCDF-GHJK", "BCDF-GHJK", "LMNP-QRST"])
    monkeypatch.setattr(user_codes, "new", lambda: next(made))
    assert [(await begin(app))["user_code"] for _ in range(2)] == ["BCDF-GHJK", "LMNP-QRST"]


@pytest.mark.parametrize(
    "typed", ["bcdf-ghjk", "BCDFGHJK", " bcdf ghjk ", "BCDF\u2013GHJK", "b.c.d.f.g.h.j.k"]
)
async def test_a_code_may_be_typed_in_many_ways(
    app: Any, person: Person, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_codes, "new", lambda: "BCDF-GHJK")
    await begin(app)
    page = await person.submit(await log_in(person), user_code=typed)
    assert "Let this device in?" in page.text


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDF-GHJA", "BCDFGHJKL", "x" * 1000, "가나다라"])
async def test_what_cannot_be_a_code_is_not_looked_up(app: Any, person: Person, typed: str) -> None:
    page = await log_in(person)
    for _ in range(FREE + 1):
        response = await person.submit(page, user_code=typed)
        assert response.status_code == 400
        assert "eight letters" in response.text
    assert (
        "Let this device in?"
        in (await person.submit(page, user_code=(await begin(app))["user_code"])).text
    )


async def test_nobody_guesses_on_and_on(person: Person, clock: Any) -> None:
    page = await log_in(person)
    guesses = 0
    for _ in range(600):  # every second of a code's life
        guesses += (await person.submit(page, user_code=UNKNOWN)).status_code == 400
        clock.seconds += 1
    assert FREE < guesses <= 20


async def test_who_has_guessed_too_often_has_to_wait_with_the_right_code_too(
    app: Any, person: Person, clock: Any
) -> None:
    codes = await begin(app)
    page = await log_in(person)
    _, hidden = person.form(page)
    for _ in range(FREE):
        response = await person.submit(page, user_code=UNKNOWN)
        assert response.status_code == 400
        assert "No device is waiting with this code" in response.text
    right = {**hidden, "user_code": codes["user_code"], "decision": "allow"}
    for path in ("/device", "/device/decision"):
        response = await person.http.post(path, data=right, headers=HTML)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert "too many attempts" in response.text
    assert await error(app, codes) == "authorization_pending"
    clock.seconds += 1
    page = await person.submit(page, user_code=codes["user_code"])
    assert "Let this device in?" in page.text


async def test_nobody_makes_room_for_guesses_by_codes_of_his_own(app: Any, person: Person) -> None:
    codes = await begin(app)
    page = await log_in(person)
    for _ in range(FREE):
        await person.submit(page, user_code=codes["user_code"])
        await person.submit(page, user_code=UNKNOWN)
    assert (await person.submit(page, user_code=UNKNOWN)).status_code == 429


async def test_guesses_at_the_same_time_are_counted_too(app: Any, person: Person) -> None:
    page = await log_in(person)
    action, hidden = person.form(page)

    async def guess() -> int:
        form = {**hidden, "user_code": UNKNOWN}
        return (await person.http.post(action, data=form, headers=HTML)).status_code

    answers = Counter(await asyncio.gather(*(guess() for _ in range(50))))
    assert answers == {400: FREE, 429: 50 - FREE}
    refused = await app.server.db.fetchval(
        "SELECT count(*) FROM audit_log WHERE event = 'user code refused'"
    )
    assert refused == FREE
