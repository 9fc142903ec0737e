"""The settings of the resource service: what follows from what, and what stops the start."""

import socket
import subprocess
import sys

import pytest

from resource_service.settings import Settings
from shared.settings import UnusableSettings

DATABASE_URL = "postgresql://user:hunter2@127.0.0.1/notes"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOURCE_DATABASE_URL", DATABASE_URL)


def test_what_is_left_out_follows_from_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOURCE_ISSUER", "https://issuer.example")
    monkeypatch.setenv("RESOURCE_PORT", "8082")
    settings = Settings.load()
    assert settings.jwks_uri == "https://issuer.example/.well-known/jwks.json"
    assert settings.replica == f"{socket.gethostname()}:8082"
    assert settings.jwks_file is None


def test_the_password_is_not_shown() -> None:
    settings = Settings.load()
    assert "hunter2" not in repr(settings)
    assert settings.database_url.get_secret_value() == DATABASE_URL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", "http://issuer.example"),
        ("ISSUER", "https://issuer.example/"),
        ("ISSUER", "https://issuer.example?x"),
        ("ISSUER", "https://issuer.example#x"),
        ("ISSUER", "https://user@issuer.example"),
        ("ISSUER", "https://issuer.example:99999"),
        ("ISSUER", "https://issuer.example\n"),
        ("ISSUER", "http://127.0.0.1.evil.example"),
        ("ISSUER", "http://localhost:80@evil.example"),
        ("ISSUER", "issuer.example"),
        ("ISSUER", "file:///etc/passwd"),
        ("AUDIENCE", "https://api.example/"),
        ("JWKS_URI", "http://keys.example/jwks.json"),
        ("PORT", "70000"),
        ("PORT", "http"),
        ("DATABASE_POOL_SIZE", "0"),
        ("REPLICA", "two words"),
        ("REPLICA", "line\nbreak"),
        ("LOG_LEVEL", "LOUD"),
        ("ISUER", "https://issuer.example"),
    ],
)
def test_does_not_start_with(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RESOURCE_{name}", value)
    with pytest.raises(UnusableSettings, match=f"RESOURCE_{name}"):
        Settings.load()


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost", "https://a.b/c"]
)
def test_takes_the_issuer(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    monkeypatch.setenv("RESOURCE_ISSUER", issuer)
    assert Settings.load().issuer == issuer


def test_an_unusable_setting_ends_the_program_with_one_line_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESOURCE_PORT", "many")
    command = [sys.executable, "-m", "resource_service", "serve"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    [line] = run.stderr.splitlines()
    assert line.startswith("resource_service: RESOURCE_PORT: ")
    assert "hunter2" not in line
