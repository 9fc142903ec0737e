"""The account pages: what a person sees of his log-ins and apps, and ends there."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from auth_service import accounts
from auth_service.pages.account_words import ago, browser
from auth_service.pages.texts import ENGLISH, KOREAN
from auth_service.store import audit_log, users
from tests.auth_service.browser_flow.person import HTML, Person, answer
from tests.auth_service.browser_flow.test_pages import assert_safe
from tests.auth_service.conftest import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
NEW = "another horse battery"


def another(person: Person, agent: str = "Test browser") -> Person:
    """Somebody in another browser."""
    return Person(
        httpx.AsyncClient(
            transport=person.http._transport,
            base_url=person.http.base_url,
            headers={"user-agent": agent},
        )
    )


async def open_account(person: Person, name: str = "alice") -> httpx.Response:
    """Open the page, and log in if asked."""
    page = await person.get("/account")
    if "Log in ·" in page.text:
        page = await person.log_in(page, name)
    assert "Your account" in page.text
    assert_safe(page)
    return page


def forms(page: httpx.Response) -> list[tuple[str, dict[str, str]]]:
    """Return where the page's forms go, and what is in them, in their order."""
    hidden = r'<input type="hidden" name="([^"]*)" value="([^"]*)">'
    return [
        (action, {name: unescape(value) for name, value in re.findall(hidden, body)})
        for action, body in re.findall(
            r'<form method="post" action="([^"]*)">(.*?)</form>', page.text, re.S
        )
    ]


async def send(person: Person, form: tuple[str, dict[str, str]]) -> httpx.Response:
    return await person.follow(await person.http.post(form[0], data=form[1], headers=HTML))


def ending(page: httpx.Response, what: str) -> list[tuple[str, dict[str, str]]]:
    return [form for form in forms(page) if form[0].endswith(what)]


async def test_a_stranger_is_asked_to_log_in_and_comes_back(person: Person) -> None:
    for path in ("/account", "/account/password"):
        page = await person.get(path)
        assert "Log in ·" in page.text
    page = await person.log_in(page)
    assert "Change password" in page.text


async def test_every_browser_is_listed_and_this_one_is_marked(
    app: Any, person: Person, clock: Any
) -> None:
    other = Person(another(person).http)
    login = await other.get("/login", {"next": "/account"})
    action, hidden = other.form(login)
    form = {**hidden, "username": "alice", "password": PASSWORD}
    await other.http.post(action, data=form, headers={**HTML, "user-agent": FIREFOX})
    await accounts.register(app.server, "bob", PASSWORD)
    await open_account(another(person), "bob")
    clock.seconds += 300
    page = await open_account(person)
    assert len(ending(page, "/sessions/end")) == 2
    assert page.text.count("this browser") == 1
    assert "Firefox on Linux" in page.text
    assert "Logged in <time" in page.text
    assert "5 min ago" in page.text
    assert "just now" in page.text


async def test_another_browser_is_logged_out_with_all_that_it_gave(
    app: Any, person: Person
) -> None:
    other = another(person)
    code = await other.code(scope="notes:read")
    tokens = (await app.token("app", **other.exchange(code))).json()
    page = await open_account(person)
    mine, theirs = sorted(
        ending(page, "/sessions/end"),
        key=lambda form: form[1]["session_id"] != own_session(page),
    )
    done = await send(person, theirs)
    assert ENGLISH["done_session"] in done.text
    assert 'role="status"' in done.text
    assert ending(done, "/sessions/end") == [mine]
    assert "Log in ·" in (await other.get("/account")).text
    assert (await app.refresh(tokens["refresh_token"], "app")).status_code == 400
    events = [entry.event for entry in await audit_log.find(app.server.db)]
    assert events[-2:] == ["logged out", "revoked"] or "logged out" in events


def own_session(page: httpx.Response) -> str:
    """Return the id of the session whose item bears the mark."""
    items = re.findall(r"<li>(.*?)</li>", page.text, re.S)
    (item,) = [item for item in items if "this browser" in item]
    (session_id,) = re.findall(r'name="session_id" value="([^"]*)"', item)
    return str(session_id)


async def test_the_status_of_what_it_gave_is_set(app: Any, person: Person) -> None:
    other = another(person)
    tokens = (await app.token("app", **other.exchange(await other.code()))).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    page = await open_account(person)
    for form in ending(page, "/sessions/end"):
        if form[1]["session_id"] != own_session(page):
            await send(person, form)
    assert await app.server.db.fetchval("SELECT count(*) FROM revoked_statuses") == 1
    assert (await app.http.get("/userinfo", headers=bearer)).status_code == 401


async def test_ending_this_browser_leads_to_the_log_in_page(person: Person) -> None:
    page = await open_account(person)
    (form,) = ending(page, "/sessions/end")
    assert "Log in ·" in (await send(person, form)).text
    assert "Log in ·" in (await person.get("/account")).text


async def test_nobody_ends_what_is_somebody_elses(app: Any, person: Person) -> None:
    await accounts.register(app.server, "bob", PASSWORD)
    bob = another(person)
    bobs = await open_account(bob, "bob")
    page = await open_account(person)
    ((action, form),) = ending(page, "/sessions/end")
    theft = {**form, "session_id": own_session(bobs)}
    await send(person, (action, theft))
    assert "Your account" in (await bob.get("/account")).text
    for bad in ({"session_id": "nonsense"}, {"session_id": ""}):
        response = await person.http.post(action, data={**form, **bad}, headers=HTML)
        assert response.status_code == 400


@pytest.mark.parametrize("path", ["sessions/end", "apps/remove", "password"])
async def test_a_form_from_elsewhere_changes_nothing(app: Any, person: Person, path: str) -> None:
    page = await open_account(person)
    form = {"csrf_token": "0" * 64, "session_id": own_session(page), "client_id": "app"}
    form |= {"old_password": PASSWORD, "new_password": NEW}
    response = await person.http.post(f"/account/{path}", data=form, headers=HTML)
    assert response.status_code == 400
    assert "Your account" in (await person.get("/account")).text
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    assert alice.password_version == 1


@pytest.mark.parametrize("path", ["sessions/end", "apps/remove", "password"])
async def test_a_form_of_somebody_who_has_been_logged_out_changes_nothing(
    person: Person, path: str, clock: Any
) -> None:
    page = await open_account(person)
    (_, form) = forms(page)[0]
    clock.seconds += 13 * 3600
    response = await person.follow(
        await person.http.post(f"/account/{path}", data=form, headers=HTML)
    )
    assert "Log in ·" in response.text


async def test_an_app_is_listed_with_what_it_may_and_removed_with_what_it_has(
    app: Any, person: Person
) -> None:
    scope = "openid email notes:read offline_access"
    tokens = (await app.token("app", **person.exchange(await person.code(scope=scope)))).json()
    unused = await person.code(scope=scope)
    page = await open_account(person)
    for words in ("The app", "see your e-mail address", "read your notes", "Allowed"):
        assert words in page.text
    (form,) = ending(page, "/apps/remove")
    done = await send(person, form)
    assert ENGLISH["done_app"] in done.text
    assert ENGLISH["no_apps"] in done.text
    assert (await app.refresh(tokens["refresh_token"], "app")).status_code == 400
    assert (await app.token("app", **person.exchange(unused))).status_code == 400
    assert await app.server.db.fetchval("SELECT count(*) FROM revoked_statuses") == 1
    events = [entry.event for entry in await audit_log.find(app.server.db)]
    assert "consent withdrawn" in events
    assert "Allow access?" in (await person.authorize(scope=scope)).text


async def test_an_app_with_the_password_is_listed_too(app: Any, person: Person) -> None:
    token = (await app.log_in("web"))["refresh_token"]
    page = await open_account(person)
    assert ENGLISH["app_without_consent"] in page.text
    (form,) = ending(page, "/apps/remove")
    assert ENGLISH["no_apps"] in (await send(person, form)).text
    assert (await app.refresh(token, "web")).status_code == 400


async def test_nothing_of_others_is_listed_or_removed(app: Any, person: Person) -> None:
    tokens = await app.log_in("web")
    await accounts.register(app.server, "bob", PASSWORD)
    page = await open_account(person, "bob")
    assert ENGLISH["no_apps"] in page.text
    form = {**forms(page)[0][1], "client_id": "web"}
    await person.http.post("/account/apps/remove", data=form, headers=HTML)
    assert (await app.refresh(tokens["refresh_token"], "web")).status_code == 200
    assert "consent withdrawn" not in {entry.event for entry in await audit_log.find(app.server.db)}


async def test_what_is_being_redeemed_while_it_is_taken_away_does_not_survive(
    app: Any, person: Person
) -> None:
    for delay in (0.0, 0.002, 0.004, 0.008):
        code = await person.code(scope="notes:read")
        page = await open_account(person)
        (form,) = ending(page, "/apps/remove")

        async def redeem(code: str = code) -> httpx.Response:
            answer: httpx.Response = await app.token("app", **person.exchange(code))
            return answer

        async def remove(form: Any = form, delay: float = delay) -> None:
            await asyncio.sleep(delay)
            await send(person, form)

        redeemed, _ = await asyncio.gather(redeem(), remove())
        if redeemed.status_code == 200:
            token = redeemed.json()["refresh_token"]
            assert (await app.refresh(token, "app")).status_code == 400


async def change(person: Person, old: str, new: str) -> httpx.Response:
    return await person.submit(
        await person.get("/account/password"), old_password=old, new_password=new
    )


async def test_a_new_password_ends_all_but_this_browser(app: Any, person: Person) -> None:
    other = another(person)
    await open_account(other)
    token = (await app.log_in("web"))["refresh_token"]
    await open_account(person)
    before = person.http.cookies["sealgate"]
    done = await change(person, PASSWORD, NEW)
    assert ENGLISH["done_password"] in done.text
    assert person.http.cookies["sealgate"] != before
    assert len(ending(done, "/sessions/end")) == 1
    assert "Log in ·" in (await other.get("/account")).text
    assert (await app.refresh(token, "web")).status_code == 400
    stale = another(person)
    stale.http.cookies.set("sealgate", before)
    assert "Log in ·" in (await stale.get("/account")).text
    assert (await person.log_in(await another(person).get("/account"))).status_code in (400, 403)
    fresh = another(person)
    assert "Your account" in (await fresh.log_in(await fresh.get("/account"), password=NEW)).text


@pytest.mark.parametrize(
    ("old", "new", "status", "text"),
    [
        pytest.param("wrong one", NEW, 403, "wrong_old_password", id="wrong old one"),
        pytest.param(PASSWORD, "short", 400, "bad_password", id="short"),
        pytest.param(PASSWORD, "password1", 403, "bad_password", id="common"),
        pytest.param("", "", 400, "bad_password", id="nothing"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    app: Any, person: Person, old: str, new: str, status: int, text: str
) -> None:
    await open_account(person)
    page = await change(person, old, new)
    assert (page.status_code, ENGLISH[text] in page.text) == (status, True)
    assert_safe(page)
    assert "Your account" in (await person.get("/account")).text
    assert (await app.log_in("web"))["access_token"]


async def test_a_log_in_stays_as_old_as_it_is_when_the_password_changes(
    person: Person, clock: Any
) -> None:
    await open_account(person)
    clock.seconds += 600
    await change(person, PASSWORD, NEW)
    assert "code" in answer(await person.allow(await person.authorize(max_age="900")))
    clock.seconds += 600
    assert "Log in ·" in (await person.authorize(max_age="900")).text


async def test_the_old_password_cannot_be_guessed_on_the_page(start: Any, register: Any) -> None:
    async with start(log_in_attempts=2) as strict:
        await register(strict.server)
        transport = httpx.ASGITransport(strict.app)
        person = Person(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000"))
        await open_account(person)
        statuses = [(await change(person, "wrong one", NEW)).status_code for _ in range(3)]
        assert statuses == [403, 403, 429]


async def test_the_page_speaks_korean(person: Person) -> None:
    await open_account(person)
    page = await person.http.get("/account", headers={**HTML, "accept-language": "ko"})
    assert KOREAN["sessions"] in page.text
    assert "방금" in page.text


async def test_nothing_breaks_out_of_the_page(app: Any, person: Person) -> None:
    await app.log_in("web")
    evil = "\"><script>alert('x')</script>"
    await app.server.db.execute("UPDATE clients SET name = $1", evil)
    await open_account(person)
    page = await person.get("/account", {"done": evil})
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_has_a_name(agent: str, name: str) -> None:
    assert browser(agent, ENGLISH) == name


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=119), "just now"),
        (timedelta(minutes=2), "2 min ago"),
        (timedelta(minutes=119), "119 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(hours=48), "2 days ago"),
    ],
)
def test_how_long_ago(past: timedelta, words: str) -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    assert ago(now - past, now, ENGLISH) == words
