"""The way to the relay: with TLS or not at all, and settings that name no relay."""

import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from auth_service import smtp
from auth_service.settings import Settings
from shared.settings import UnusableSettings
from tests.auth_service.browser_flow.mails.mailing import Relay, relaying
from tests.conftest import NO_DATABASE


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
