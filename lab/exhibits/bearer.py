"""`bearer`: whoever has the token is the user, from anywhere, until it ends."""

import asyncio
import http.client
import time
from collections.abc import Callable
from typing import Final

from lab.exhibits import Exhibit
from lab.exhibits.jwt import real_keys
from lab.exhibits.sheet import Sheet
from lab.fleet import Visitor
from lab.laboratory import Laboratory
from lab.log_out import log_out
from lab.schemes.password_check import claims
from resource_service.status_list import POLL
from shared.access_token import LEEWAY, AccessTokenVerifier
from shared.errors import InvalidToken

_PATIENCE: Final = 3 * POLL


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Steal a token, use it, wait for its end, and revoke another one."""
    sheet.title("The same token, from its owner and from a thief")
    async with lab.fleet("rs256+status", (2,)) as fleet:
        visitor = await lab.visitor(fleet, 2)
        rows = []
        for who, source, agent in (
            ("the owner", "127.0.0.1", "laptop"),
            ("a thief, elsewhere", "127.0.0.9", "curl"),
            ("the thief again", "127.0.0.9", "curl"),
        ):
            rows.append((who, source, await asyncio.to_thread(_ask, visitor, source, agent)))
        sheet.table(("who", "from", "answer"), rows)
        sheet.say("The signature is good, whoever sends it: it does not stop a replay.")
        await _turn_the_clock(sheet, lab)
        sheet.title("The owner notices, and has the log-in ended (RFC 7009)")
        await log_out(lab, visitor, fleet.fronts[2])
        late = await _until_refused(lambda: _ask(visitor, "127.0.0.9", "curl"))
        within = f"refused for good {late:.1f} s later" if late < _PATIENCE else "still accepted"
        sheet.line(f"  the thief, with a status list polled every {POLL:.0f} s: {within}")
    sheet.say(
        "It is not the password, so it cannot be changed, and it ends by itself. But until then a"
        " leaked token is the user: keep it short-lived, out of URLs and out of logs (RFC 6750 §5)."
    )


def _ask(visitor: Visitor, source: str, agent: str) -> int:
    """Send the token from another address of this machine; return the status."""
    host, _, port = visitor.request(2).url.split("/")[2].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5, source_address=(source, 0))
    try:
        headers = {"User-Agent": agent, "Authorization": f"Bearer {visitor.token}"}
        connection.request("GET", "/whoami", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


async def _turn_the_clock(sheet: Sheet, lab: Laboratory) -> None:
    [person] = await lab.people(1)
    exp = claims(person.token).exp
    clock = [0.0]
    verifier = AccessTokenVerifier(
        await real_keys(lab), lab.stack.auth_url, lab.stack.api_url, now=lambda: clock[0]
    )
    rows = []
    for seconds in (-60, 0, LEEWAY - 1, LEEWAY):
        clock[0] = float(exp + seconds)
        try:
            await verifier.verify(person.token)
        except InvalidToken as error:
            rows.append((f"exp {seconds:+d} s", f"refused: {error.description}"))
        else:
            rows.append((f"exp {seconds:+d} s", "accepted"))
    sheet.title("A verifier whose clock is turned")
    sheet.table(("when", "verdict"), rows)


async def _until_refused(ask: Callable[[], int]) -> float:
    """Ask until each of two replicas in turn has refused; return the seconds."""
    began, refused = time.monotonic(), 0
    while refused < 4 and time.monotonic() - began < _PATIENCE:
        refused = refused + 1 if await asyncio.to_thread(ask) == 401 else 0
        await asyncio.sleep(0.05)
    return time.monotonic() - began


EXHIBIT: Final = Exhibit("Bearer: whoever has it is the user", run)
