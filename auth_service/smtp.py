"""Sending a mail to a relay (RFC 5321), by the standard library, in a thread."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

PORTS: Final = {"smtp": 25, "starttls": 587, "smtps": 465}
_TIMEOUT: Final = 5.0  # seconds for each step; a service that stops waits for it
FAILURES: Final = (smtplib.SMTPException, OSError)  # of a relay, which may do better later


def compose(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    """Make a mail that no machine answers (RFC 3834 §5)."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


async def send(url: str, message: EmailMessage) -> None:
    """Hand it to the relay at `url`, or raise one of `FAILURES`.

    `smtps` speaks TLS from the start, `starttls` before anything is said (RFC 8314 §3); a relay
    that offers none gets nothing. `smtp` is in clear.
    """
    await asyncio.to_thread(_send, urlsplit(url), message)


def _send(url: SplitResult, message: EmailMessage) -> None:
    with _connected(url) as relay:
        if url.username:
            relay.login(unquote(url.username), unquote(url.password or ""))
        relay.send_message(message)


def _connected(url: SplitResult) -> smtplib.SMTP:
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    if url.scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT, context=context)
    relay = smtplib.SMTP(host, port, timeout=_TIMEOUT)
    if url.scheme == "starttls":
        try:
            relay.starttls(context=ssl.create_default_context())
        except BaseException:
            relay.close()
            raise
    return relay
