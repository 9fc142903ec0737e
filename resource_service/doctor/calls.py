"""Calling an API with a good token, and in ways that it must refuse (RFC 6750 §3.1)."""

from typing import Any, Final

from resource_service.diagnosis.findings import shown
from resource_service.doctor import token as tokens
from resource_service.doctor.authorization_server import Server
from resource_service.doctor.challenges import bearer
from resource_service.doctor.client import Answer, Client
from resource_service.doctor.protected_resource import Resource
from resource_service.doctor.record import Record
from resource_service.doctor.token import Credentials

# Safe by its definition (RFC 4918 §9.1), and foreign to most APIs.
_WRONG_METHOD: Final = "PROPFIND"
_SECTION: Final = "RFC 6750 §3.1"
_ADVICE: Final = {
    401: "The API refuses what the verifier finds good: compare its issuer, audience and clock.",
    403: "Give a token with the scope that the endpoint needs.",
}


async def examine(record: Record, client: Client, endpoint: str, token: str) -> None:
    """Call one endpoint with the token, with a forged one, and with a wrong method."""
    answer = await _call(client, endpoint, token)
    record.expect(
        200 <= answer.status < 300,
        "with the token",
        _SECTION if answer.status in {401, 403} else "RFC 6750 §2.1",
        _described(answer),
        _ADVICE.get(answer.status, "See the service's log: the token itself is good."),
    )
    answer = await _call(client, endpoint, _tampered(token))
    record.expect(
        answer.status == 401 and _error(answer) == "invalid_token",
        "with a forged token",
        _SECTION,
        _described(answer),
        'Answer 401 and a Bearer challenge with error="invalid_token" to a token that was changed.',
    )
    answer = await client.ask(_WRONG_METHOD, endpoint)
    allowed = answer.status == 405 and answer.headers.get("allow")
    record.expect(
        allowed or answer.status in {401, 404, 501},
        "with a wrong method",
        "RFC 9110 §15.5.6",
        f"{_WRONG_METHOD}: {answer.summary}, Allow: {shown(answer.headers.get('allow', ''))}",
        "Answer 405 with an Allow header, or 501, to a method that there is not.",
    )


async def examine_scope(
    record: Record,
    client: Client,
    server: Server,
    resource: Resource,
    credentials: Credentials,
    granted: dict[str, Any],
) -> None:
    """Call an endpoint that needs a scope with a token that has only another one."""
    check = "without the scope"
    scope = granted.get("scope")
    others = sorted(set(scope.split()) - resource.scope) if isinstance(scope, str) else []
    if not resource.scope or not others or resource.endpoint is None:
        record.skip(check, _SECTION, "cannot be seen: no token without the scope is to be had")
        return
    answer = await tokens.ask(
        client, server, credentials, resource=resource.identifier, scope=others[0]
    )
    lesser = (answer.document() or {}).get("access_token")
    if not isinstance(lesser, str):
        record.skip(check, _SECTION, f"no token for {shown(others[0])} alone: {answer.summary}")
        return
    answer = await _call(client, resource.endpoint, lesser)
    record.expect(
        answer.status == 403 and _error(answer) == "insufficient_scope",
        check,
        _SECTION,
        _described(answer),
        'Answer 403 with error="insufficient_scope" to a good token that lacks the scope.',
    )


async def _call(client: Client, url: str, token: str) -> Answer:
    return await client.ask("GET", url, headers={"authorization": f"Bearer {token}"})


def _tampered(token: str) -> str:
    """Change one character in the middle of the payload."""
    header, payload, signature = token.split(".")
    middle = len(payload) // 2
    other = "B" if payload[middle] == "A" else "A"
    return f"{header}.{payload[:middle]}{other}{payload[middle + 1 :]}.{signature}"


def _error(answer: Answer) -> str | None:
    challenge = bearer(answer.headers.get_list("www-authenticate"))
    return None if challenge is None else challenge.parameters.get("error")


def _described(answer: Answer) -> str:
    error = _error(answer)
    return f"{answer.summary}, error {shown(error)}" if error else answer.summary
