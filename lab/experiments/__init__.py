"""The experiments: one module each, named by the claim it settles.

`ALL` lists them in the order in which they run. An experiment returns raw measurements; what
they mean is worked out by the report, from the files alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, cast

from lab.laboratory import Laboratory

Json = dict[str, Any]
MODULES: Final = {
    "E0": "per_process_sessions",
    "P1": "cost_per_request",
    "F": "faults",
    "C1": "revocation",
    "C2": "deny_list",
    "P3": "distance",
    "P5": "leaked_configuration",
    "P7": "newcomer",
    "P8": "verified_tokens",
    "P2": "scaling",
    "C3": "size",
    "C4": "refresh",
    "C8": "attack_suite",
    "C9": "key_flood",
    "C10": "session_memory",
    "C11": "stickiness",
}
QUICK: Final = ("E0", "P1", "F", "C8")  # what fits into three minutes


@dataclass(frozen=True)
class Experiment:
    """One question to the machine; `seconds` and `quick_seconds` are what it takes, about.

    `alone`: the whole lab keeps to the second core, and what is measured has the first one.
    """

    id: str
    title: str
    run: Callable[[Laboratory], Awaitable[Json]]
    seconds: float
    quick_seconds: float
    auth: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False


def find(identity: str) -> Experiment:
    """Return an experiment; `KeyError` if there is none with this id."""
    module = import_module(f"lab.experiments.{MODULES[identity]}")
    return cast("Experiment", module.EXPERIMENT)
