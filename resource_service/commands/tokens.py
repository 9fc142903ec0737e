"""`tokens explain`: why is this access token accepted or refused?"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import typer

from resource_service.commands import AsJson, read_token, refuse
from resource_service.commands.rendering import (
    as_members,
    print_facts,
    print_findings,
    print_json,
    print_verdict,
)
from resource_service.diagnosis.explanation import Explanation, explain
from resource_service.diagnosis.key_set import KeySetFacts, observed_key_set
from resource_service.diagnosis.status import observed_status_lists
from resource_service.settings import Settings
from shared.access_token import LEEWAY
from shared.settings import UnusableSettings

app = typer.Typer(help="Access tokens, as this service sees them.", no_args_is_help=True)

_EXIT_CODES: Final = {"valid": 0, "refused": 1, "cannot know": 2}
_NO_DATABASE: Final = "postgresql://"  # none is asked here


@app.callback()
def _tokens() -> None:
    """Have `explain` as a command, even while it is the only one."""


@app.command("explain")
def explain_token(
    jwt: Annotated[
        str,
        typer.Argument(metavar="[JWT|-]", help="The access token; by default on standard input."),
    ] = "-",
    issuer: Annotated[str, typer.Option(help="Instead of RESOURCE_ISSUER.")] = "",
    audience: Annotated[str, typer.Option(help="Instead of RESOURCE_AUDIENCE.")] = "",
    jwks_uri: Annotated[str, typer.Option(help="Instead of RESOURCE_JWKS_URI.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show every check that this service makes of an access token, and what it saw.

    Better hand the token over on standard input, so that no list of processes shows it. Exits
    with 0 if the token is valid, 1 if it is refused, 2 if nobody can know, since the issuer's
    keys or its list of revoked tokens are out of reach.
    """
    settings = _settings(issuer, audience, jwks_uri)
    token = read_token(jwt)
    observed = asyncio.run(_explain(token, settings))
    show = _show_json if as_json else _show
    show(settings, observed)
    verdict = observed.explanation.verdict
    if verdict.answer == "cannot know":
        refuse("; ".join((f"cannot know: {verdict.description}", *observed.keys.remarks)), 2)
    raise typer.Exit(_EXIT_CODES[verdict.answer])


def _settings(issuer: str, audience: str, jwks_uri: str) -> Settings:
    given = {"issuer": issuer, "audience": audience, "jwks_uri": jwks_uri}
    overrides = {name: value for name, value in given.items() if value}
    if issuer:
        overrides["jwks_uri"] = jwks_uri  # another issuer's keys are elsewhere
    try:
        return Settings.load(database_url=_NO_DATABASE, **overrides)
    except UnusableSettings as error:
        refuse(str(error), 2)


@dataclass(frozen=True)
class _Observed:
    """What was found, and the ages of status lists in seconds, None for one not had."""

    keys: KeySetFacts
    lists: Mapping[str, float | None]
    explanation: Explanation


async def _explain(token: str, settings: Settings) -> _Observed:
    async with AsyncExitStack() as stack:
        observed = await stack.enter_async_context(
            observed_key_set(settings.jwks_uri, settings.jwks_file)
        )
        statuses = None
        if settings.status_poll:
            statuses = await stack.enter_async_context(
                observed_status_lists(
                    settings.issuer,
                    observed.keys,
                    poll=settings.status_poll,
                    stale=settings.status_stale,
                    file=settings.status_file,
                )
            )
        explanation = await explain(
            token,
            observed.keys,
            settings.issuer,
            settings.audience,
            now=time.time(),
            statuses=statuses,
        )
        ages = {} if statuses is None else statuses.ages
        return _Observed(observed.facts(), ages, explanation)


def _show(settings: Settings, observed: _Observed) -> None:
    facts, explanation = observed.keys, observed.explanation
    print_facts(
        {
            "issuer": settings.issuer,
            "audience": settings.audience,
            "keys": f"{facts.jwks_uri}: {facts}",
            **_list_facts(observed.lists),
            "clock": f"the issuer's is {facts.clock}; the leeway is {LEEWAY} s"
            if facts.clock
            else "the issuer did not say what time it is",
            **{f"remark {number}": text for number, text in enumerate(facts.remarks, 1)},
        }
    )
    typer.echo()
    print_findings(explanation.findings)
    failure, verdict = explanation.failure, explanation.verdict
    text: str = verdict.answer
    if verdict.error:
        text += f": {verdict.status_code} {verdict.error}: {verdict.description}"
    print_verdict(text, good=verdict.answer == "valid", advice=failure.advice if failure else "")


def _list_facts(ages: Mapping[str, float | None]) -> dict[str, str]:
    """Say how old each list is that was read."""
    return {
        "list" if len(ages) == 1 else f"list {number}": f"{uri}: "
        + ("none at hand" if age is None else f"{round(age)} s old")
        for number, (uri, age) in enumerate(ages.items(), 1)
    }


def _show_json(settings: Settings, observed: _Observed) -> None:
    facts, explanation = observed.keys, observed.explanation
    said = asdict(explanation.verdict)
    verdict: dict[str, Any] = {name: value for name, value in said.items() if value != ""}
    clock = facts.clock
    print_json(
        {
            "verdict": verdict,
            "checks": [as_members(finding) for finding in explanation.findings],
            "issuer": settings.issuer,
            "audience": settings.audience,
            "leeway": LEEWAY,
            "clock": None if clock is None else {"ahead": clock.ahead, "within": clock.within},
            "key_set": {
                "jwks_uri": facts.jwks_uri,
                "kids": facts.kids,
                "age": facts.age,
                "usable": facts.usable,
                "remarks": facts.remarks,
            },
            "status_lists": [{"uri": uri, "age": age} for uri, age in observed.lists.items()],
        }
    )
