"""C8: more ways to be wrong: every attack of the suite on our verifier and on naive ones.

The suite and the naive verifier are those of `tests/attacks`; there is no second copy of them.
"""

import tempfile
from pathlib import Path
from typing import Final

from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory
from shared.access_token import AccessTokenVerifier
from shared.errors import InvalidToken
from tests.attacks.flaws import Flaw, Refused
from tests.attacks.naive import NaiveVerifier
from tests.attacks.naive_maker import naive_maker
from tests.attacks.table import ATTACKS
from tests.attacks.world import AUDIENCE, ISSUER, Keys, World, the_world

# What is left out by somebody who decodes a token as the first search result shows it.
TUTORIAL: Final = (
    Flaw.ALG_FROM_HEADER
    | Flaw.HMAC_WITH_PUBLIC_KEY
    | Flaw.KID_IGNORED
    | Flaw.ANY_TYP
    | Flaw.CRIT_IGNORED
    | Flaw.CLAIMS_OPTIONAL
    | Flaw.ANY_AUD
    | Flaw.IAT_IGNORED
    | Flaw.NBF_IGNORED
    | Flaw.UNBOUNDED
    | Flaw.CRASHES
)


async def run(lab: Laboratory) -> Json:
    """Forge every token once and show it to all verifiers."""
    world = the_world()
    with tempfile.TemporaryDirectory() as folder:
        make = naive_maker(world, Path(folder))
        forged = {}
        for number, attack in enumerate(ATTACKS):
            if number % 20 == 0:
                lab.advance(f"attack {number + 1} of {len(ATTACKS)}")
            forged[attack.name] = attack.forge(world)
        verifiers = {
            "careful": make(Flaw(0)),
            "tutorial": make(TUTORIAL),
            "one flaw each": None,
        }
        outcomes = {
            name: {
                attack.name: _outcome(naive or make(attack.flaw), forged[attack.name])
                for attack in ATTACKS
            }
            for name, naive in verifiers.items()
        }
    outcomes["ours"] = {name: await _ours(world, token) for name, token in forged.items()}
    flaws = {flaw.name: sum(flaw in attack.flaw for attack in ATTACKS) for flaw in Flaw}
    return {"attacks": len(ATTACKS), "outcomes": outcomes, "flaws": flaws}


def _outcome(verifier: NaiveVerifier, token: str) -> str:
    try:
        verifier.verify(token)
    except Refused:
        return "refused"
    except Exception:  # noqa: BLE001 - whatever it is, it would be a 500
        return "crashed"
    return "accepted"


async def _ours(world: World, token: str) -> str:
    keys = Keys(world.issuer.signing_key.verification_key())
    verifier = AccessTokenVerifier(keys, ISSUER, AUDIENCE, now=lambda: world.now)
    try:
        await verifier.verify(token)
    except InvalidToken:
        return "refused"
    except Exception:  # noqa: BLE001 - whatever it is, it would be a 500
        return "crashed"
    return "accepted"


EXPERIMENT: Final = Experiment(
    id="C8", title="More ways to be wrong: the attack suite", run=run, seconds=8, quick_seconds=8
)
