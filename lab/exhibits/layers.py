"""`layers`: one real request taken apart, by the octets that each layer adds."""

import asyncio
import socket
import struct
from typing import Final

from lab.client import Headers
from lab.exhibits import Exhibit, tls
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory

# What RFC 9293 §3.1 (with the time stamps of RFC 7323 §3), RFC 791 §3.1 and IEEE 802.3 §3.1.1
# put around each segment.
TCP: Final = 20 + 12
IP: Final = 20
ETHERNET: Final = 14 + 4
_LINUX_SEGMENTS: Final = (136, 140)  # offsets of tcpi_segs_out and tcpi_segs_in in tcp_info


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Send a request with a session and one with a token, on a connection of their own."""
    rows = []
    for name in ("redis", "rs256"):
        async with lab.fleet(name, (1,)) as fleet:
            credential = (await lab.visitor(fleet, 1)).log_in.credential
            port = int(fleet.fronts[1].rpartition(":")[2])
            sent, received, segments = await asyncio.to_thread(_ask, port, credential)
        encrypted = tls.octets_of_records(sent)
        rows.append((name, len(sent), received, segments, len(sent) + encrypted.overhead))
    sheet.title("One GET /whoami through the load balancer, counted by the kernel (TCP_INFO)")
    sheet.table(("credential", "request", "answer", "segments out and in", "request in TLS"), rows)
    sheet.title("The layers of that request, with the token")
    _, sent_octets, _, _, in_tls = rows[-1]
    one = in_tls <= 1448
    sheet.table(
        ("layer", "what does it here", "octets so far"),
        [
            ("7 application", "HTTP: request line, headers, the token", sent_octets),
            ("6, 5 (in TLS)", f"{encrypted.version}: encrypts, proves who the server is", in_tls),
            ("4 transport", "TCP: ports, order, acknowledgement", in_tls + TCP),
            ("3 network", "IP: addresses", in_tls + TCP + IP),
            ("2 data link", "Ethernet: the next hop", in_tls + TCP + IP + ETHERNET),
            ("1 physical", "bits", "-"),
        ],
    )
    sheet.say(
        "Layer 5 of the OSI model opens and closes dialogues between machines. A log-in session is"
        " a record of the application, on layer 7: the same word, another thing."
        + (" All of it fits into one segment." if one else "")
    )


def _ask(port: int, credential: Headers) -> tuple[bytes, int, str]:
    """Return the request, the octets of the answer, and the segments of the connection."""
    lines = ["GET /whoami HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in credential]
    sent = "\r\n".join([*lines, "", ""]).encode()
    received = 0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        while octets := connection.recv(65536):
            received += len(octets)
        return sent, received, _segments(connection)


def _segments(connection: socket.socket) -> str:
    if not hasattr(socket, "TCP_INFO"):
        return "?"
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    out, back = (struct.unpack_from("I", info, offset)[0] for offset in _LINUX_SEGMENTS)
    return f"{out} + {back}"


EXHIBIT: Final = Exhibit("The layers, in octets", run)
