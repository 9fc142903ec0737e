"""When a person is asked to log in, to choose, or to agree (OIDC Core §3.1.2.1, §3.1.2.4)."""

import json
from typing import Any

import httpx
import pytest

from auth_service import accounts
from tests.auth_service.browser_flow.person import Person, answer, claims_of


def asks(response: httpx.Response) -> str:
    """Return what the page asks for; empty if the person is on the way back to the client."""
    if response.status_code == 303:
        return ""
    title = response.text.partition("<title>")[2].partition(" ·")[0]
    return title


async def id_token(app: Any, person: Person, response: httpx.Response) -> dict[str, Any]:
    exchange = person.exchange(answer(response)["code"])
    return claims_of((await app.token("app", **exchange)).json()["id_token"])


async def test_prompt_login_means_a_new_log_in_and_a_later_auth_time(
    app: Any, person: Person, clock: Any
) -> None:
    await person.code()
    first = await id_token(app, person, await person.authorize())
    clock.seconds += 10
    page = await person.authorize(prompt="login")
    assert asks(page) == "Log in"
    second = await id_token(app, person, await person.log_in(page))
    assert second["auth_time"] == first["auth_time"] + 10
    assert second["sid"] == first["sid"]


@pytest.mark.parametrize(("max_age", "asked"), [("9", True), ("10", False), ("0", True)])
async def test_max_age_is_in_seconds(
    app: Any, person: Person, clock: Any, max_age: str, asked: bool
) -> None:
    await person.code()
    clock.seconds += 10
    response = await person.authorize(max_age=max_age)
    assert (asks(response) == "Log in") is asked
    if asked:
        response = await person.log_in(response)
    assert (await id_token(app, person, response))["auth_time"] == clock.seconds - (not asked) * 10


async def test_prompt_none_is_silent_or_says_why_not(person: Person, clock: Any) -> None:
    assert answer(await person.authorize(prompt="none"))["error"] == "login_required"
    await person.code()
    assert "code" in answer(await person.authorize(prompt="none"))
    more = await person.authorize(prompt="none", scope="openid email")
    assert answer(more)["error"] == "consent_required"
    clock.seconds += 10
    old = await person.authorize(prompt="none", max_age="5")
    assert answer(old)["error"] == "login_required"


async def test_prompt_consent_asks_again(person: Person) -> None:
    await person.code()
    page = await person.authorize(prompt="consent")
    assert asks(page) == "Allow access?"
    assert "code" in answer(await person.allow(page))


async def test_select_account_lets_the_person_stay(person: Person, clock: Any) -> None:
    await person.code()
    clock.seconds += 10
    page = await person.authorize(prompt="select_account")
    assert asks(page) == "Choose an account"
    assert "Continue as alice" in page.text
    assert "code" in answer(await person.submit(page))


async def test_select_account_lets_the_person_be_another(
    app: Any, person: Person, clock: Any
) -> None:
    await accounts.register(app.server, "bob", "another long password")
    await person.code()
    clock.seconds += 10
    page = await person.authorize(prompt="select_account")
    link = page.text.partition('<p class="aside"><a href="')[2].partition('"')[0]
    page = await person.log_in(await person.get(link), "bob", "another long password")
    assert asks(page) == "Allow access?"
    assert "bob" in page.text


async def test_new_scopes_are_asked_for_and_old_ones_remembered(person: Person) -> None:
    await person.code(scope="openid email")
    assert asks(await person.authorize(scope="openid")) == ""
    page = await person.authorize(scope="openid profile")
    assert asks(page) == "Allow access?"
    await person.allow(page)
    assert asks(await person.authorize(scope="openid email profile")) == ""


async def test_claims_by_name_are_asked_for_like_their_scope(person: Person) -> None:
    await person.code()
    page = await person.authorize(claims='{"userinfo": {"email": null}}')
    assert asks(page) == "Allow access?"
    assert "see your e-mail address" in page.text


async def test_consent_is_each_clients_own(person: Person) -> None:
    await person.code()
    assert asks(await person.authorize("two")) == "Allow access?"


async def test_a_native_public_client_is_asked_about_every_time(person: Person) -> None:
    native = {"redirect_uri": "http://127.0.0.1:5000/cb"}
    await person.code("native", **native)
    page = await person.authorize("native", **native)
    assert asks(page) == "Allow access?"
    assert "This is an app on your own device" in page.text
    silent = await person.authorize("native", prompt="none", **native)
    assert answer(silent)["error"] == "consent_required"


async def test_no_is_told_to_the_client(person: Person) -> None:
    page = await person.log_in(await person.authorize())
    back = answer(await person.submit(page, decision="deny"))
    assert (back["error"], back["state"]) == ("access_denied", "st4te")
    assert back["iss"] == "http://127.0.0.1:8000"
    assert asks(await person.authorize()) == "Allow access?"


async def test_a_consent_form_sent_twice_is_refused_the_second_time(
    app: Any, person: Person
) -> None:
    page = await person.log_in(await person.authorize())
    assert "code" in answer(await person.allow(page))
    again = await person.allow(page)
    assert again.status_code == 400
    assert "used already" in again.text
    assert await app.server.db.fetchval("SELECT count(*) FROM authorization_codes") == 1


async def test_the_hint_says_who_is_meant(app: Any, person: Person, clock: Any) -> None:
    await accounts.register(app.server, "bob", "another long password")
    tokens = (await app.token("app", **person.exchange(await person.code()))).json()
    hint = tokens["id_token"]
    assert asks(await person.authorize(id_token_hint=hint, prompt="none")) == ""
    clock.seconds += 10
    await person.log_in(await person.authorize(prompt="login"), "bob", "another long password")
    clock.seconds += 10
    silent = await person.authorize(id_token_hint=hint, prompt="none")
    assert answer(silent)["error"] == "login_required"
    page = await person.authorize(id_token_hint=hint)
    assert asks(page) == "Log in"
    wrong = await person.log_in(page, "bob", "another long password")
    assert answer(wrong)["error"] == "login_required"
    clock.seconds += 10
    right = await person.log_in(await person.authorize(id_token_hint=hint))
    assert (await id_token(app, person, right))["sub"] == claims_of(hint)["sub"]


async def test_the_claims_parameter_may_say_who_is_meant(person: Person) -> None:
    await person.code()
    claims = json.dumps({"id_token": {"sub": {"value": "somebody else"}}})
    response = await person.authorize(claims=claims, prompt="none")
    assert answer(response)["error"] == "login_required"


async def test_an_essential_acr_that_the_log_in_has_not_is_told(person: Person) -> None:
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["2"]}}})
    response = await person.log_in(await person.authorize(claims=claims))
    assert answer(response)["error"] == "unmet_authentication_requirements"
