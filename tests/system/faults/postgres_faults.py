"""What happens to a PostgreSQL server: it is killed, it freezes."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from stack.postgres import EmbeddedPostgres
from tests.processes import alive, descendants, wait_until


def kill(server: EmbeddedPostgres) -> None:
    """Send SIGKILL to every process of the server, whatever each is doing; wait for their end."""
    processes = _processes(server)
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    wait_until(lambda: server.pid is None and not any(map(alive, processes)))


@contextmanager
def frozen(server: EmbeddedPostgres) -> Iterator[None]:
    """Stop every process of the server in its tracks; connections stay open, nobody answers."""
    processes = _processes(server)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def _processes(server: EmbeddedPostgres) -> list[int]:
    """The postmaster first: what it starts in the meantime ends with it."""
    assert server.pid is not None
    return [server.pid, *descendants(server.pid)]
