"""A stack, its stores and a folder for them, for as long as somebody works there."""

import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from lab.client import Client
from lab.laboratory import Laboratory
from lab.stores import Stores, issuer_of
from stack.layout import Ports, Settings
from stack.stack import Stack


@asynccontextmanager
async def laboratory(
    settings: Settings,
    chance: random.Random,
    *,
    ports: Ports | None = None,
    quick: bool = False,
    say: Callable[[str], None] = lambda _doing: None,
) -> AsyncIterator[Laboratory]:
    """Start a stack and stores in a folder of their own; all is gone afterwards."""
    with state_folder() as folder:
        say("starting issuer, databases and load balancer")
        async with (
            Stack(folder, ports or Ports.free(replicas=1), settings) as stack,
            Stores(folder / "stores", issuer_of(stack)) as stores,
            Client() as client,
        ):
            yield Laboratory(stack, stores, client, chance, quick=quick, advance=say)


@contextmanager
def state_folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards, with the databases in it."""
    with tempfile.TemporaryDirectory(prefix="sealgate-lab-") as name:
        folder = Path(name)
        try:
            yield folder
        finally:
            # A server's data may be elsewhere, behind a link, where its user can get at them.
            for data in (folder / "postgres", folder / "stores" / "postgres"):
                shutil.rmtree(data.resolve(), ignore_errors=True)
