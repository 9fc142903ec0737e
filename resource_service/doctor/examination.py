"""The whole walk, from a URL to the first thing that is wrong."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from resource_service.diagnosis.findings import Finding, first_failure
from resource_service.doctor import (
    authorization_server,
    calls,
    key_set,
    protected_resource,
    token,
)
from resource_service.doctor.authorization_server import Server
from resource_service.doctor.client import Client, NoAnswer
from resource_service.doctor.protected_resource import Resource
from resource_service.doctor.record import CannotGoOn, Record
from resource_service.doctor.target import Target, find_target
from resource_service.doctor.token import Credentials
from resource_service.doctor.urls import problem


class _Stage(NamedTuple):
    check: str
    section: str


_ISSUER: Final = _Stage("issuer", "RFC 8414 §3")
_KEYS: Final = _Stage("keys", "RFC 7517 §5")
_TOKEN: Final = _Stage("token", "RFC 6749 §5.1")
_CALLS: Final = _Stage("calls with a token", "RFC 6750 §3.1")
_ANYBODY: Final = "RFC 9110 §3.3"
_NONE_GIVEN: Final = "none was given, and no client's credentials that are for this issuer"


@dataclass(frozen=True)
class Options:
    """What the walk may use.

    `token`: used instead of asking for one. `audience`: whom a token is for, if there is no
    API to be examined.
    """

    token: str = ""
    credentials: Credentials | None = None
    audience: str = ""


@dataclass(frozen=True)
class Report:
    """What was found at a URL, in the order of the walk."""

    url: str
    kind: Literal["resource", "issuer", "unknown"]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> Finding | None:
        """The first thing that is wrong."""
        return first_failure(self.findings)


class _Walk:
    def __init__(self, client: Client, url: str, options: Options) -> None:
        self.record = Record()
        self.kind: Literal["resource", "issuer", "unknown"] = "unknown"
        self._client = client
        self._url = url
        self._options = options
        self._ahead = [_ISSUER, _KEYS, _TOKEN, _CALLS]

    async def go(self) -> None:
        """Walk until the end, or until a strict client would stop."""
        record, client = self.record, self._client
        try:
            resource = await self._examine_resource()
            self._begin(_ISSUER)
            secure = self._url.startswith("https:")
            issuer = self._choose_issuer(resource)
            server = await authorization_server.examine(record, client, issuer, secure=secure)
            self._begin(_KEYS)
            await key_set.examine(record, client, server.jwks_uri)
            self._begin(_TOKEN)
            await self._examine_token(server, resource)
        except CannotGoOn:
            pass
        except NoAnswer as error:
            record.expect(False, "answers", _ANYBODY, str(error), "See why it stopped answering.")
        for stage in self._ahead:
            record.skip(*stage)

    def _begin(self, stage: _Stage) -> None:
        self._ahead.remove(stage)

    async def _examine_resource(self) -> Resource | None:
        """Return the API that is at the URL, or None if it is an issuer."""
        target = await self._find_target()
        self.kind = target.kind
        if target.kind == "issuer":
            self._ahead.remove(_CALLS)
            return None
        return await protected_resource.examine(
            self.record, self._client, self._url, target.identifier
        )

    async def _find_target(self) -> Target:
        record, url = self.record, self._url
        try:
            target = await find_target(self._client, url)
        except NoAnswer as error:
            advice = "Start it, or mend the way to it: name, port, certificate, proxy."
            record.expect(False, "anybody there", _ANYBODY, f"{url}: {error}", advice)
            raise CannotGoOn from error
        section, advice = "RFC 9728 §3, RFC 8414 §3", "Give the address of an API or an issuer."
        if target is None:
            record.expect(False, "API or issuer", section, "no metadata and no challenge", advice)
            raise CannotGoOn
        record.expect(True, "API or issuer", section, f"{target.kind} {target.identifier}", "")
        return target

    def _choose_issuer(self, resource: Resource | None) -> str:
        """Of several, take the one that we can get a token from."""
        if resource is None:
            return self._url
        ours = self._options.credentials
        return ours.issuer if ours and ours.issuer in resource.issuers else resource.issuers[0]

    async def _examine_token(self, server: Server, resource: Resource | None) -> None:
        """Take or get a token, verify it, use it; without one the walk ends here."""
        record, client, options = self.record, self._client, self._options
        audience = resource.identifier if resource else options.audience
        access_token, granted = options.token, {}
        credentials = self._credentials_for(server, resource)
        if not access_token and credentials:
            granted = await token.request(record, client, server, credentials, audience)
            access_token = granted["access_token"]
        if not access_token:
            record.skip(*_TOKEN, _NONE_GIVEN)
            return
        if not audience:
            record.skip("token verified", "RFC 9068 §4", "say with --audience whom it is for")
            return
        await token.verify(record, server, access_token, audience)
        if resource is None or resource.endpoint is None:
            return
        self._begin(_CALLS)
        await calls.examine(record, client, resource.endpoint, access_token)
        if granted and credentials:
            await calls.examine_scope(record, client, server, resource, credentials, granted)

    def _credentials_for(self, server: Server, resource: Resource | None) -> Credentials | None:
        """An API that names an issuer of its own choice gets nobody's secret sent there."""
        ours = self._options.credentials
        named_by_us = resource is None and ours and not ours.issuer
        return ours if ours and (named_by_us or ours.issuer == server.issuer) else None


async def examine(client: Client, url: str, options: Options) -> Report:
    """Examine an API or an issuer as a strict client would meet it.

    It goes on after a failure as far as there is something to go on with. What is asked of the
    services: reading, one token request that must be refused, and with credentials one or two
    token requests and calls that read. `ValueError` if the URL is none that it may ask.
    """
    if wrong := problem(url, secure=False, query=True):
        raise ValueError(wrong)
    walk = _Walk(client, url, options)
    await walk.go()
    return Report(url, walk.kind, tuple(walk.record.findings))
