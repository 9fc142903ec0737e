"""docs/troubleshooting.md shows only lines that the commands still print."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resource_service.diagnosis.explanation import explain
from resource_service.diagnosis.findings import Finding
from resource_service.diagnosis.key_set import observed_key_set
from resource_service.doctor.client import open_client
from resource_service.doctor.examination import Options, examine
from resource_service.doctor.token import Credentials
from shared.jws import SigningKey
from tests.resource_service.doctor.pair import CLIENT_ID, CLIENT_SECRET, Pair, as_json

DOCS = (Path(__file__).parent.parent.parent / "docs" / "troubleshooting.md").read_text()
# Outcome, check, section: each two spaces from the next.
LINE = re.compile("^[✓✗\N{EN DASH}] (.+?) {2,}(.+?) {2,}", re.MULTILINE)


@pytest.fixture
async def pair(signing_key: SigningKey) -> AsyncIterator[Pair]:
    """One that offers OpenID Connect, as ours does."""
    pair = Pair(signing_key)
    await pair.start()
    pair.server_metadata["authorization_endpoint"] = f"{pair.issuer}/authorize"
    pair.answers["/authorize"] = lambda _: as_json({}, 400)
    document = as_json(pair.server_metadata)
    pair.answers["/.well-known/openid-configuration"] = lambda _: document
    yield pair
    await pair.stop()


def named(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(finding.check, finding.section) for finding in findings}


async def test_every_line_that_is_shown_is_one_that_is_printed(pair: Pair) -> None:
    status = {"status_list": {"idx": 7, "uri": f"{pair.issuer}/status-lists/0"}}
    token = pair.sign(auth_time=1, acr="1", amr=["pwd"], sid="s", status=status)
    async with observed_key_set(f"{pair.issuer}/keys") as observed:
        explanation = await explain(
            token, observed.keys, pair.issuer, pair.resource, now=time.time()
        )
    credentials = Credentials(pair.issuer, CLIENT_ID, CLIENT_SECRET)
    printed = named(explanation.findings)
    async with open_client(pair.resource) as client:
        for url in (pair.resource, pair.issuer + "/"):
            printed |= named(
                (await examine(client, url, Options(credentials=credentials))).findings
            )
    shown = set(LINE.findall(DOCS))
    assert len(shown) > 60
    assert shown <= printed


async def test_every_check_in_the_table_of_first_failures_is_one(pair: Pair) -> None:
    table = DOCS.partition("| the first `✗` |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {check for cell in cells for check in re.findall("`(.+?)`", cell)}
    async with observed_key_set(f"{pair.issuer}/keys") as observed:
        explanation = await explain("x", observed.keys, pair.issuer, pair.resource, now=0)
    assert len(listed) > 8
    assert listed <= {finding.check for finding in explanation.findings}
