"""The walk as a whole: where it leads, where it stops, and whom it tells a secret."""

import pytest

from resource_service.diagnosis.findings import Finding, Outcome
from resource_service.doctor.examination import Options, Report
from resource_service.doctor.token import Credentials
from tests.resource_service.doctor.changes import Examine
from tests.resource_service.doctor.pair import (
    CLIENT_ID,
    CLIENT_SECRET,
    Pair,
    Reply,
    Request,
    as_json,
    html,
    redirect,
)


def find(report: Report, check: str) -> Finding:
    [found] = [finding for finding in report.findings if finding.check == check]
    return found


def unseen(report: Report) -> list[str]:
    return [found.check for found in report.findings if found.outcome is Outcome.NOT_REACHED]


async def test_with_a_good_pair_nothing_is_wrong(examined: Examine) -> None:
    report = await examined()
    assert {finding.outcome for finding in report.findings} == {Outcome.PASSED}
    assert (report.kind, report.wrong) == ("resource", None)


@pytest.mark.parametrize("path", ["/things", "/things/7", "/?page=2"])
async def test_an_api_is_found_from_any_address_below_it(
    pair: Pair, examined: Examine, path: str
) -> None:
    pair.answers["/api" + path.partition("?")[0]] = pair.answers["/api"]
    report = await examined(pair.resource + path)
    assert (report.kind, report.wrong) == ("resource", None)
    assert find(report, "API or issuer").saw == f"resource {pair.resource}"


async def test_an_issuer_is_found_to_be_one(pair: Pair, examined: Examine) -> None:
    options = Options(credentials=Credentials("", CLIENT_ID, CLIENT_SECRET), audience=pair.resource)
    report = await examined(pair.issuer, options)
    assert (report.kind, report.wrong, unseen(report)) == ("issuer", None, [])
    assert find(report, "token verified").outcome is Outcome.PASSED


async def test_an_issuer_is_found_though_it_answers_everything_with_a_page(
    pair: Pair, examined: Examine
) -> None:
    page = html()
    pair.answers["/.well-known/oauth-protected-resource"] = lambda _: page
    assert (await examined(pair.issuer, Options())).kind == "issuer"


async def test_an_issuer_with_a_slash_too_many_is_told_its_name(
    pair: Pair, examined: Examine
) -> None:
    report = await examined(pair.issuer + "/", Options())
    assert report.wrong is not None
    assert report.wrong.section == "RFC 8414 §3.3"
    assert report.wrong.saw == f'"{pair.issuer}" at the metadata of "{pair.issuer}/"'


async def test_an_api_without_metadata_is_known_by_its_challenge(
    pair: Pair, examined: Examine
) -> None:
    pair.answers = {"/api": pair.answers["/api"]}
    report = await examined()
    assert report.kind == "resource"
    assert report.wrong is not None
    assert report.wrong.section == "RFC 9728 §3.2"
    assert unseen(report) == ["issuer", "keys", "token", "calls with a token"]


async def test_what_is_neither_is_said_to_be_neither(pair: Pair, examined: Examine) -> None:
    pair.answers.clear()
    report = await examined()
    assert report.kind == "unknown"
    assert report.wrong is not None
    assert report.wrong.saw == "no metadata and no challenge"


async def test_nobody_there(pair: Pair, examined: Examine) -> None:
    await pair.stop()
    report = await examined()
    assert report.kind == "unknown"
    assert report.wrong is not None
    assert report.wrong.check == "anybody there"
    await pair.start()


async def test_an_address_that_is_not_protected_itself_is_no_fault(
    pair: Pair, examined: Examine
) -> None:
    del pair.answers["/api"]
    report = await examined()
    assert report.wrong is None
    assert unseen(report) == ["refused without a token", "calls with a token"]


async def test_without_credentials_all_that_needs_no_token_is_examined(examined: Examine) -> None:
    report = await examined(options=Options())
    assert report.wrong is None
    assert unseen(report) == ["token", "calls with a token"]


async def test_a_token_that_is_given_is_used_and_none_is_asked_for(
    pair: Pair, examined: Examine
) -> None:
    report = await examined(options=Options(token=pair.sign()))
    assert report.wrong is None
    assert find(report, "with the token").outcome is Outcome.PASSED
    assert [r for r in pair.requests if "client_credentials" in r.body] == []


async def test_after_a_failure_it_goes_on_as_far_as_it_can(pair: Pair, examined: Examine) -> None:
    pair.key_set_headers.clear()
    pair.token_headers.clear()
    report = await examined()
    failed = [found.check for found in report.findings if found.outcome is Outcome.FAILED]
    assert failed == ["cache life", "token not stored"]
    assert report.wrong is not None
    assert report.wrong.check == "cache life"


async def test_a_secret_is_sent_to_no_issuer_but_its_own(pair: Pair, examined: Examine) -> None:
    """An API may name any issuer it likes: it would be handed the secret."""
    ours = Credentials("https://issuer.example", CLIENT_ID, CLIENT_SECRET)
    report = await examined(options=Options(credentials=ours))
    assert report.wrong is None
    assert "token" in unseen(report)
    assert [r for r in pair.requests if "authorization" in r.headers] == []


async def test_a_secret_without_an_issuer_is_sent_to_no_issuer_that_an_api_names(
    pair: Pair, examined: Examine
) -> None:
    ours = Credentials("", CLIENT_ID, CLIENT_SECRET)
    report = await examined(options=Options(credentials=ours))
    assert "token" in unseen(report)
    assert [r for r in pair.requests if "authorization" in r.headers] == []


async def test_of_several_issuers_the_one_with_our_credentials_is_taken(
    pair: Pair, examined: Examine
) -> None:
    others = ["https://first.example", pair.issuer]
    pair.resource_metadata["authorization_servers"] = others
    assert (await examined()).wrong is None


async def test_no_redirect_is_followed(pair: Pair, examined: Examine) -> None:
    pair.answers["/keys"] = lambda _: redirect("/elsewhere")
    report = await examined()
    assert report.wrong is not None
    assert "a redirect to /elsewhere" in report.wrong.saw
    assert "/elsewhere" not in {request.path for request in pair.requests}


async def test_an_api_that_stops_answering_half_way(pair: Pair, examined: Examine) -> None:
    usual = pair.answers["/api"]

    def answer(request: Request) -> Reply:
        if "authorization" in request.headers:
            raise ConnectionError
        return usual(request)

    pair.answers["/api"] = answer
    report = await examined()
    assert report.wrong is not None
    assert report.wrong.check == "answers"


async def test_nothing_is_written_or_deleted(pair: Pair, examined: Examine) -> None:
    await examined()
    methods = {(request.method, request.path) for request in pair.requests}
    assert {path for method, path in methods if method == "POST"} == {"/token"}
    assert {method for method, _ in methods} == {"GET", "POST", "PROPFIND"}


async def test_a_client_that_gets_no_lesser_token_sees_no_scope_refused(
    pair: Pair, examined: Examine
) -> None:
    usual = pair.answers["/token"]

    def answer(request: Request) -> Reply:
        refused = as_json({"error": "invalid_scope"}, 400)
        return refused if "scope=" in request.body else usual(request)

    pair.answers["/token"] = answer
    report = await examined()
    assert report.wrong is None
    assert unseen(report) == ["without the scope"]


@pytest.mark.parametrize(
    "url",
    ["", "issuer.example", "ftp://issuer.example", "http://issuer.example", "http://[", "\x1b"],
)
async def test_an_address_that_may_not_be_asked_is_refused_at_once(
    pair: Pair, examined: Examine, url: str
) -> None:
    with pytest.raises(ValueError, match="is no"):
        await examined(url or " ")
    assert pair.requests == []
