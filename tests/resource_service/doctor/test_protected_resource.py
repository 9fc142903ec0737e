"""What can be wrong with an API before there is a token."""

import pytest

from tests.resource_service.doctor.changes import (
    Change,
    Examine,
    answers,
    assert_first_wrong,
    resource_says,
    without_token,
    wrong,
)
from tests.resource_service.doctor.pair import Pair, as_json, html, redirect

RESOURCE_METADATA = "/.well-known/oauth-protected-resource/api"


def slash_after_the_resource(pair: Pair) -> None:
    pair.resource_metadata["resource"] = pair.resource + "/"


WRONG = [
    wrong(
        "resource metadata missing",
        answers(RESOURCE_METADATA, as_json({}, 404)),
        "resource metadata",
        "RFC 9728 §3.2",
    ),
    wrong(
        "resource metadata in HTML",
        answers(RESOURCE_METADATA, html()),
        "resource metadata",
        "RFC 9728 §3.2",
    ),
    wrong(
        "resource metadata elsewhere",
        answers(RESOURCE_METADATA, redirect("/x")),
        "resource metadata",
        "RFC 9728 §3.2",
    ),
    wrong(
        "resource metadata for members",
        answers(RESOURCE_METADATA, html(401)),
        "resource metadata",
        "RFC 9728 §3.2",
    ),
    wrong(
        "resource metadata a list",
        answers(RESOURCE_METADATA, as_json([])),
        "resource metadata",
        "RFC 9728 §3.2",
    ),
    wrong("resource with a slash", slash_after_the_resource, "resource identical", "RFC 9728 §3.3"),
    wrong(
        "resource another",
        resource_says(resource="https://other.example"),
        "resource identical",
        "RFC 9728 §3.3",
    ),
    wrong(
        "resource without issuer",
        resource_says(authorization_servers=[]),
        "issuers named",
        "RFC 9728 §2",
    ),
    wrong(
        "issuers not a list",
        resource_says(authorization_servers="x"),
        "issuers named",
        "RFC 9728 §2",
    ),
    wrong(
        "issuers not text", resource_says(authorization_servers=[1]), "issuers named", "RFC 9728 §2"
    ),
    wrong(
        "tokens in the query",
        resource_says(bearer_methods_supported=["query"]),
        "token in the header",
        "RFC 9728 §2",
    ),
    wrong(
        "open to everybody",
        without_token(lambda _: as_json({})),
        "refused without a token",
        "RFC 6750 §3",
    ),
    wrong(
        "a log-in page",
        without_token(lambda _: redirect("/login")),
        "refused without a token",
        "RFC 6750 §3",
    ),
    wrong(
        "missing challenge",
        without_token(lambda _: as_json({}, 401)),
        "Bearer challenge",
        "RFC 6750 §3",
    ),
    wrong(
        "Basic challenge",
        without_token(lambda _: as_json({}, 401, {"www-authenticate": "Basic"})),
        "Bearer challenge",
        "RFC 6750 §3",
    ),
    wrong(
        "error without token",
        without_token(lambda pair: pair.refusal(401, 'error="invalid_token"')),
        "challenge without error",
        "RFC 6750 §3.1",
    ),
    wrong(
        "no way to the metadata",
        without_token(lambda _: as_json({}, 401, {"www-authenticate": "Bearer"})),
        "challenge leads to metadata",
        "RFC 9728 §5.1",
    ),
]


@pytest.mark.parametrize(("change", "check", "section"), WRONG)
async def test_what_is_wrong_is_named_with_its_section(
    pair: Pair, examined: Examine, change: Change, check: str, section: str
) -> None:
    change(pair)
    await assert_first_wrong(examined, check, section)
