"""The pages: their headers, their cookie, their forms, their words."""

import re
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from auth_service.pages.texts import ENGLISH, LANGUAGES, language
from tests.auth_service.browser_flow.conftest import EVERYTHING
from tests.auth_service.browser_flow.person import CALLBACK, HTML, Person, answer


def assert_safe(page: httpx.Response) -> None:
    """What every page says to the browser."""
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "DENY"
    # A popup of the docs page must stay connected to it.
    assert "cross-origin-opener-policy" not in page.headers


async def test_every_page_is_safe_and_its_form_may_end_at_the_client_only(person: Person) -> None:
    login = await person.authorize()
    register = await person.get(re.findall(r'<a href="([^"]*/register[^"]*)"', login.text)[0])
    consent = await person.log_in(login)
    for page in (login, register, consent):
        assert page.status_code == 200
        assert_safe(page)
        policy = page.headers["content-security-policy"]
        assert "form-action 'self' https://app.example;" in policy
        assert "<script" not in page.text


async def test_the_style_comes_from_here_and_may_be_kept(person: Person) -> None:
    page = await person.authorize()
    (address,) = re.findall(r'<link rel="stylesheet" href="([^"]*)"', page.text)
    style = await person.http.get(address)
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in style.headers["cache-control"]


def cookie_of(response: httpx.Response) -> tuple[str, Any]:
    ((name, morsel),) = SimpleCookie(response.headers["set-cookie"]).items()
    return name, morsel


async def test_the_cookie_is_for_us_alone(person: Person) -> None:
    response = await person.http.get("/authorize", params=person.request(), headers=HTML)
    name, cookie = cookie_of(response)
    assert name == "sealgate"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert not cookie["domain"]
    assert not cookie["secure"]


async def test_over_https_the_cookie_is_bound_to_the_host(start: Any) -> None:
    async with start(issuer="https://id.example") as issuer:
        page = await issuer.http.get("/login?next=/account", headers=HTML)
        name, cookie = cookie_of(page)
        assert name == "__Host-sealgate"
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        assert (cookie["httponly"], cookie["secure"], cookie["path"]) == (True, True, "/")


async def test_the_cookie_is_another_one_after_every_log_in(
    app: Any, person: Person, clock: Any
) -> None:
    page = await person.authorize()
    before = person.http.cookies["sealgate"]
    await person.log_in(page)
    after = person.http.cookies["sealgate"]
    clock.seconds += 10
    await person.log_in(await person.authorize(prompt="login"))
    again = person.http.cookies["sealgate"]
    assert len({before, after, again}) == 3
    row = await app.server.db.fetchrow("SELECT * FROM sessions")
    assert all(cookie not in str(dict(row)) for cookie in (before, after, again))
    for old in (before, after):
        stale = {**HTML, "cookie": f"sealgate={old}"}
        async with httpx.AsyncClient(
            transport=person.http._transport, base_url=person.http.base_url
        ) as other:
            response = await other.get("/authorize", params=person.request(), headers=stale)
        assert "/login?" in response.headers["location"]


@pytest.mark.parametrize("path", ["/login", "/register", "/accounts", "/consent"])
@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
async def test_a_form_from_elsewhere_is_refused(person: Person, path: str, token: str) -> None:
    page = await person.log_in(await person.authorize())
    fields = {**person.form(page)[1], "csrf_token": token, "username": "alice", "password": "x"}
    response = await person.http.post(path, data=fields, headers=HTML)
    assert response.status_code == 400
    assert "set-cookie" not in response.headers
    assert_safe(response)


async def test_another_browsers_form_is_refused(person: Person) -> None:
    page = await person.authorize()
    person.http.cookies.set("sealgate", "x" * 43, domain="127.0.0.1")
    assert (await person.log_in(page)).status_code == 400


@pytest.mark.parametrize("name", ["alice", "nobody", "", "ALICE", "x" * 2000])
async def test_a_wrong_name_and_a_wrong_password_look_the_same(person: Person, name: str) -> None:
    page = await person.log_in(await person.authorize(), name, "wrong horse battery")
    assert page.status_code == 403
    assert ENGLISH["wrong_password"] in page.text
    assert 'role="alert"' in page.text
    assert "wrong horse battery" not in page.text
    assert_safe(page)
    assert (await person.log_in(page)).status_code == 200


async def test_a_person_registers_on_the_way(person: Person) -> None:
    login = await person.authorize()
    link = re.findall(r'<a href="([^"]*/register[^"]*)"', login.text)[0]
    page = await person.get(link)
    page = await person.submit(page, username="alice", password="quite another one")
    assert (page.status_code, ENGLISH["name_taken"] in page.text) == (409, True)
    page = await person.submit(page, username="-", password="quite another one")
    assert (page.status_code, ENGLISH["bad_username"] in page.text) == (400, True)
    page = await person.submit(page, username="carol", password="password")
    assert (page.status_code, ENGLISH["bad_password"] in page.text) == (403, True)
    page = await person.submit(page, username="carol", password="quite another one")
    assert "Allow access?" in page.text
    assert "code" in answer(await person.allow(page))


async def test_registration_may_be_closed(start: Any) -> None:
    async with start(registration="closed") as issuer:
        page = await issuer.http.get("/login?next=/account", headers=HTML)
        assert "/register" not in page.text
        response = await issuer.http.get("/register?next=/account", headers=HTML)
        assert response.status_code == 403


@pytest.mark.parametrize(
    "next_",
    ["https://evil.example", "//evil.example", "/accountevil", "/\\evil.example", "/login", ""],
)
async def test_a_log_in_leads_to_no_foreign_page(person: Person, next_: str) -> None:
    response = await person.http.get("/login", params={"next": next_}, headers=HTML)
    assert response.status_code == 400


async def test_a_log_in_may_lead_to_a_page_of_ours(person: Person) -> None:
    page = await person.get("/login", {"next": "/device?user_code=ABCD"})
    action, hidden = person.form(page)
    fields = {**hidden, "username": "alice", "password": "correct horse battery staple"}
    response = await person.http.post(action, data=fields, headers=HTML)
    assert response.status_code == 303
    assert response.headers["location"] == "http://127.0.0.1:8000/device?user_code=ABCD"


@pytest.mark.parametrize("path", ["login", "register", "accounts", "consent", "authorize/continue"])
async def test_a_page_without_a_request_or_with_a_stale_one_says_so(
    person: Person, path: str, clock: Any
) -> None:
    page = await person.authorize()
    _, hidden = person.form(page)
    clock.seconds += 3601
    for request in ("", "nonsense", "4b4b4b4b-0000-4000-8000-000000000000", hidden["request"]):
        response = await person.http.get(f"/{path}", params={"request": request}, headers=HTML)
        assert response.status_code == 400
        assert_safe(response)


async def test_nothing_breaks_out_of_a_page(app: Any, person: Person) -> None:
    evil = "\"><script>alert('x')</script>"
    await app.server.db.execute("UPDATE clients SET name = $1 WHERE client_id = 'app'", evil)
    page = await person.authorize(login_hint=evil)
    consent = await person.log_in(page)
    for shown in (page, consent):
        assert "<script" not in shown.text
        assert "&lt;script&gt;" in shown.text


async def test_a_session_ends_when_it_is_idle_or_old(person: Person, clock: Any) -> None:
    await person.code()
    for _ in range(7 * 24 // 11):
        clock.seconds += 11 * 3600
        assert "code" in answer(await person.authorize())
    clock.seconds += 11 * 3600  # more than seven days, though never idle
    assert "Log in ·" in (await person.authorize()).text
    await person.log_in(await person.authorize())
    clock.seconds += 12 * 3600
    assert "Log in ·" in (await person.authorize()).text


async def test_a_page_says_when_the_database_is_down(person: Person, auth_owner: Any) -> None:
    page = await person.authorize()
    await auth_owner.execute("ALTER TABLE users RENAME TO hidden")
    response = await person.log_in(page)
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert_safe(response)


@pytest.mark.parametrize(
    ("ui_locales", "accept_language", "chosen"),
    [
        (None, None, "en"),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, "en;q=0.5, ko;q=0.8", "ko"),
        (None, "ko;q=0", "en"),
        (None, "fr, de;q=x, *", "en"),
        ("ko", "en", "ko"),
        ("fr ko-KR en", "en", "ko"),
        ("fr", "ko", "ko"),
        ("<x>", "<y>", "en"),
    ],
)
def test_the_language_is_chosen(
    ui_locales: str | None, accept_language: str | None, chosen: str
) -> None:
    assert language(ui_locales, accept_language) == chosen


async def test_the_pages_speak_korean(person: Person) -> None:
    page = await person.authorize(ui_locales="ko")
    assert '<html lang="ko">' in page.text
    assert page.headers["content-language"] == "ko"
    assert "비밀번호" in page.text
    consent = await person.log_in(page)
    assert "접근을 허용할까요?" in consent.text


def test_every_language_says_everything() -> None:
    for texts in LANGUAGES.values():
        assert texts.keys() == ENGLISH.keys()
        assert all(texts.values())
    assert {f"scope_{scope}" for scope in EVERYTHING.split()} <= ENGLISH.keys()


async def test_the_consent_page_says_where_it_leads(person: Person) -> None:
    page = await person.log_in(await person.authorize())
    assert "app.example" in page.text
    assert CALLBACK not in page.text
