"""`tcp-udp`: the same path that loses packets, without and with what makes TCP reliable.

The kernel's own TCP cannot be made to lose packets without root. So what TCP does is done here
by hand over UDP (RFC 9293 §3.8: numbers, acknowledgements, sending again), through a proxy that
really drops datagrams.
"""

import asyncio
import random
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Final

from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet

MESSAGES: Final = 400
LOSSES: Final = (0.0, 0.01, 0.05)
DELAY: Final = 0.005  # seconds, each way
SPACING: Final = 0.002  # seconds between two messages
PATIENCE: Final = 0.03  # seconds until a message that nobody has acknowledged is sent again
_SEED: Final = 7

Address = tuple[str, int]


class Path(asyncio.DatagramProtocol):
    """Passes datagrams on to `target`, late, and loses some: each with the same chance."""

    def __init__(self, target: Address, loss: float) -> None:
        self._target = target
        self._loss = loss
        self._chance = random.Random(_SEED)  # noqa: S311 - no secret
        self._transport: Any = None
        self._sender: Address | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Pass it on to the other end, or not."""
        if addr != self._target:
            self._sender = addr
        to = self._sender if addr == self._target else self._target
        if to is None or self._chance.random() < self._loss:
            return
        late = DELAY * self._chance.uniform(0.8, 1.6)  # so that one may overtake another
        asyncio.get_running_loop().call_later(late, self._pass_on, data, to)

    def _pass_on(self, data: bytes, to: Address) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, to)


@dataclass
class Receiver(asyncio.DatagramProtocol):
    """Hands messages over; with `orderly` it acknowledges each, and hands them over in turn."""

    orderly: bool
    handed_over: list[tuple[int, float]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _early: dict[int, float] = field(default_factory=dict)
    _next: int = 0
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Take a message: `NUMBER SENT_AT`."""
        number, sent_at = int(data.split()[0]), float(data.split()[1])
        if not self.orderly:
            self.handed_over.append((number, time.monotonic() - sent_at))
            return
        self._transport.sendto(b"%d" % number, addr)
        if number >= self._next:
            self._early.setdefault(number, sent_at)
        while self._next in self._early:
            at = self._early.pop(self._next)
            self.handed_over.append((self._next, time.monotonic() - at))
            self._next += 1
        if self._next == MESSAGES:
            self.done.set()


class Sender(asyncio.DatagramProtocol):
    """Sends numbered messages; with `patience` again and again, until they are acknowledged."""

    def __init__(self) -> None:
        self.sent = 0
        self._open: dict[int, bytes] = {}
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, _addr: Any) -> None:
        """Note an acknowledgement."""
        self._open.pop(int(data), None)

    async def send_all(self, *, again: bool) -> None:
        """Send every message on time."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number in range(MESSAGES):
            await asyncio.sleep(begin + number * SPACING - loop.time())
            message = b"%d %f" % (number, time.monotonic())
            if again:
                self._open[number] = message
                loop.call_later(PATIENCE, self._send_again, number)
            self._send(message)

    def _send(self, message: bytes) -> None:
        self.sent += 1
        self._transport.sendto(message)

    def _send_again(self, number: int) -> None:
        if number in self._open and not self._transport.is_closing():
            self._send(self._open[number])
            asyncio.get_running_loop().call_later(PATIENCE, self._send_again, number)


async def run(sheet: Sheet) -> None:
    """Send the same messages over the same path, both ways, for each loss."""
    rows = []
    for orderly, name in ((False, "UDP alone"), (True, "numbered, acknowledged, sent again")):
        for loss in LOSSES:
            rows.append((name, f"{loss:.0%}", *await _over(loss, orderly=orderly)))
    sheet.title(f"{MESSAGES} messages over a path of {DELAY * 1e3:.0f} ms that loses datagrams")
    columns = ("how", "loss", "sent", "arrived", "in order", "median", "99 %")
    sheet.table(columns, rows)
    sheet.say(
        "What TCP adds makes delivery certain and orderly, and it pays with time: one lost message"
        " holds up all that came after it. So TCP is the reliable one, not the fast one."
    )


async def _over(loss: float, *, orderly: bool) -> tuple[object, ...]:
    loop = asyncio.get_running_loop()
    receiver, sender = Receiver(orderly), Sender()
    here = ("127.0.0.1", 0)
    far, _ = await loop.create_datagram_endpoint(lambda: receiver, here)
    target = far.get_extra_info("sockname")
    path, _ = await loop.create_datagram_endpoint(lambda: Path(target, loss), here)
    near, _ = await loop.create_datagram_endpoint(
        lambda: sender, remote_addr=path.get_extra_info("sockname")
    )
    try:
        await sender.send_all(again=orderly)
        if orderly:
            await asyncio.wait_for(receiver.done.wait(), 10)
        else:
            await asyncio.sleep(0.1)
    finally:
        for transport in (far, path, near):
            transport.close()
    numbers = [number for number, _ in receiver.handed_over]
    late = sorted(latency * 1e3 for _, latency in receiver.handed_over)
    return (
        sender.sent,
        f"{len(set(numbers)) / MESSAGES:.1%}",
        "yes" if numbers == sorted(numbers) else "no",
        f"{statistics.median(late):.0f} ms",
        f"{late[int(len(late) * 0.99) - 1]:.0f} ms",
    )


EXHIBIT: Final = Exhibit("TCP and UDP on a path that loses packets", alone=run)
