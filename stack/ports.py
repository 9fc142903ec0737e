"""TCP ports on loopback: free ones, and who holds one that is not."""

import errno
import socket
from pathlib import Path

from stack.errors import StackError

_LISTENING = "0A"  # the state column of /proc/net/tcp


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, each a different one."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def require_free(port: int, purpose: str) -> None:
    """Raise `StackError` if somebody listens on the port, and name them where we may know."""
    with socket.socket() as probe:
        # As the servers do: a port that only waits out its last connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StackError(f"port {port} ({purpose}) cannot be used: {error}") from None
            raise StackError(
                f"port {port} ({purpose}) is in use{_holder(port)}: stop that first, or name other"
                " ports, as in `make run ARGS='--ports 9000,9001,9080,9081,9082'`"
            ) from None


def _holder(port: int) -> str:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) in sockets:
                process = descriptor.parent.parent
                name = (process / "comm").read_text().strip()
                return f" by {name} (process {process.name})"
        except OSError:  # not ours to look into, or gone by now
            continue
    return ""


def _listening_inodes(port: int) -> list[str]:
    inodes = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.append(columns[9])
    return inodes
