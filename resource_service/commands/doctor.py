"""`doctor`: what is the first thing wrong with this API, or with this issuer?"""

import asyncio
import os
from typing import Annotated

import typer

from resource_service.commands import AsJson, read_token, refuse
from resource_service.commands.rendering import (
    as_members,
    print_facts,
    print_findings,
    print_json,
    print_verdict,
)
from resource_service.diagnosis.findings import Outcome
from resource_service.doctor.client import open_client
from resource_service.doctor.examination import Options, Report, examine
from resource_service.doctor.token import Credentials


def doctor(
    url: Annotated[str, typer.Argument(help="An API, one of its endpoints, or an issuer.")],
    token: Annotated[
        str, typer.Option(metavar="-", help="`-`: read an access token from standard input.")
    ] = "",
    audience: Annotated[
        str, typer.Option(help="Whom a token is for, if the URL is an issuer.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Walk through an API and its issuer as a strict client would.

    The first thing that is wrong is named, with the section of the standard that asks for it,
    and what to do. Nothing is changed anywhere.

    With DOCTOR_CLIENT_ID and DOCTOR_CLIENT_SECRET in the environment it gets a token by
    client_credentials. They are sent to the issuer that DOCTOR_ISSUER names and to no other;
    without it, to the URL if that is an issuer.

    Exits with 0 if nothing is wrong, 1 if something is, 2 if it may not ask this URL.
    """
    if token not in {"", "-"}:
        refuse("a token is read from standard input only: --token -", 2)
    options = Options(read_token(token) if token else "", _credentials(), audience)
    try:
        report = asyncio.run(_examine(url, options))
    except ValueError as error:
        refuse(str(error), 2)
    show = _show_json if as_json else _show
    show(report)
    raise typer.Exit(0 if report.wrong is None else 1)


def _credentials() -> Credentials | None:
    """Take them from the environment, where no list of processes shows them."""
    issuer, client_id, client_secret = (
        os.environ.get(f"DOCTOR_{name}", "") for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")
    )
    return Credentials(issuer, client_id, client_secret) if client_id and client_secret else None


async def _examine(url: str, options: Options) -> Report:
    async with open_client(url) as client:
        return await examine(client, url, options)


def _show(report: Report) -> None:
    print_facts({report.kind: report.url})
    typer.echo()
    print_findings(report.findings)
    wrong = report.wrong
    if wrong is None:
        unseen = sum(found.outcome is Outcome.NOT_REACHED for found in report.findings)
        rest = f"; {unseen} could not be made, see above" if unseen else ""
        made = len(report.findings) - unseen
        print_verdict(f"Nothing is wrong: {made} checks{rest}.", good=True)
    else:
        print_verdict(
            f"First wrong: {wrong.check} ({wrong.section}): {wrong.saw}",
            good=False,
            advice=wrong.advice,
        )


def _show_json(report: Report) -> None:
    wrong = report.wrong
    print_json(
        {
            "url": report.url,
            "kind": report.kind,
            "wrong": None if wrong is None else as_members(wrong),
            "checks": [as_members(finding) for finding in report.findings],
        }
    )
