"""Whether the token was revoked (draft-ietf-oauth-status-list §8.3)."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from resource_service.diagnosis.dissection import Dissection
from resource_service.diagnosis.findings import Finding, Outcome, shown
from resource_service.remote_status_lists import RemoteStatusLists
from resource_service.status_list import POLL, STALE, Policy
from resource_service.status_list_file import StatusListFile
from shared.access_token import Refusal, Statuses
from shared.errors import InvalidToken, TemporarilyUnavailable
from shared.key_set import KeySet
from shared.status_list import Reference

_CHECK: Final = "status"
_SECTION: Final = "status-list §8.3"  # of the draft
_REVOKED: Final = (
    "The log-in or the client was ended. Log in again; at the issuer `audit explain` says why."
)
_NOWHERE: Final = "The issuer must point to an entry of a status list of its own."
_OUT_OF_REACH: Final = "The token may be good. Start the issuer, or mend the way to its list."


async def finding(dissection: Dissection, statuses: Statuses | None, *, reached: bool) -> Finding:
    """Look the status up, if the verifier would come to it: else no list is fetched."""
    try:
        status = dissection.claim("status")
    except (ValueError, RecursionError):
        return Finding(_CHECK, Outcome.NOT_REACHED, "", _SECTION)
    reference = None if status is None else status.status_list
    saw = (
        "none: it cannot be revoked before exp"
        if reference is None
        else f"entry {reference.idx} of {shown(reference.uri)}"
    )
    if not reached:
        return Finding(_CHECK, Outcome.NOT_REACHED, saw, _SECTION)
    if reference is None:
        return Finding(_CHECK, Outcome.PASSED, saw, _SECTION)
    if statuses is None:
        return Finding(_CHECK, Outcome.PASSED, f"{saw}: not looked at", _SECTION)
    return await _look_up(statuses, reference, saw)


async def _look_up(statuses: Statuses, reference: Reference, entry: str) -> Finding:
    try:
        revoked = await statuses.look_up(reference)
    except InvalidToken:
        return _failed(f"{entry}: there is no such entry", Refusal.NO_STATUS, _NOWHERE)
    except TemporarilyUnavailable as error:
        return _failed(f"{entry}: {error.description}", "", _OUT_OF_REACH)
    if revoked:
        return _failed(f"{entry}: set", Refusal.REVOKED, _REVOKED)
    return Finding(_CHECK, Outcome.PASSED, f"{entry}: not set", _SECTION)


def _failed(saw: str, refusal: str, advice: str) -> Finding:
    return Finding(_CHECK, Outcome.FAILED, saw, _SECTION, advice, refusal)


@asynccontextmanager
async def observed_status_lists(
    issuer: str,
    keys: KeySet,
    *,
    poll: float = POLL,
    stale: float = STALE,
    file: Path | None = None,
) -> AsyncIterator[RemoteStatusLists]:
    """Follow the status lists as a replica does, but fetch none before a token points to it.

    `file` is where a replica keeps its lists (RESOURCE_STATUS_FILE): it is read, never written.
    """
    async with httpx.AsyncClient(trust_env=not issuer.startswith("http://")) as http:
        policy = Policy(http, keys, issuer, poll=poll, stale=stale)
        saved = None if file is None else _ReadOnly(file, issuer)
        statuses = RemoteStatusLists(policy, file=saved)
        async with statuses.kept_fresh():
            yield statuses


class _ReadOnly(StatusListFile):
    def save(self, lists: Iterable[tuple[str, str, float]]) -> None:
        """Leave the file to the replica whose it is."""
