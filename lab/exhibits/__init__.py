"""The exhibits: short lessons over real processes and real tokens, a module for each concept.

`EXHIBITS` lists them in the order in which docs/lessons.md walks through them. A lesson prints
what really happened; nothing in it is made up beforehand.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Final, cast

from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory

EXHIBITS: Final = (
    "session-flow",
    "session-end",
    "session-store",
    "tcp-udp",
    "layers",
    "keys",
    "rsa",
    "rfc",
    "jwt",
    "several-servers",
    "same-origin",
    "basic",
    "bearer",
    "two-flows",
)


class Missing(Exception):
    """Something that a lesson needs is not on this machine; the text says what."""


@dataclass(frozen=True)
class Exhibit:
    """One lesson. Either `run`, which gets a laboratory, or `alone`, which needs none."""

    title: str
    run: Callable[[Sheet, Laboratory], Awaitable[None]] | None = None
    alone: Callable[[Sheet], Awaitable[None]] | None = None


def find(name: str) -> Exhibit:
    """Return an exhibit of `EXHIBITS`; `KeyError` for any other name."""
    if name not in EXHIBITS:
        raise KeyError(name)
    module = import_module(f"lab.exhibits.{name.replace('-', '_')}")
    return cast("Exhibit", module.EXHIBIT)
