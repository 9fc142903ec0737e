"""An issuer's metadata, held against what it does (RFC 8414, OpenID Connect Discovery 1.0)."""

from dataclasses import dataclass
from typing import Any, Final

from resource_service.diagnosis.findings import cut, shown
from resource_service.doctor.client import Client, NoAnswer
from resource_service.doctor.record import Record, is_json
from resource_service.doctor.target import OPENID_CONFIGURATION, SERVER_METADATA
from resource_service.doctor.urls import problem, well_known

_LISTS: Final = (
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "protected_resources",
)
_REQUIRED: Final = ("issuer", "response_types_supported", "token_endpoint", "jwks_uri")
_REQUIRED_OF_OPENID: Final = (
    "authorization_endpoint",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
)
# What may be asked for nothing, by GET, without any harm; all the token endpoint does is its own.
_ENDPOINTS: Final = frozenset(
    {
        "authorization_endpoint",
        "device_authorization_endpoint",
        "end_session_endpoint",
        "introspection_endpoint",
        "pushed_authorization_request_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
    }
)
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500


@dataclass(frozen=True)
class Server:
    """What is needed of an issuer to go on."""

    issuer: str
    jwks_uri: str
    token_endpoint: str


async def examine(record: Record, client: Client, issuer: str, *, secure: bool) -> Server:
    """Check the metadata of an issuer; `secure` if it must be https even on loopback."""
    wrong = problem(issuer, secure=secure)
    record.require(
        not wrong,
        "issuer address",
        "RFC 8414 §2",
        wrong or shown(issuer),
        "Give the issuer an https address without query and fragment.",
    )
    metadata = await _metadata(record, client, issuer)
    _check_members(record, metadata)
    _check_urls(record, metadata, secure=secure)
    _check_values(record, metadata)
    await _check_endpoints(record, client, metadata)
    return Server(issuer, metadata["jwks_uri"], metadata["token_endpoint"])


async def _metadata(record: Record, client: Client, issuer: str) -> dict[str, Any]:
    """Fetch both documents, since some clients read the one and some the other."""
    address = well_known(issuer, SERVER_METADATA)
    documents = (
        ("issuer metadata", "RFC 8414 §3.2", "RFC 8414 §3.3", address),
        (
            "OpenID configuration",
            "OIDC Discovery §4.2",
            "OIDC Discovery §4.3",
            issuer.rstrip("/") + OPENID_CONFIGURATION,
        ),
    )
    found = []
    for check, section, identity, url in documents:
        document = await record.document(client, url, check, section, may_be_missing=True)
        if document is None:
            continue
        record.require(
            document.members.get("issuer") == issuer,
            "issuer identical",
            identity,
            f"{shown(document.members.get('issuer'))} at the metadata of {shown(issuer)}",
            "Write the issuer in one way everywhere, to the byte: mind the slash at the end.",
        )
        found.append(document.members)
    if not found:
        advice = f"Serve the metadata at {address}."
        record.require(False, "issuer metadata", "RFC 8414 §3.1", "404 at both addresses", advice)
    _check_agreement(record, found)
    return found[0]


def _check_agreement(record: Record, found: list[dict[str, Any]]) -> None:
    if len(found) == 1:
        return
    first, second = found
    differing = sorted(name for name in first.keys() & second.keys() if first[name] != second[name])
    record.expect(
        not differing,
        "documents agree",
        "RFC 8414 §5",
        f"they differ in {cut(', '.join(differing))}" if differing else "in all that both say",
        "Serve one document at both addresses.",
    )


def _check_members(record: Record, metadata: dict[str, Any]) -> None:
    wrong = [name for name in _LISTS if not _is_list_of_strings(metadata.get(name, []))]
    record.require(
        not wrong,
        "types of members",
        "RFC 8414 §2",
        f"not a list of strings: {', '.join(wrong)}" if wrong else "lists of strings",
        "Make these members JSON arrays of strings.",
    )
    required: tuple[str, ...] = _REQUIRED
    if "openid" in metadata.get("scopes_supported", ()):
        required += _REQUIRED_OF_OPENID
    missing = [name for name in required if name not in metadata]
    record.expect(
        not missing,
        "required members",
        "RFC 8414 §2",
        f"missing: {', '.join(missing)}" if missing else ", ".join(required),
        "Add the missing members to the metadata.",
    )


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _check_urls(record: Record, metadata: dict[str, Any], *, secure: bool) -> None:
    wrong = [
        f"{name}: {trouble}"
        for name, url in metadata.items()
        if (name.endswith("_endpoint") or name == "jwks_uri")
        and (trouble := problem(url, secure=secure, query=True))
    ]
    record.require(
        not wrong and {"jwks_uri", "token_endpoint"} <= metadata.keys(),
        "addresses",
        "RFC 8414 §2",
        cut("; ".join(wrong)) if wrong else "all of the issuer's scheme",
        "Use https for every address in the metadata, as for the issuer itself.",
    )


def _check_values(record: Record, metadata: dict[str, Any]) -> None:
    """What the security best current practice asks of the code flow, where there is one."""
    responses = metadata.get("response_types_supported", [])
    implicit = [value for value in responses if "token" in value.split()]
    record.expect(
        not implicit,
        "no implicit grant",
        "RFC 9700 §2.1.2",
        f"response types {shown(responses)}",
        "Offer no response type with `token`: access tokens do not belong into addresses.",
    )
    if "authorization_endpoint" not in metadata:
        return
    methods = metadata.get("code_challenge_methods_supported", [])
    record.expect(
        "S256" in methods,
        "PKCE",
        "RFC 9700 §2.1.1",
        f"code challenge methods {shown(methods)}",
        "Support PKCE with S256, and say so in code_challenge_methods_supported.",
    )


async def _check_endpoints(record: Record, client: Client, metadata: dict[str, Any]) -> None:
    """Ask for nothing at the addresses that are named: they must be there."""
    absent = []
    for name in sorted(_ENDPOINTS & metadata.keys()):
        try:
            status = (await client.ask("GET", metadata[name])).status
        except NoAnswer as error:
            absent.append(f"{name}: {error}")
            continue
        if status == _NOT_FOUND or status >= _SERVER_ERROR:
            absent.append(f"{name}: {status}")
    record.expect(
        not absent,
        "endpoints are there",
        "RFC 8414 §2",
        cut("; ".join(absent)) if absent else "every endpoint that is named answers",
        "Name only what the issuer really offers.",
    )
    await _check_refusal(record, client, metadata["token_endpoint"])


async def _check_refusal(record: Record, client: Client, url: str) -> None:
    """A token request for a grant that nobody has: refused, and by the book."""
    section, advice = "RFC 6749 §5.2", "Answer bad token requests with 400 and a JSON error code."
    try:
        answer = await client.ask("POST", url, form={"grant_type": "urn:sealgate:doctor"})
    except NoAnswer as error:
        record.require(False, "token endpoint", section, f"{url}: {error}", advice)
        return
    error_code = (answer.document() or {}).get("error")
    record.expect(
        answer.status in {400, 401} and is_json(answer) and isinstance(error_code, str),
        "token endpoint",
        section,
        f"refuses an unknown grant: {answer.summary}, error {shown(error_code)}",
        advice,
    )
