"""Every check of the access token verifier, in its order, with what it saw (RFC 9068 §4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from resource_service.diagnosis import claims, signature, status
from resource_service.diagnosis.dissection import Dissection
from resource_service.diagnosis.findings import Finding, Outcome, cut, first_failure
from resource_service.diagnosis.signature import FoundKey
from resource_service.diagnosis.steps import Step, Wrong
from shared.access_token import HEADER_RULES, LEEWAY, AccessTokenVerifier, Statuses
from shared.errors import InvalidToken, TemporarilyUnavailable
from shared.key_set import KeySet


@dataclass(frozen=True)
class Verdict:
    """What `AccessTokenVerifier.verify` itself says of the token."""

    answer: Literal["valid", "refused", "cannot know"]
    error: str = ""
    description: str = ""
    status_code: int = 200


@dataclass(frozen=True)
class Explanation:
    """All checks, and the verdict, which agrees with the first of them that failed."""

    findings: tuple[Finding, ...]
    verdict: Verdict

    @property
    def failure(self) -> Finding | None:
        """The check that decided, if the token was not found valid."""
        return first_failure(self.findings)


async def explain(
    token: str,
    keys: KeySet,
    issuer: str,
    audience: str,
    *,
    now: float,
    leeway: int = LEEWAY,
    statuses: Statuses | None = None,
) -> Explanation:
    """Check a token as a service with these keys, issuer and audience would at `now`.

    `now` and `leeway` are in seconds. The verdict is the real verifier's; the checks before it
    are made again here, one by one, and `tests/attacks/test_explained.py` holds the two
    together. A check that the verifier would not have come to is shown as not reached, with
    what the token says there, which is then nothing but a stranger's word.
    """
    dissection = Dissection(token)
    key = await _find_key(dissection, keys)
    expected = claims.Expected(issuer, audience, now, leeway)
    steps = [
        *signature.steps(key),
        *claims.type_steps(dissection),
        *claims.value_steps(expected),
    ]
    findings = tuple(_findings(dissection, steps))
    reached = first_failure(findings) is None
    last = await status.finding(dissection, statuses, reached=reached)
    verifier = AccessTokenVerifier(
        keys, issuer, audience, statuses=statuses, leeway=leeway, now=lambda: now
    )
    return Explanation((*findings, last), await _verdict(verifier, token))


async def _verdict(verifier: AccessTokenVerifier, token: str) -> Verdict:
    try:
        await verifier.verify(token)
    except InvalidToken as error:
        return Verdict("refused", error.error, error.description, error.status_code)
    except TemporarilyUnavailable as error:
        return Verdict("cannot know", error.error, error.description, error.status_code)
    return Verdict("valid")


async def _find_key(dissection: Dissection, keys: KeySet) -> FoundKey:
    """Ask for the key only if the verifier would: a malformed token causes no fetch."""
    try:
        for rule in HEADER_RULES:
            rule.check(dissection.header)
        _ = dissection.signature
    except (ValueError, RecursionError):
        return None
    try:
        return await keys.key(dissection.header["kid"])
    except TemporarilyUnavailable as error:
        return error


def _findings(dissection: Dissection, steps: Iterable[Step]) -> Iterator[Finding]:
    """Go on after a failure, to show the rest of the token as not reached."""
    failed = False
    for step in steps:
        try:
            found = Finding(step.check, Outcome.PASSED, step.look(dissection), step.section)
        except Wrong as wrong:
            found = _failure(step, wrong)
        except (ValueError, RecursionError) as error:
            # What cannot be had because of an earlier failure is not worth a word.
            found = _failure(step, Wrong("" if failed else _reason(error)))
        if failed:
            yield Finding(step.check, Outcome.NOT_REACHED, found.saw, step.section)
        else:
            yield found
        failed = failed or found.outcome is Outcome.FAILED


def _failure(step: Step, wrong: Wrong) -> Finding:
    return Finding(
        step.check,
        Outcome.FAILED,
        str(wrong),
        step.section,
        wrong.advice or step.advice,
        wrong.refusal or step.refusal,
    )


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else cut(str(error))
