"""Every setting of the auth service, read once at start from AUTH_* variables."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from auth_service import smtp
from shared.settings import ServiceSettings

_DAY = 86_400
STATUS_LIST_LIFETIME = 600  # of a Status List Token, from `iat` to `exp`
# One spelling only: nothing that a proxy or a browser would encode, decode or resolve.
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
# RFC 8707 §2: an absolute URI, so no fragment (RFC 3986 §4.3). Other URIs than addresses too.
_RESOURCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_RESOURCES: Final = 64
_RESOURCE_LENGTH: Final = 256  # characters: a row of the audit log has room for one


class Settings(ServiceSettings):
    """Settings of the auth service; times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="AUTH_", frozen=True, extra="forbid")

    issuer: str = "http://127.0.0.1:8000"
    audience: str = Field(
        default="http://127.0.0.1:8080", pattern=r"^[!-~]+$", max_length=_RESOURCE_LENGTH
    )
    resources: Annotated[tuple[str, ...], NoDecode] = ()  # beside `audience`
    database_url: SecretStr
    migration_database_url: SecretStr | None = None
    database_pool_size: int = Field(default=10, ge=1, le=200)
    key_encryption_key_file: Path
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()

    access_token_lifetime: int = Field(default=300, ge=1, le=3600)
    refresh_token_idle_lifetime: int = Field(default=14 * _DAY, ge=1)
    refresh_token_lifetime: int = Field(default=90 * _DAY, ge=1)
    session_idle_lifetime: int = Field(default=12 * 3600, ge=60)
    session_lifetime: int = Field(default=7 * _DAY, ge=60)
    refresh_grace: int = Field(default=10, ge=0, le=60)
    signing_key_bits: Literal[2048, 3072, 4096] = 2048
    jwks_max_age: int = Field(default=300, ge=1, le=86_400)
    key_rotation_period: int = Field(default=30 * _DAY, ge=0, le=3650 * _DAY)  # 0: by command only

    password_memory_kib: int = Field(default=19_456, ge=8, le=4 * 1024 * 1024)
    password_time_cost: int = Field(default=2, ge=1, le=100)
    password_parallelism: int = Field(default=1, ge=1, le=16)
    password_workers: int = Field(default=2, ge=1, le=64)
    password_queue: int = Field(default=32, ge=0, le=10_000)

    log_in_attempts: int = Field(default=10, ge=2, le=1_000_000)
    address_attempts: int = Field(default=60, ge=2, le=1_000_000)

    smtp_url: SecretStr | None = None
    mail_from: str | None = None

    registration: Literal["open", "closed"] = "open"
    client_registration: Literal["closed", "token", "open"] = "closed"
    client_registration_limit: int = Field(default=1000, ge=1, le=1_000_000)
    client_id_metadata_documents: bool = False
    fetch_from_loopback: bool = False  # clients' keys and documents: for development and tests
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def audiences(self) -> tuple[str, ...]:
        """Every resource that tokens are issued for, the default one first; not this server."""
        return (self.audience, *self.resources)

    @property
    def path(self) -> str:
        """The path of the issuer, under which everything is; empty if it has none."""
        return urlsplit(self.issuer).path

    @property
    def mail_sender(self) -> str:
        """Who mails are from; nobody reads what is sent back, if nothing is set."""
        host = urlsplit(self.issuer).hostname or ""
        return self.mail_from or f"no-reply@{'localhost' if _is_loopback(host) else host}"

    @property
    def longest_token_lifetime(self) -> int:
        """The longest life of anything that is signed: its key is needed for so long."""
        return max(self.access_token_lifetime, STATUS_LIST_LIFETIME)

    @field_validator("signing_key_bits", mode="before")
    @classmethod
    def _read_number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdigit() else value

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, issuer: str) -> str:
        """RFC 8414 §2, and no http but on loopback; compared byte for byte, so kept as it is."""
        url = urlsplit(issuer)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("must be an http or https address")
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ValueError("must be https, except on loopback")
        if issuer.endswith("/") or "?" in issuer or "#" in issuer or "@" in url.netloc:
            raise ValueError("must have no trailing slash, query, fragment or user")
        if not _PATH.fullmatch(url.path):
            raise ValueError("must have a plain path, such as /tenant, or none")
        return issuer

    @field_validator("smtp_url")
    @classmethod
    def _check_relay(cls, smtp_url: SecretStr | None) -> SecretStr | None:
        if smtp_url is None:
            return None
        url = urlsplit(smtp_url.get_secret_value())
        if url.scheme not in smtp.PORTS or not url.hostname or url.path.strip("/") or url.query:
            raise ValueError("must be smtps://, starttls:// or smtp:// and a host")
        if url.scheme == "smtp" and url.username and not _is_loopback(url.hostname):
            raise ValueError("must be smtps:// or starttls:// to send a password")
        return smtp_url

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, sender: str | None) -> str | None:
        if sender is not None and not re.fullmatch(r"[!-;=?A-~]+@[!-;=?A-~]+", sender):
            raise ValueError("must be an e-mail address")
        return sender

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            if ipaddress.ip_network(network).prefixlen == 0:
                raise ValueError("must not be every address there is")
        return networks

    @field_validator("cors_origins", "resources", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            url = urlsplit(origin)
            if url.scheme not in ("http", "https") or origin != f"{url.scheme}://{url.netloc}":
                raise ValueError("each must be an origin such as https://app.example")
        return origins

    @field_validator("resources")
    @classmethod
    def _check_resources(cls, resources: tuple[str, ...]) -> tuple[str, ...]:
        """Compared byte for byte, so kept as they are."""
        if len(resources) > _RESOURCES:
            raise ValueError(f"must be {_RESOURCES} at most")
        for resource in resources:
            if len(resource) > _RESOURCE_LENGTH or not _RESOURCE.fullmatch(resource):
                raise ValueError(
                    "each must be an absolute URI without a fragment, such as "
                    f"https://api.example/mcp, of {_RESOURCE_LENGTH} characters at most"
                )
            url = urlsplit(resource)
            if url.scheme in ("http", "https") and not url.hostname:
                raise ValueError("an http or https address must name a host")
        return resources

    @model_validator(mode="after")
    def _check_each_is_another(self) -> "Settings":
        # The issuer is the resource of `admin`, whose tokens nobody else may have.
        if self.issuer in self.resources or len(set(self.audiences)) < len(self.audiences):
            raise ValueError(
                "RESOURCES must not name ISSUER, nor AUDIENCE again, nor anything twice"
            )
        return self

    @model_validator(mode="after")
    def _check_loopback(self) -> "Settings":
        # draft-ietf-oauth-client-id-metadata-document §8.6: never in production.
        if self.fetch_from_loopback and not _is_loopback(urlsplit(self.issuer).hostname or ""):
            raise ValueError("FETCH_FROM_LOOPBACK is for an issuer on loopback")
        return self

    @model_validator(mode="after")
    def _check_argon2(self) -> "Settings":
        # RFC 9106 §3.1: at least 8 KiB for each lane.
        if self.password_memory_kib < 8 * self.password_parallelism:
            raise ValueError("PASSWORD_MEMORY_KIB must be at least 8 times PASSWORD_PARALLELISM")
        return self


def _is_loopback(hostname: str) -> bool:
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost"
