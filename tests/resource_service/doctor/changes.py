"""Ways to make a pair wrong, and what is to be said of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from resource_service.diagnosis.findings import Outcome
from resource_service.doctor.examination import Report
from tests.resource_service.doctor.pair import Pair, Reply, Request

Change = Callable[[Pair], object]
Examine = Callable[..., Awaitable[Report]]


def wrong(name: str, change: Change, check: str, section: str) -> Any:
    """A row: what is made wrong, and the check and the section that are to be named."""
    return pytest.param(change, check, section, id=name)


def resource_says(**members: Any) -> Change:
    return lambda pair: pair.resource_metadata.update(members)


def server_says(**members: Any) -> Change:
    """`{issuer}` in a text stands for the issuer's address."""

    def change(pair: Pair) -> None:
        for name, value in members.items():
            text = value.format(issuer=pair.issuer) if isinstance(value, str) else value
            pair.server_metadata[name] = text

    return change


def server_does_not_say(name: str) -> Change:
    return lambda pair: pair.server_metadata.pop(name)


def answers(path: str, reply: Reply) -> Change:
    return lambda pair: pair.answers.update({path: lambda _: reply})


def claims(**changes: Any) -> Change:
    """Tokens that say something else than they should."""
    return lambda pair: pair.token_claims.update(changes)


def without_token(respond: Callable[[Pair], Reply]) -> Change:
    """What the API answers to those who bring no token, and nothing else."""

    def change(pair: Pair) -> None:
        usual = pair.answers["/api"]

        def answer(request: Request) -> Reply:
            return usual(request) if "authorization" in request.headers else respond(pair)

        pair.answers["/api"] = answer

    return change


def with_token(respond: Callable[[Pair, str], Reply]) -> Change:
    """What the API answers to those who bring a token."""

    def change(pair: Pair) -> None:
        usual = pair.answers["/api"]

        def answer(request: Request) -> Reply:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            return respond(pair, token) if scheme else usual(request)

        pair.answers["/api"] = answer

    return change


async def assert_first_wrong(examined: Examine, check: str, section: str) -> None:
    """The check and the section are named, with something seen and something to do."""
    report = await examined()
    assert report.wrong is not None
    assert (report.wrong.check, report.wrong.section) == (check, section)
    assert report.wrong.saw
    assert report.wrong.advice
    assert all(finding.saw.isprintable() for finding in report.findings)
    after = report.findings[report.findings.index(report.wrong) :]
    assert all(finding.saw for finding in after if finding.outcome is not Outcome.NOT_REACHED)
