"""`tokens explain` and the verifier say the same of every attack, so they cannot drift apart."""

import pytest

from resource_service.diagnosis.explanation import Explanation, explain
from resource_service.diagnosis.findings import Outcome
from shared.access_token import LEEWAY
from tests.attacks.attack import Attack
from tests.attacks.table import ATTACKS
from tests.attacks.test_dates import LEEWAY as CLOCKS
from tests.attacks.world import AUDIENCE, ISSUER, Keys, World


async def explained(world: World, keys: Keys, token: str, ahead: float = 0) -> Explanation:
    return await explain(token, keys, ISSUER, AUDIENCE, now=world.now + ahead)


def told(explanation: Explanation) -> str:
    """Everything that a person gets to see."""
    return "\n".join(str(finding) for finding in explanation.findings)


async def test_a_good_token_passes_every_check(world: World, keys: Keys) -> None:
    explanation = await explained(world, keys, world.token())
    assert {finding.outcome for finding in explanation.findings} == {Outcome.PASSED}
    assert explanation.verdict.answer == "valid"


@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS])
async def test_the_first_failure_is_what_the_verifier_says(
    world: World, keys: Keys, attack: Attack
) -> None:
    token = attack.forge(world)
    explanation = await explained(world, keys, token)
    assert explanation.failure is not None
    assert explanation.failure.refusal == explanation.verdict.description == attack.refusal
    assert (explanation.verdict.answer, explanation.verdict.status_code) == ("refused", 401)
    assert explanation.failure.saw
    assert explanation.failure.section
    assert explanation.failure.advice


@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS])
async def test_nothing_after_the_first_failure_counts(
    world: World, keys: Keys, attack: Attack
) -> None:
    findings = (await explained(world, keys, attack.forge(world))).findings
    outcomes = [finding.outcome for finding in findings]
    failed = outcomes.index(Outcome.FAILED)
    assert outcomes[:failed] == [Outcome.PASSED] * failed
    assert set(outcomes[failed + 1 :]) <= {Outcome.NOT_REACHED}


@pytest.mark.parametrize("attack", [pytest.param(attack, id=attack.name) for attack in ATTACKS])
async def test_no_attack_writes_to_the_terminal_or_gets_a_signature_shown(
    world: World, keys: Keys, attack: Attack
) -> None:
    token = attack.forge(world)
    lines = told(await explained(world, keys, token))
    assert lines.replace("\n", "").replace("…", "").replace("§", "").isascii()
    assert all(line.isprintable() for line in lines.split("\n"))
    signature = token.rpartition(".")[2]
    assert len(signature) < 8 or signature[:24] not in lines


@pytest.mark.parametrize(("ahead", "fresh", "expiring"), CLOCKS)
async def test_clocks_that_differ(
    world: World, keys: Keys, ahead: float, fresh: str | None, expiring: str | None
) -> None:
    new = world.token(claims=world.claims(iat=world.now, exp=world.now + 10**6))
    old = world.token(claims=world.claims(iat=world.now - 300, exp=world.now))
    for token, refusal in ((new, fresh), (old, expiring)):
        explanation = await explained(world, keys, token, ahead)
        failure = explanation.failure
        assert (failure.refusal if failure else None) == refusal
        assert explanation.verdict.description == (refusal or "")
        if refusal:
            assert failure is not None
            assert f"more than the leeway of {LEEWAY} s" in failure.saw
