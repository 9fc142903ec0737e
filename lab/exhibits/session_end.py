"""`session-end`: the server deletes it, the browser closes, the time is up. Which end it?"""

from typing import Final

from lab.client import Request
from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory
from lab.schemes import redis
from lab.schemes.session_app import IDLE_TIMEOUT, LIFETIME
from lab.schemes.sessions import Sessions
from shared.access_token import AccessToken

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Try all three; the third with a clock that is turned."""
    async with lab.fleet("redis", (2,)) as fleet:
        visitor = await lab.visitor(fleet, 2)
        asked = visitor.request(2)
        sheet.title("The browser closes")
        sheet.say("The cookie has no Expires and no Max-Age, so a browser forgets it when it ends:")
        sheet.line(f"  without the cookie: {await _status(lab, Request('GET', asked.url))}")
        session_id = visitor.log_in.credential[0][1].partition("=")[2]
        valkey = redis.connect(lab.stores.places.redis_url)
        try:
            left = await valkey.ttl(redis.key(session_id))
        finally:
            await valkey.aclose()
        sheet.line(f"  the record in Redis: still there, for {left} s more")
        sheet.line(f"  whoever has kept the number sends it again: {await _status(lab, asked)}")
        sheet.say("Closing the browser drops the cookie, not the session.")

        sheet.title("The server deletes it")
        laptop, phone = asked, asked
        before = [await _status(lab, request) for request in (laptop, phone)]
        await lab.client.send(
            Request("POST", f"{fleet.fronts[2]}/logout", visitor.log_in.credential)
        )
        after = [await _status(lab, request) for request in (laptop, phone)]
        sheet.table(
            ("one session, two clients", "laptop", "phone"),
            [("before the log-out", *before), ("after it", *after)],
        )
    _turn_the_clock(sheet)


async def _status(lab: Laboratory, request: Request) -> int:
    return (await lab.client.send(request)).status


def _turn_the_clock(sheet: Sheet) -> None:
    sheet.title("The time is up (with the clock turned)")
    clock = [0.0]
    sessions = Sessions(now=lambda: clock[0])
    user = AccessToken(
        iss="issuer", sub="somebody", aud="api", exp=0, iat=0, jti="1", client_id="app"
    )
    rows = []
    for seconds, what in ((IDLE_TIMEOUT - 1, "29:59 idle"), (IDLE_TIMEOUT, "30:00 idle")):
        clock[0] = 0.0
        of = sessions.open(user)
        clock[0] = seconds
        rows.append((what, "200" if sessions.read(of) else "401"))
    clock[0] = 0.0
    of, last = sessions.open(user), 0.0
    while sessions.read(of):
        last = clock[0]
        clock[0] += 20 * MINUTE
    rows.append(("used every 20 minutes, last 200", f"{last / HOUR:.1f} h"))
    rows.append(("absolute limit", f"{LIFETIME / HOUR:.0f} h"))
    sheet.table(("session", "result"), rows)
    sheet.say(
        "30 minutes is a limit for idle sessions: use moves it. Without an absolute one a stolen"
        " session lives as long as it is used (NIST SP 800-63B §4.2.3 asks for both)."
    )


EXHIBIT: Final = Exhibit("How a session ends, and how it does not", run)
