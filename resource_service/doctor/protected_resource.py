"""An API before anybody has a token: its metadata (RFC 9728) and its challenge (RFC 6750 §3)."""

from dataclasses import dataclass
from typing import Any, Final

from resource_service.diagnosis.findings import cut, shown
from resource_service.doctor.challenges import bearer
from resource_service.doctor.client import Answer, Client
from resource_service.doctor.record import Record
from resource_service.doctor.target import RESOURCE_METADATA
from resource_service.doctor.urls import problem, well_known

_CHALLENGE: Final = "RFC 6750 §3"
_NO_ENDPOINT: Final = "nothing protected here: give the address of an endpoint"


@dataclass(frozen=True)
class Resource:
    """An API: `endpoint` is something protected, None if nothing is known to be.

    `scope` is what the endpoint says it needs.
    """

    identifier: str
    issuers: tuple[str, ...]
    endpoint: str | None
    scope: frozenset[str]


async def examine(record: Record, client: Client, url: str, identifier: str) -> Resource:
    """Read the metadata of `identifier` and ask for `url` without a token."""
    secure = url.startswith("https:")
    wrong = problem(url, secure=secure, query=True)
    record.require(
        not wrong, "address", "RFC 9728 §1.2", wrong or shown(url), "Give the API an https address."
    )
    address = well_known(identifier, RESOURCE_METADATA)
    document = await record.document(client, address, "resource metadata", "RFC 9728 §3.2")
    issuers = _check_metadata(record, document.members, url, identifier)
    endpoint, scope = await _check_challenge(record, client, url, address)
    return Resource(identifier, issuers, endpoint, scope)


def _check_metadata(
    record: Record, metadata: dict[str, Any], url: str, identifier: str
) -> tuple[str, ...]:
    said = metadata.get("resource")
    record.require(
        # With and without a slash at the end are two names, and only one of them is ours.
        said == identifier or (said == url and url.rstrip("/") == identifier),
        "resource identical",
        "RFC 9728 §3.3",
        f"{shown(said)} at the metadata of {shown(identifier)}",
        "Set the API's resource identifier to exactly the address that clients use.",
    )
    servers = metadata.get("authorization_servers")
    named = isinstance(servers, list) and servers and all(isinstance(s, str) for s in servers)
    record.require(
        named,
        "issuers named",
        "RFC 9728 §2",
        shown(servers),
        "Name the issuer in authorization_servers, a list of addresses.",
    )
    methods = metadata.get("bearer_methods_supported", ["header"])
    record.expect(
        isinstance(methods, list) and "header" in methods,
        "token in the header",
        "RFC 9728 §2",
        shown(methods),
        "Take tokens from the Authorization header, and say so in bearer_methods_supported.",
    )
    return tuple(servers or ())


async def _check_challenge(
    record: Record, client: Client, url: str, metadata_url: str
) -> tuple[str | None, frozenset[str]]:
    """Return the endpoint, if it turns out to be one, and the scope that it asks for."""
    answer = await client.ask("GET", url)
    if answer.status in {404, 405}:
        record.skip("refused without a token", _CHALLENGE, f"{answer.summary}; {_NO_ENDPOINT}")
        return None, frozenset()
    refused = record.expect(
        answer.status == 401,
        "refused without a token",
        _CHALLENGE,
        f"{url}: {answer.summary}",
        "Answer 401 to a request without a token; as it is, this address is not protected so.",
    )
    if not refused:
        return None, frozenset()
    return url, _check_parameters(record, answer, metadata_url)


def _check_parameters(record: Record, answer: Answer, metadata_url: str) -> frozenset[str]:
    values = answer.headers.get_list("www-authenticate")
    challenge = bearer(values)
    record.expect(
        challenge is not None,
        "Bearer challenge",
        _CHALLENGE,
        cut(", ".join(values)) or "no WWW-Authenticate header",
        "Send WWW-Authenticate: Bearer with every 401, also through proxies.",
    )
    if challenge is None:
        return frozenset()
    parameters = challenge.parameters
    record.expect(
        "error" not in parameters,
        "challenge without error",
        "RFC 6750 §3.1",
        f"error={shown(parameters['error'])}" if "error" in parameters else "no error code",
        "Leave the error code out where no token was sent: nothing was wrong with one.",
    )
    said = parameters.get("resource_metadata")
    record.expect(
        said == metadata_url,
        "challenge leads to metadata",
        "RFC 9728 §5.1",
        shown(said) if said else "no resource_metadata",
        f'Add resource_metadata="{metadata_url}" to the challenge.',
    )
    return frozenset(parameters.get("scope", "").split())
