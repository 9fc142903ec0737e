"""Getting an access token (RFC 6749 §4.4, §5.1), and what the verifier says of it."""

import base64
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from resource_service.diagnosis.explanation import explain
from resource_service.diagnosis.findings import shown
from resource_service.diagnosis.key_set import observed_key_set
from resource_service.diagnosis.status import observed_status_lists
from resource_service.doctor.authorization_server import Server
from resource_service.doctor.client import Answer, Client, NoAnswer
from resource_service.doctor.record import CannotGoOn, Record, is_json

_SECTION: Final = "RFC 6749 §5.1"


@dataclass(frozen=True)
class Credentials:
    """A confidential client's own; sent to `issuer` only, whatever an API says.

    An empty `issuer` stands for the one that the person asked to be examined.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


async def request(
    record: Record, client: Client, server: Server, credentials: Credentials, resource: str
) -> dict[str, Any]:
    """Ask for a token by client_credentials; return the answer's members."""
    check = "token request"
    try:
        answer = await ask(client, server, credentials, resource=resource)
    except NoAnswer as error:
        record.require(False, check, _SECTION, str(error), "Mend the token endpoint.")
        raise CannotGoOn from error
    document = answer.document() or {}
    refusal = {name: document[name] for name in ("error", "error_description") if name in document}
    record.require(
        answer.status == 200 and is_json(answer) and isinstance(document.get("access_token"), str),
        check,
        _SECTION,
        f"{answer.summary} {shown(refusal) if refusal else ''}".rstrip(),
        "See the error: check id and secret, that the client may use client_credentials, and that "
        "the issuer has this API among its resources.",
    )
    _check_response(record, answer, document)
    return document


async def ask(
    client: Client, server: Server, credentials: Credentials, **parameters: str
) -> Answer:
    """Send a token request, with the credentials form-encoded first (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(credentials.client_id)}:{quote_plus(credentials.client_secret)}"
    authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return await client.ask(
        "POST",
        server.token_endpoint,
        headers={"authorization": authorization, "accept": "application/json"},
        form={"grant_type": "client_credentials"} | {k: v for k, v in parameters.items() if v},
    )


def _check_response(record: Record, answer: Answer, document: dict[str, Any]) -> None:
    said = answer.headers.get("cache-control", "")
    record.expect(
        "no-store" in said.lower(),
        "token not stored",
        _SECTION,
        shown(said) if said else "no Cache-Control header",
        "Send Cache-Control: no-store with every token.",
    )
    token_type = document.get("token_type")
    record.expect(
        isinstance(token_type, str) and token_type.lower() == "bearer",
        "token_type",
        _SECTION,
        shown(token_type),
        'Say "token_type": "Bearer".',
    )
    expires_in = document.get("expires_in")
    record.expect(
        isinstance(expires_in, int) and not isinstance(expires_in, bool) and expires_in > 0,
        "expires_in",
        _SECTION,
        shown(expires_in),
        "Say in expires_in for how many seconds the token is good, as a number.",
    )


async def verify(record: Record, server: Server, token: str, audience: str) -> None:
    """Put the token before the verifier, with keys that are fetched as a replica fetches them."""
    async with (
        observed_key_set(server.jwks_uri) as observed,
        observed_status_lists(server.issuer, observed.keys) as statuses,
    ):
        explanation = await explain(
            token, observed.keys, server.issuer, audience, now=time.time(), statuses=statuses
        )
    failure = explanation.failure
    if failure is None:
        saw = f"{explanation.verdict.answer}: {len(explanation.findings)} checks"
        record.require(True, "token verified", "RFC 9068 §4", saw, "")
    else:
        saw = f"{failure.check}: {failure.saw}"
        record.require(False, "token verified", failure.section, saw, failure.advice)
