"""Settings: what stops the start, in one line that says what to mend."""

from pathlib import Path

import pytest

from auth_service.settings import Settings
from shared.settings import UnusableSettings


@pytest.fixture(autouse=True)
def minimal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", "postgresql://auth:s3cret@127.0.0.1/auth")
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY_FILE", str(tmp_path / "key"))


def test_the_defaults_are_those_of_the_design() -> None:
    settings = Settings.load()
    assert settings.issuer == "http://127.0.0.1:8000"
    assert settings.access_token_lifetime == 300
    assert (settings.refresh_grace, settings.jwks_max_age) == (10, 300)
    assert settings.signing_key_bits == 2048
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("AUTH_ISSUER", "http://127.0.0.1:8000/", id="trailing slash"),
        pytest.param("AUTH_ISSUER", "https://auth.example?x=1", id="query"),
        pytest.param("AUTH_ISSUER", "https://auth.example#x", id="fragment"),
        pytest.param("AUTH_ISSUER", "https://auth.example/tenant/", id="path and trailing slash"),
        pytest.param("AUTH_ISSUER", "https://auth.example//tenant", id="empty segment"),
        pytest.param("AUTH_ISSUER", "https://auth.example/a/../b", id="dot segment"),
        pytest.param("AUTH_ISSUER", "https://auth.example/a%2Fb", id="encoded path"),
        pytest.param("AUTH_ISSUER", "https://auth.example/a;b", id="parameter in the path"),
        pytest.param("AUTH_TRUSTED_PROXIES", "*", id="any proxy"),
        pytest.param("AUTH_TRUSTED_PROXIES", "0.0.0.0/0", id="every address"),
        pytest.param("AUTH_TRUSTED_PROXIES", "proxy.example", id="a name"),
        pytest.param("AUTH_TRUSTED_PROXIES", "10.0.0.1/8", id="address with a mask"),
        pytest.param("AUTH_ISSUER", "https://user@auth.example", id="user"),
        pytest.param("AUTH_ISSUER", "http://auth.example", id="http beyond loopback"),
        pytest.param("AUTH_ISSUER", "http://127.0.0.1.evil.example", id="loopback look-alike"),
        pytest.param("AUTH_ISSUER", "ftp://127.0.0.1", id="scheme"),
        pytest.param("AUTH_ISSUER", "auth.example", id="no scheme"),
        pytest.param("AUTH_AUDIENCE", "https://api.example https://x.example", id="two audiences"),
        pytest.param("AUTH_AUDIENCE", "", id="no audience"),
        pytest.param("AUTH_RESOURCES", "files", id="no URI"),
        pytest.param("AUTH_RESOURCES", "/files", id="relative"),
        pytest.param("AUTH_RESOURCES", "//files.example", id="without a scheme"),
        pytest.param("AUTH_RESOURCES", "https://files.example#x", id="resource with a fragment"),
        pytest.param("AUTH_RESOURCES", "https://files.example#", id="an empty fragment"),
        pytest.param("AUTH_RESOURCES", "https:///files", id="no host"),
        pytest.param("AUTH_RESOURCES", "https://files.example/ü", id="not ASCII"),
        pytest.param("AUTH_RESOURCES", "https://a.example,https://b.example#x", id="commas"),
        pytest.param("AUTH_RESOURCES", 'https://files.example/"', id="no URI character"),
        pytest.param("AUTH_RESOURCES", "urn:a https://b.example/#", id="second resource"),
        pytest.param("AUTH_RESOURCES", f"urn:{'x' * 253}", id="long resource"),
        pytest.param("AUTH_RESOURCES", " ".join(f"urn:x:{n}" for n in range(65)), id="too many"),
        pytest.param("AUTH_RESOURCES", "urn:a urn:b urn:a", id="one resource twice"),
        pytest.param("AUTH_RESOURCES", "http://127.0.0.1:8080", id="the audience again"),
        pytest.param("AUTH_RESOURCES", "http://127.0.0.1:8000", id="the issuer"),
        pytest.param("AUTH_CORS_ORIGINS", "*", id="any origin"),
        pytest.param("AUTH_CORS_ORIGINS", "https://a.example/", id="origin with a slash"),
        pytest.param("AUTH_CORS_ORIGINS", "https://a.example https://b.example/x", id="second"),
        pytest.param("AUTH_SIGNING_KEY_BITS", "1024", id="small key"),
        pytest.param("AUTH_ACCESS_TOKEN_LIFETIME", "0", id="no lifetime"),
        pytest.param("AUTH_ACCESS_TOKEN_LIFETIME", "86400", id="long lifetime"),
        pytest.param("AUTH_REGISTRATION", "maybe", id="registration"),
        pytest.param("AUTH_LOG_IN_ATTEMPTS", "1", id="no free attempt"),
        pytest.param("AUTH_PASSWORD_PARALLELISM", "16", id="more lanes than memory"),
        pytest.param("AUTH_DATABASE_URI", "x", id="unknown name"),
    ],
)
def test_a_setting_that_will_not_do_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("AUTH_PASSWORD_MEMORY_KIB", "64")
    monkeypatch.setenv(name, value)
    with pytest.raises(UnusableSettings) as refusal:
        Settings.load()
    assert name.removeprefix("AUTH_") in str(refusal.value)
    assert "s3cret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "issuer",
    [
        *("https://auth.example", "http://localhost:8000", "http://[::1]:8000"),
        *("https://auth.example/tenant", "https://auth.example:8443/a/b.c~d_e-f"),
    ],
)
def test_an_issuer_that_will_do_is_kept_as_it_is(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    monkeypatch.setenv("AUTH_ISSUER", issuer)
    assert Settings.load().issuer == issuer


def test_no_proxy_is_trusted_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().trusted_proxies == ()
    monkeypatch.setenv("AUTH_TRUSTED_PROXIES", "127.0.0.1 10.0.0.0/8 fd00::/8")
    assert Settings.load().trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "fd00::/8")


def test_origins_are_separated_by_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_CORS_ORIGINS", "https://a.example http://127.0.0.1:8080")
    monkeypatch.setenv("AUTH_SIGNING_KEY_BITS", "4096")
    settings = Settings.load()
    assert settings.cors_origins == ("https://a.example", "http://127.0.0.1:8080")
    assert settings.signing_key_bits == 4096


def test_resources_are_separated_by_spaces_and_kept_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings.load().audiences == ("http://127.0.0.1:8080",)
    resources = ("https://a.example", "https://a.example/", "HTTPS://a.example/x?y=%2F", "urn:a:b")
    monkeypatch.setenv("AUTH_RESOURCES", "  ".join(resources))
    assert Settings.load().audiences == ("http://127.0.0.1:8080", *resources)


def test_this_machine_is_fetched_from_only_by_an_issuer_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTH_FETCH_FROM_LOOPBACK", "true")
    assert Settings.load().fetch_from_loopback
    monkeypatch.setenv("AUTH_ISSUER", "https://auth.example")
    with pytest.raises(UnusableSettings, match="FETCH_FROM_LOOPBACK"):
        Settings.load()
