"""Every setting of the resource service, read once at start from RESOURCE_* variables."""

import re
import socket
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from resource_service.status_list import POLL, STALE
from shared.settings import ServiceSettings

_VISIBLE: Final = re.compile(r"[!-~]+")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(ServiceSettings):
    """Settings of one replica. All replicas share everything but `host`, `port` and `replica`."""

    model_config = SettingsConfigDict(env_prefix="RESOURCE_", frozen=True, extra="forbid")

    issuer: str = "http://127.0.0.1:8000"
    audience: str = "http://127.0.0.1:8080"  # our resource identifier (RFC 9728 §1.2)
    jwks_uri: str = ""  # the issuer's /.well-known/jwks.json if empty
    jwks_file: Path | None = None  # keeps the last good key set across a restart
    # Seconds: keys are kept no shorter, whatever max-age the issuer says.
    jwks_shortest_life: int = Field(default=60, ge=1, le=3600)
    # Seconds between two polls of a status list; 0: none is followed, revocation is not seen.
    status_poll: float = Field(default=POLL, ge=0, le=60)
    status_stale: float = Field(default=STALE, ge=1, le=3600)  # seconds; then the gate closes
    status_lists_uri: str = ""  # which lists there are; the issuer's /status-lists if empty
    status_file: Path | None = None  # keeps the last good status lists across a restart
    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=1, le=1000)
    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    replica: str = Field(default="", pattern=r"^[!-~]{0,128}$")  # hostname:port if empty
    docs_client_id: str = ""  # prefilled in the docs page's Authorize
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("issuer", "audience")
    @classmethod
    def _without_extras(cls, value: str) -> str:
        """Issuer and audience are compared byte for byte, so one spelling only."""
        if value.endswith("/"):
            raise ValueError("must not end with a slash")
        return check_url(value)

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, object]) -> dict[str, object]:
        """Settings that follow from others when they are left out."""
        issuer = values.get("issuer") or cls.model_fields["issuer"].default
        port = values.get("port") or cls.model_fields["port"].default
        return {
            **values,
            "jwks_uri": values.get("jwks_uri") or f"{issuer}/.well-known/jwks.json",
            "status_lists_uri": values.get("status_lists_uri") or f"{issuer}/status-lists",
            "replica": values.get("replica") or f"{socket.gethostname()}:{port}",
        }

    @field_validator("jwks_uri", "status_lists_uri")
    @classmethod
    def _uri(cls, value: str) -> str:
        return check_url(value)

    @model_validator(mode="after")
    def _outlasts_a_poll(self) -> "Settings":
        if self.status_stale <= self.status_poll:
            raise ValueError("STATUS_STALE must be more than STATUS_POLL")
        return self


def check_url(value: str) -> str:
    """Return the URL if it is https, or http on the loopback interface, and no more than a URL.

    Keys fetched in clear over a network would be anybody's keys.
    """
    if not _VISIBLE.fullmatch(value):  # `urlsplit` drops line breaks without a word
        raise ValueError("must be an http or https URL")
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.hostname or url.username is not None:
        raise ValueError("must be an http or https URL")
    if "?" in value or "#" in value:
        raise ValueError("must have neither query nor fragment")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise ValueError("must be https, except on the loopback interface")
    if url.port == 0:  # or it raises a ValueError itself
        raise ValueError("must have a port that can be called")
    return value
