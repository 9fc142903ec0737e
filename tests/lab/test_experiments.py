"""The harness itself: small runs of real experiments, and planted faults that it must notice."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab import demand, experiments, schemes
from lab.bench.client import request
from lab.bench.measure import LOAD_CORE, SERVER_CORE, pin
from lab.client import Client, Request
from lab.experiments import cost_per_request, faults, per_process_sessions
from lab.faults import FAULTS
from lab.honesty import AcceptsForgeries, changed, require_refusal
from lab.laboratory import Laboratory
from lab.log_out import log_out
from lab.report import measured
from lab.report.predictions import outcome
from lab.schemes import rs256_denylist
from lab.stores import Stores, issuer_of
from stack.stack import Stack


@pytest.fixture(scope="module")
async def lab(stack: Stack) -> AsyncIterator[Laboratory]:
    stack.state.path.chmod(0o711)
    folder = stack.state.path / "stores"
    async with Stores(folder, issuer_of(stack)) as stores, Client() as client:
        chance = random.Random(7)  # noqa: S311 - an order, no secret
        yield Laboratory(stack, stores, client, chance)


def test_every_experiment_can_be_found_and_bears_its_own_name() -> None:
    assert [experiments.find(name).id for name in experiments.MODULES] == list(experiments.MODULES)


async def test_e0_sessions_in_memory_miss_what_theory_says(lab: Laboratory) -> None:
    data = await per_process_sessions.run(lab, ("memory", "sticky", "redis"), (1, 2), rounds=1)
    shares = measured.refused_shares(data)
    assert {(name, n): found.value for name, by in shares.items() for n, found in by.items()} == {
        ("memory", 1): 0,
        ("memory", 2): 0.5,
        ("sticky", 1): 0,
        ("sticky", 2): 0,
        ("redis", 1): 0,
        ("redis", 2): 0,
    }


async def test_p1_only_what_has_a_store_makes_it_work(lab: Laboratory) -> None:
    data = await cost_per_request.run(
        lab, ("none", "redis", "rs256"), rounds=1, seconds=0.6, people=400
    )
    store = measured.costs(data, "store_us")
    assert store["rs256, new token"].value == store["none"].value == 0
    assert 2 < store["redis"].value < 200
    assert measured.round_trips(data)["redis"] == pytest.approx(1, abs=0.05)
    assert all(piece["requests"] > 50 for piece in data["slices"])


async def test_f1_and_f10_show_what_each_scheme_loses_and_lets_in(lab: Laboratory) -> None:
    short = {"F1": 6.0, "F10": 3.0}
    both = [replace(fault, seconds=short[fault.id]) for fault in FAULTS if fault.id in short]
    data = await faults.run(lab, ("memory", "redis", "rs256"), both)
    outcomes = {
        (one["fault"], one["scheme"]): outcome(data, one)
        for one in data["cells"]
        if one["front"] == "retrying"
    }
    assert outcomes == {
        ("F1", "memory"): "logged out",
        ("F1", "redis"): "nothing",
        ("F1", "rs256"): "nothing",
        (
            "F10",
            "memory",
        ): "accepted",  # the log-out reaches one replica, which may be the wrong one
        ("F10", "redis"): "nothing",
        ("F10", "rs256"): "accepted",
    }


async def test_a_planted_slow_store_becomes_the_limit_that_the_model_says(lab: Laboratory) -> None:
    scheme = schemes.find("postgres")
    [credential] = await lab.seed(scheme, await lab.people(1))
    requests = [request("GET", "/whoami", dict(credential))]
    found = {}
    for burden in (0, 40_000):
        variables = {"LAB_BURDEN": str(burden)}
        async with lab.replica("postgres", variables=variables) as (process, port):
            assert process.pid is not None
            pin(process.pid, SERVER_CORE)
            await demand.measure(process.pid, [], port, requests, 0.3)  # opens the connections
            for pid in lab.stores.pids(scheme):
                pin(pid, LOAD_CORE)
            store = lab.stores.pids(scheme)
            idle, began = _idle_seconds(LOAD_CORE), time.monotonic()
            found[burden] = await demand.measure(process.pid, store, port, requests, 1.0)
            idle_share = (_idle_seconds(LOAD_CORE) - idle) / (time.monotonic() - began)
    quick, slow = found.values()
    assert slow.store_us > 5 * quick.store_us
    assert slow.store_us > slow.app_us  # so its knee lies below one replica
    # The store's core is full, with what others take of it, and X is 1 / D at most.
    assert idle_share < 0.4
    assert slow.requests / slow.seconds < 1.05 * 1e6 / slow.store_us


def _idle_seconds(core: int) -> float:
    """Return for how long a core has had nothing to do since the machine started."""
    lines = Path("/proc/stat").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"cpu{core} ")]
    idle, waiting = line.split()[4:6]
    return (int(idle) + int(waiting)) / os.sysconf("SC_CLK_TCK")


async def test_a_planted_replica_that_accepts_anything_is_caught(lab: Laboratory) -> None:
    [credential] = await lab.seed(schemes.find("rs256"), await lab.people(1))
    async with lab.replica("none") as (_, open_port), lab.replica("rs256") as (_, port):
        with pytest.raises(AcceptsForgeries, match="200 to a forged credential"):
            await require_refusal(lab.client, f"http://127.0.0.1:{open_port}/whoami", credential)
        await require_refusal(lab.client, f"http://127.0.0.1:{port}/whoami", credential)
        there = f"http://127.0.0.1:{port}/whoami"
        with pytest.raises(AcceptsForgeries, match="what is good"):
            await require_refusal(lab.client, there, changed(credential))


async def test_a_revoked_token_is_refused_by_who_follows_the_list_and_by_nobody_else(
    lab: Laboratory,
) -> None:
    statuses = {}
    for name, poll in (("rs256", {}), ("rs256+status", {"RESOURCE_STATUS_POLL": "0.2"})):
        async with lab.fleet(name, (1,), variables=poll) as fleet:
            visitor = await lab.visitor(fleet, 1)
            assert (await lab.client.send(visitor.request(1))).status == 200
            assert await log_out(lab, visitor, fleet.fronts[1])
            await asyncio.sleep(1.0)
            statuses[name] = (await lab.client.send(visitor.request(1))).status
    assert statuses == {"rs256": 200, "rs256+status": 401}


async def test_a_denied_token_is_refused_at_once_and_nobody_knows_without_the_list(
    lab: Laboratory,
) -> None:
    [person, other] = await lab.people(2)
    scheme = schemes.find("rs256+denylist")
    good, denied = await lab.seed(scheme, [other, person])
    async with lab.replica(scheme.name) as (_, port):
        there = f"http://127.0.0.1:{port}/whoami"
        await require_refusal(lab.client, there, denied)
        await rs256_denylist.deny(lab.stores.places, person.claims)
        assert (await lab.client.send(Request("GET", there, denied))).status == 401
        assert (await lab.client.send(Request("GET", there, good))).status == 200
    nowhere = {"LAB_STORE_URL": "redis://127.0.0.1:1/0"}
    async with lab.replica(scheme.name, variables=nowhere) as (_, port):
        answer = await lab.client.send(Request("GET", f"http://127.0.0.1:{port}/whoami", good))
        assert (answer.status, answer.error) == (503, "temporarily_unavailable")


async def test_an_opaque_token_is_good_until_the_issuer_says_otherwise(lab: Laboratory) -> None:
    log_in = await schemes.find("opaque").log_in(
        lab.client, schemes.Site(lab.stack.auth_url, ""), lab.account
    )
    async with lab.replica("opaque") as (_, port):
        there = f"http://127.0.0.1:{port}/whoami"
        await require_refusal(lab.client, there, log_in.credential)
        form = [
            ("token", log_in.credential[0][1].removeprefix("Bearer ")),
            ("client_id", lab.account.public_client_id),
        ]
        assert (
            await lab.client.send(Request.form(f"{lab.stack.auth_url}/revoke", form))
        ).status == 200
        refused = await lab.client.send(Request("GET", there, log_in.credential))
        assert (refused.status, refused.error) == (401, "invalid_token")
