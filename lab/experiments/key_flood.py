"""C9: forged tokens with a new `kid` each: how many fetches of the JWKS do they cause?"""

import asyncio
import secrets
from typing import Final

import httpx

from lab.experiments import Experiment, Json
from lab.key_stand import KeyStand
from lab.laboratory import Laboratory
from resource_service.remote_key_set import COOLDOWN, RemoteKeySet

FLOOD: Final = 300


class WithoutCooldown(RemoteKeySet):
    """What a verifier does that fetches for every `kid` that it does not know: a planted flaw."""

    def _force(self) -> "asyncio.Task[None] | None":
        return self._begin()


async def run(lab: Laboratory) -> Json:
    """Ask both for `FLOOD` unknown keys, one after the other and all at once."""
    floods: list[Json] = []
    for name, kind in (("on", RemoteKeySet), ("off", WithoutCooldown)):
        for at_once in (False, True):
            lab.advance(f"cooldown {name}, {'all at once' if at_once else 'one by one'}")
            async with KeyStand() as stand, httpx.AsyncClient(trust_env=False) as http:
                keys = kind(http, stand.url)
                async with keys.kept_fresh():
                    assert await keys.key(stand.key.kid) is not None  # noqa: S101 - it is there
                    before = stand.fetches
                    await _flood(keys, at_once=at_once)
                    floods.append(
                        {
                            "cooldown": name,
                            "at_once": at_once,
                            "forged": FLOOD,
                            "fetches": stand.fetches - before,
                        }
                    )
    return {"floods": floods, "cooldown_seconds": COOLDOWN}


async def _flood(keys: RemoteKeySet, *, at_once: bool) -> None:
    kids = [secrets.token_urlsafe(8) for _ in range(FLOOD)]
    if at_once:
        await asyncio.gather(*(keys.key(kid) for kid in kids))
        return
    for kid in kids:
        await keys.key(kid)


EXPERIMENT: Final = Experiment(
    id="C9", title="The JWKS under a flood of unknown keys", run=run, seconds=15, quick_seconds=15
)
