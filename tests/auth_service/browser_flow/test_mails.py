"""Mails through a relay that is not ours: addresses verified, passwords reset, nothing told."""

import asyncio
import re
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from auth_service import accounts, mails, second_factor, smtp, totp
from auth_service.pages.texts import ENGLISH
from auth_service.settings import Settings
from auth_service.store import audit_log, users
from auth_service.store.mails import Kind
from shared.settings import UnusableSettings
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.browser_flow.test_account import another, forms, open_account
from tests.auth_service.browser_flow.test_pages import assert_safe
from tests.auth_service.conftest import PASSWORD
from tests.conftest import NO_DATABASE

NEW = "another horse battery"
ADDRESS = "alice@example.org"


class Relay(Message):
    """What the relay was given."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []
        self.refuses = False
        self.url = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuses:
            return "451 not now"
        return str(await super().handle_DATA(server, session, envelope))

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)

    def links(self) -> list[str]:
        """The links in what it was given, the newest last."""
        texts = [mail.get_payload(decode=True).decode() for mail in self.mails]
        return [re.findall(r"http://\S+", text)[0] for text in texts]


@asynccontextmanager
async def relaying(
    handler: Relay, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Run a relay on loopback; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, **options), "127.0.0.1", 0, ssl=tls
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay that takes everything in clear."""
    handler = Relay()
    async with relaying(handler) as port:
        handler.url = f"smtp://127.0.0.1:{port}"
        yield handler


@pytest.fixture
async def issuer(start: Any, register: Any, relay: Relay) -> Any:
    """An issuer that sends mails."""
    async with start(smtp_url=SecretStr(relay.url)) as running:
        await register(running.server)
        yield running


async def ask(person: Person, email: str = ADDRESS) -> httpx.Response:
    return await person.submit(await person.get("/password/forgot"), email=email)


async def link(app: Any, relay: Relay) -> str:
    await mails.send_due(app.server)
    return str(relay.links()[-1])


async def set_password(person: Person, address: str, password: str = NEW) -> httpx.Response:
    page = await person.get(address)
    return await person.submit(page, new_password=password)


async def test_a_password_is_reset_by_a_link(app: Any, person: Person, relay: Relay) -> None:
    tokens = await app.log_in("web")
    elsewhere = another(person)
    await open_account(elsewhere)
    login = await person.get("/login", {"next": "/account"})
    (forgot,) = re.findall(r'<a href="([^"]*/password/forgot)"', login.text)
    page = await person.submit(await person.get(forgot), email="ALICE@example.org")
    assert ENGLISH["reset_sent_hint"] in page.text
    assert relay.mails == []  # the answer does not wait for the relay
    address = await link(app, relay)
    (mail,) = relay.mails
    assert (mail["To"], mail["From"]) == ("ALICE@example.org", "no-reply@localhost")
    assert (mail["Subject"], mail["Auto-Submitted"]) == ("Set a new password", "auto-generated")
    assert address.startswith("http://127.0.0.1:8000/password/reset?token=")
    page = await person.get(address)
    assert_safe(page)
    weak = await person.submit(page, new_password="password1")
    assert (weak.status_code, ENGLISH["bad_password"] in weak.text) == (403, True)
    done = await person.submit(weak, new_password=NEW)
    assert ENGLISH["password_is_reset"] in done.text
    assert (await app.refresh(tokens["refresh_token"], "web")).status_code == 400
    assert "Log in ·" in (await elsewhere.get("/account")).text
    assert "Log in ·" in (await person.get("/account")).text  # nobody is logged in by a link
    page = await person.log_in(await person.get("/account"), password=NEW)
    assert "Your account" in page.text
    events = [(entry.event, entry.detail) for entry in await audit_log.find(app.server.db)]
    assert ("mail sent", {"kind": "reset"}) in events
    assert ("password changed", {"by": "mail"}) in events


@pytest.mark.parametrize(
    "email", ["nobody@example.org", "bob@example.org", "carol@example.org", "dave@example.org"]
)
async def test_the_answer_is_the_same_for_an_address_that_gets_nothing(
    app: Any, person: Person, relay: Relay, email: str
) -> None:
    """Nobody's, not verified, of a disabled user; and one that is all right."""
    db = app.server.db
    for name in ("bob", "carol", "dave"):
        await accounts.register(app.server, name, PASSWORD)
        claims = {"email": f"{name}@example.org", "email_verified": name != "bob"}
        await users.set_claims(db, name, claims)
    await accounts.disable(app.server, "carol")
    known, asked = await ask(person), await ask(another(person), email)
    strip = re.compile(r'value="[0-9a-f]{64}"')
    assert (asked.status_code, strip.sub("", asked.text)) == (200, strip.sub("", known.text))
    await mails.send_due(app.server)
    assert [mail["To"] for mail in relay.mails] == [ADDRESS] + (
        [email] if email.startswith("dave") else []
    )
    assert await db.fetchval("SELECT count(*) FROM mails") == 0


async def test_the_time_of_the_answer_says_nothing_either(app: Any, person: Person) -> None:
    async def seconds(email: str) -> float:
        await app.server.db.execute("DELETE FROM throttles")
        began = time.perf_counter()
        assert (
            await person.http.post("/password/forgot", data={**form, "email": email}, headers=HTML)
        ).status_code == 200
        return time.perf_counter() - began

    _, form = person.form(await person.get("/password/forgot"))
    pairs = [(await seconds(ADDRESS), await seconds("nobody@example.org")) for _ in range(40)]
    known, unknown = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert 0.6 < known / unknown < 1.7


async def test_of_fifty_at_once_one_resets(app: Any, person: Person, relay: Relay) -> None:
    await ask(person)
    token = (await link(app, relay)).partition("token=")[2]
    done = await asyncio.gather(
        *(
            accounts.reset_password(app.server, mails.sha256(token), f"{NEW} {number}")
            for number in range(50)
        )
    )
    assert sum(done) == 1
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    assert alice.password_version == 2


async def test_a_link_works_once_and_for_a_quarter_of_an_hour(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:
    await ask(person)
    address = await link(app, relay)
    page = await person.get(address)
    assert ENGLISH["password_is_reset"] in (await person.submit(page, new_password=NEW)).text
    assert (await person.get(address)).status_code == 400
    assert (await person.submit(page, new_password=NEW + "x")).status_code == 400
    await ask(person)
    late = await link(app, relay)
    page = await person.get(late)
    clock.seconds += 900
    assert (await person.get(late)).status_code == 400
    assert (await person.submit(page, new_password=NEW)).status_code == 400
    await mails.forget(app.server)
    assert await app.server.db.fetchval("SELECT count(*) FROM mail_tokens") == 2
    clock.seconds += 3600
    await mails.forget(app.server)
    assert await app.server.db.fetchval("SELECT count(*) FROM mail_tokens") == 0


async def test_a_new_password_makes_older_links_worthless(
    app: Any, person: Person, relay: Relay
) -> None:
    await ask(person)
    await ask(person)
    await mails.send_due(app.server)
    first, second = relay.links()
    assert ENGLISH["password_is_reset"] in (await set_password(person, first)).text
    assert (await person.get(second)).status_code == 400


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é"])
async def test_a_made_up_link_is_refused(app: Any, person: Person, token: str) -> None:
    for path in ("/password/reset", "/email/verify"):
        assert (await person.get(path, {"token": token})).status_code == 400
    _, form = person.form(await person.get("/login", {"next": "/account"}))
    for path, data in (
        ("/password/reset", {"token": token, "new_password": NEW}),
        ("/email/verify", {"token": token}),
    ):
        response = await person.http.post(path, data={**form, **data}, headers=HTML)
        assert response.status_code == 400
    assert (await app.log_in("web"))["access_token"]


async def test_no_token_and_no_link_is_at_rest(app: Any, person: Person, relay: Relay) -> None:
    await ask(person)
    before = str(await app.server.db.fetch("SELECT * FROM mails"))
    token = (await link(app, relay)).partition("token=")[2]
    after = str(await app.server.db.fetch("SELECT * FROM mail_tokens"))
    assert token not in before + after


async def test_whoever_has_the_mailbox_does_not_have_the_second_factor(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:

    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    await second_factor.confirm(app.server, alice.sub, totp.code(secret, int(clock() // 30)))
    await ask(person)
    await set_password(person, await link(app, relay))
    page = await person.log_in(await person.get("/account"), password=NEW)
    assert "Enter a code ·" in page.text


async def test_nobody_fills_somebody_elses_mailbox(app: Any, person: Person, relay: Relay) -> None:
    statuses = [(await ask(person, email)).status_code for email in [ADDRESS] * 4]
    assert statuses == [200, 200, 200, 429]
    unknown = [(await ask(person, "nobody@example.org")).status_code for _ in range(4)]
    assert unknown == statuses  # nor is it said whose it is
    await mails.send_due(app.server)
    await mails.send_due(app.server)
    assert len(relay.mails) == 3


@pytest.mark.parametrize(
    "email",
    ["", "alice", "a@b@c", "a b@c", "alice@example.org\nBcc: x@y", "x" * 65 + "@y.org", "é@y.org"],
)
async def test_what_is_no_address_is_refused(person: Person, relay: Relay, email: str) -> None:
    page = await ask(person, email)
    assert (page.status_code, ENGLISH["bad_email"] in page.text) == (400, True)
    assert relay.mails == []


async def test_a_mail_waits_until_the_relay_takes_it_but_not_for_ever(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:
    relay.refuses = True
    await ask(person)
    assert await mails.send_due(app.server) == 1
    assert await mails.send_due(app.server) == 0
    clock.seconds += 60
    relay.refuses = False
    assert await mails.send_due(app.server) == 1
    assert ENGLISH["password_is_reset"] in (await set_password(person, relay.links()[0])).text
    relay.refuses = True
    await ask(person)
    clock.seconds += 3600
    await mails.send_due(app.server)
    assert await app.server.db.fetchval("SELECT count(*) FROM mails") == 0
    assert app.server.metrics.mails == {"failed": 2, "sent": 1}


async def test_of_many_processes_one_sends_it(
    app: Any, person: Person, relay: Relay, auth_owner: Any
) -> None:
    await ask(person)
    async with auth_owner.transaction():
        await auth_owner.execute("SELECT FROM mails FOR UPDATE")
        async with asyncio.timeout(3):
            assert await mails.send_due(app.server) == 0
    assert sum(await asyncio.gather(*(mails.send_due(app.server) for _ in range(20)))) == 1
    assert len(relay.mails) == 1


async def give(person: Person, email: str, password: str = PASSWORD) -> httpx.Response:
    page = await person.get("/account/email")
    return await person.submit(page, email=email, password=password)


async def userinfo(app: Any, person: Person) -> Any:
    tokens = (
        await app.token("app", **person.exchange(await person.code(scope="openid email")))
    ).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    return (await app.http.get("/userinfo", headers=bearer)).json()


async def test_an_address_is_verified_by_a_link_and_the_claims_follow(
    app: Any, person: Person, relay: Relay
) -> None:
    await users.set_claims(app.server.db, "alice", {"email": "old@example.org"})
    page = await open_account(person)
    assert "/account/email" in page.text
    shown = await person.get("/account/email")
    assert "old@example.org" in shown.text
    assert ENGLISH["not_verified"] in shown.text
    wrong = await give(person, "new@example.org", "wrong one")
    assert (wrong.status_code, ENGLISH["wrong_old_password"] in wrong.text) == (403, True)
    assert ENGLISH["verify_sent_hint"] in (await give(person, "new@example.org")).text
    before = await userinfo(app, person)
    assert (before["email"], before["email_verified"]) == ("old@example.org", False)
    address = await link(app, relay)
    page = await another(person).get(address)  # opened by whatever looks into mails
    assert_safe(page)
    assert "<strong>alice</strong>" in page.text  # for whom the owner of the mailbox agrees
    assert (await userinfo(app, person))["email"] == "old@example.org"
    phone = another(person)
    page = await phone.get(address)
    done = await phone.submit(page)
    assert ENGLISH["email_verified"] in done.text
    after = await userinfo(app, person)
    assert (after["email"], after["email_verified"]) == ("new@example.org", True)
    assert (await phone.get(address)).status_code == 400
    assert (await phone.submit(page)).status_code == 400
    assert "e-mail verified" in {entry.event for entry in await audit_log.find(app.server.db)}


async def test_a_link_to_verify_is_none_to_reset(app: Any, person: Person, relay: Relay) -> None:
    await open_account(person)
    await give(person, "new@example.org")
    token = (await link(app, relay)).partition("token=")[2]
    assert (await person.get("/password/reset", {"token": token})).status_code == 400
    assert not await accounts.reset_password(app.server, mails.sha256(token), NEW)


async def test_mails_speak_korean(app: Any, relay: Relay) -> None:
    await mails.ask(app.server, Kind.RESET, None, ADDRESS, "ko")
    await mails.send_due(app.server)
    text = relay.mails[0].get_payload(decode=True).decode()
    assert "안녕하세요" in text


@pytest.mark.parametrize("path", ["/password/forgot", "/account/email"])
async def test_without_a_relay_nothing_of_it_is_there(start: Any, register: Any, path: str) -> None:
    async with start() as silent:
        await register(silent.server)
        page = await silent.http.get("/login?next=/account", headers=HTML)
        assert "/password/forgot" not in page.text
        assert (await silent.http.get(path, headers=HTML)).status_code == 404


async def test_a_form_of_another_site_asks_for_nothing(app: Any, person: Person) -> None:
    await open_account(person)
    form = {"csrf_token": "0" * 64, "email": ADDRESS, "password": PASSWORD}
    for path in ("/password/forgot", "/account/email"):
        assert (await person.http.post(path, data=form, headers=HTML)).status_code == 400
    assert await app.server.db.fetchval("SELECT count(*) FROM mails") == 0
    assert forms(await person.get("/account/email"))


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "relay.pem", folder / "relay.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.mark.parametrize("scheme", ["smtps", "starttls"])
async def test_over_tls_the_relay_is_verified_and_gets_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    certificate_file, key_file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    handler, seen = Relay(), []

    def authenticate(_server: Any, _s: Any, _e: Any, _m: str, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    options: dict[str, Any] = {"authenticator": authenticate}
    if scheme == "smtps":
        served = relaying(handler, context, auth_require_tls=False, **options)
    else:
        served = relaying(handler, tls_context=context, require_starttls=True, **options)
    async with served as port:
        url = f"{scheme}://user:p%40ss@127.0.0.1:{port}"
        message = smtp.compose("a@example.org", "b@example.org", "Subject", "Text")
        with pytest.raises(smtp.FAILURES):  # nobody vouches for it
            await smtp.send(url, message)
        assert seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate_file))
        await smtp.send(url, message)
        assert seen == [(b"user", b"p@ss")]
        assert [mail["To"] for mail in handler.mails] == ["b@example.org"]


async def test_a_relay_without_tls_gets_nothing_when_tls_is_asked_for(relay: Relay) -> None:
    message = smtp.compose("a@example.org", "b@example.org", "Subject", "Text")
    with pytest.raises(smtp.FAILURES):
        await smtp.send(relay.url.replace("smtp:", "starttls:"), message)
    with pytest.raises(smtp.FAILURES):
        await smtp.send("smtp://127.0.0.1:1", message)
    assert relay.mails == []


def test_a_mail_has_no_header_that_somebody_else_wrote() -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        smtp.compose("a@example.org", "b@example.org\nBcc: c@example.org", "Subject", "Text")
    assert isinstance(smtp.compose("a@b", "c@d", "x", "y"), EmailMessage)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_url", "http://mail.example"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://user:secret@mail.example"),
        ("smtp_url", "smtps://mail.example/path"),
        ("mail_from", "nobody"),
        ("mail_from", "a@b\nBcc: c@d"),
    ],
)
def test_a_setting_that_will_not_do(tmp_path: Path, name: str, value: str) -> None:
    usual = {"database_url": NO_DATABASE, "key_encryption_key_file": tmp_path}
    with pytest.raises(UnusableSettings) as refusal:
        Settings.load(**usual, **{name: value})
    assert "secret" not in str(refusal.value)
