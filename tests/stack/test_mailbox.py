"""The mailbox of `make run`: keeps what is sent, and shows it safely."""

import asyncio
import smtplib
import stat
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack import mailbox
from stack.mailbox import Mailbox


class Site:
    def __init__(self, box: Mailbox, smtp: int, page: int) -> None:
        self.box = box
        self.smtp = smtp
        self.url = f"http://127.0.0.1:{page}"

    async def send(self, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"] = "no-reply@localhost", "alice@example.org"
        message["Subject"] = subject
        message.set_content(text)

        def talk() -> None:
            with smtplib.SMTP("127.0.0.1", self.smtp, timeout=5) as relay:
                relay.send_message(message)

        await asyncio.to_thread(talk)

    async def get(self, path: str = "/", **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.get(f"{self.url}{path}", headers=headers)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    box = Mailbox(tmp_path)
    smtp = await mailbox.listen(box, mailbox.receive, 0)
    page = await mailbox.listen(box, mailbox.show, 0)
    async with smtp, page:
        yield Site(box, *(server.sockets[0].getsockname()[1] for server in (smtp, page)))


async def test_a_mail_is_kept_and_shown_with_its_link(site: Site) -> None:
    await site.send("Set a new password", "Hello,\n\nhttp://127.0.0.1:8000/reset?token=x-y_z\n")
    await site.send("비밀번호", "안녕하세요.\n.\n..\n")
    page = await site.get()
    assert page.status_code == 200
    assert 'href="http://127.0.0.1:8000/reset?token=x-y_z"' in page.text
    assert page.text.index("비밀번호") < page.text.index("Set a new password")  # the newest first
    assert "안녕하세요.\n.\n..\n" in page.text
    for file in site.box.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_what_is_in_a_mail_is_text(site: Site) -> None:
    evil = "<script>alert('x')</script> http://a/\"><img src=x>"
    await site.send("<b>bold</b>", evil)
    page = await site.get()
    assert "<script" not in page.text
    assert "<b>" not in page.text
    assert "<img" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", ""])
async def test_it_answers_under_no_other_name(site: Site, host: str) -> None:
    await site.send("Secret", "http://127.0.0.1/secret")
    page = await site.get(host=host)
    assert (page.status_code, "ecret" in page.text) == (421, False)


async def test_there_is_one_page_only(site: Site) -> None:
    assert (await site.get("/../../etc/passwd")).status_code == 404
    assert (await site.get("/health/ready")).text == "ready"


async def test_who_breaks_off_or_says_nonsense_harms_nobody(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.smtp)
    writer.write(b"\xff\xfe\r\nDATA\r\nhalf of a mail")
    assert (await reader.readline()).startswith(b"220")
    assert (await reader.readline()).startswith(b"502")
    writer.close()
    await writer.wait_closed()
    await site.send("Whole", "text")
    assert "Whole" in (await site.get()).text
    assert len(list(site.box.folder.iterdir())) == 1


async def test_a_running_stack_has_one_and_its_mails_are_there(system: Any) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        page = await http.get(system.mailbox_url)
        assert "Mailbox" in page.text
        login = await http.get(
            f"{system.auth_url}/login", params={"next": "/account"}, headers={"accept": "text/html"}
        )
        assert "/password/forgot" in login.text
