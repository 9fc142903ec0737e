"""RP-initiated log-out: who is logged out, who is asked, and who is sent where."""

from typing import Any

import httpx
import pytest

from tests.auth_service.browser_flow.person import HTML, Person

BYE = "https://app.example/bye"


async def tokens_for(app: Any, person: Person, scope: str = "openid") -> Any:
    return (await app.token("app", **person.exchange(await person.code(scope=scope)))).json()


async def is_logged_in(person: Person) -> bool:
    return "Log in ·" not in (await person.authorize()).text


def assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.parametrize("state", [None, "x y&z"])
async def test_with_an_id_token_of_this_session_it_is_done_at_once(
    app: Any, person: Person, state: str | None
) -> None:
    tokens = await tokens_for(app, person)
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE}
    if state is not None:
        query["state"] = state
    response = await person.get("/logout", query)
    assert response.status_code == 303
    assert response.headers["location"] == BYE + ("" if state is None else "?state=x%20y%26z")
    assert not await is_logged_in(person)


async def test_and_without_an_address_it_is_said(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person)
    response = await person.get("/logout", {"id_token_hint": tokens["id_token"], "state": "x"})
    assert (response.status_code, "You are logged out" in response.text) == (200, True)
    assert not await is_logged_in(person)


async def test_a_form_works_like_a_link(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person)
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE, "state": "x"}
    response = await person.follow(await person.http.post("/logout", data=form, headers=HTML))
    assert response.headers["location"] == f"{BYE}?state=x"
    assert not await is_logged_in(person)


async def test_an_expired_hint_will_do(app: Any, person: Person, clock: Any) -> None:
    tokens = await tokens_for(app, person)
    clock.seconds += 3600
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE}
    assert (await person.get("/logout", query)).headers["location"] == BYE


@pytest.mark.parametrize("also", [{}, {"client_id": "app", "post_logout_redirect_uri": BYE}])
async def test_without_a_hint_the_person_is_asked(person: Person, also: dict[str, str]) -> None:
    await person.code()
    page = await person.get("/logout", also)
    assert "Log out?" in page.text
    assert await is_logged_in(person)
    stay = await person.submit(page, decision="stay")
    assert "You are still logged in" in stay.text
    assert await is_logged_in(person)
    done = await person.submit(page, decision="log_out")
    if also:
        assert done.headers["location"] == BYE
    else:
        assert "You are logged out" in done.text
    assert not await is_logged_in(person)


async def test_a_hint_of_another_session_logs_nobody_out_unasked(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person)
    person.http.cookies.clear()
    await person.code()
    page = await person.get("/logout", {"id_token_hint": tokens["id_token"]})
    assert "Log out?" in page.text
    assert await is_logged_in(person)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"id_token_hint": "nonsense"}, id="no token"),
        pytest.param({"id_token_hint": "altered"}, id="altered"),
        pytest.param({"id_token_hint": "unsigned"}, id="unsigned"),
        pytest.param({"id_token_hint": "access"}, id="an access token"),
        pytest.param({"client_id": "two"}, id="another client"),
        pytest.param({"post_logout_redirect_uri": BYE + "/"}, id="another address"),
        pytest.param({"post_logout_redirect_uri": BYE + "?a=b"}, id="query added"),
        pytest.param({"id_token_hint": ""}, id="an address of nobody's"),
    ],
)
async def test_nobody_is_sent_away_or_logged_out_by_a_bad_request(
    app: Any, person: Person, change: dict[str, str]
) -> None:
    tokens = await tokens_for(app, person)
    hint = tokens["id_token"]
    stand_ins = {
        "altered": hint[:-8] + "AAAAAAAA",
        "unsigned": hint.rpartition(".")[0] + ".",
        "access": tokens["access_token"],
    }
    change = {name: stand_ins.get(value, value) for name, value in change.items()}
    query = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, **change}
    assert_refused(await person.get("/logout", query))
    assert_refused(await person.http.post("/logout", data=query, headers=HTML))
    assert await is_logged_in(person)


async def test_the_question_cannot_be_answered_from_elsewhere(person: Person) -> None:
    await person.code()
    form = {"decision": "log_out", "csrf_token": "0" * 64}
    assert_refused(await person.http.post("/logout/confirm", data=form, headers=HTML))
    assert await is_logged_in(person)


async def test_log_out_ends_what_the_session_gave_but_not_offline_access(
    app: Any, person: Person
) -> None:
    online = await tokens_for(app, person, "notes:read")
    offline = await tokens_for(app, person, "openid offline_access")
    bearer = {"authorization": f"Bearer {(await tokens_for(app, person))['access_token']}"}
    assert (await app.http.get("/userinfo", headers=bearer)).status_code == 200
    page = await person.get("/logout")
    await person.submit(page, decision="log_out")
    assert (await app.http.get("/userinfo", headers=bearer)).status_code == 401
    assert (await app.refresh(online["refresh_token"], "app")).status_code == 400
    assert (await app.refresh(offline["refresh_token"], "app")).status_code == 200
