"""Each attack is first seen to fool the naive verifier, then refused by ours (RFC 8725)."""

import pytest

from shared.access_token import AccessTokenVerifier
from shared.errors import InvalidToken
from tests.attacks.attack import Attack
from tests.attacks.flaws import Flaw, Refused
from tests.attacks.naive import Naive, NaiveVerifier
from tests.attacks.table import ATTACKS
from tests.attacks.world import Keys, World

each_attack = pytest.mark.parametrize(
    "attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS]
)


def outcome(verifier: NaiveVerifier, token: str) -> str:
    try:
        verifier.verify(token)
    except Refused:
        return "refused"
    except Exception:  # noqa: BLE001 - whatever it is, it would be a 500
        return "crashed"
    return "accepted"


def test_no_two_attacks_have_one_name() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def test_every_flaw_of_the_naive_verifier_is_used_by_some_attack() -> None:
    used = Flaw(0)
    for attack in ATTACKS:
        used |= attack.flaw
    assert list(~used) == []


async def test_a_good_token_passes_both(
    world: World, verifier: AccessTokenVerifier, naive: Naive
) -> None:
    token = world.token()
    assert naive(Flaw(0)).verify(token) == world.claims()
    assert (await verifier.verify(token)).sub == world.claims()["sub"]


@each_attack
def test_the_naive_verifier_is_fooled(world: World, naive: Naive, attack: Attack) -> None:
    token = attack.forge(world)
    assert outcome(naive(attack.flaw), token) == attack.naive
    assert outcome(naive(Flaw(0)), token) == "refused"  # so it was this flaw that did it


@each_attack
async def test_ours_is_not(
    world: World, verifier: AccessTokenVerifier, keys: Keys, attack: Attack
) -> None:
    token = attack.forge(world)
    for _ in range(2):  # what was refused once is not remembered as good
        with pytest.raises(InvalidToken) as refusal:
            await verifier.verify(token)
        assert refusal.value.description == attack.refusal
    hostile = [kid for kid in keys.asked_for if len(kid) > 128 or not kid.isascii()]
    assert hostile == []
