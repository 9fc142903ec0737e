"""`session-flow`: log in, ask, log out; what the browser gets and what the store is told."""

from collections.abc import Callable
from typing import Final

from lab.client import Request
from lab.exhibits import Exhibit
from lab.exhibits.sheet import Sheet
from lab.exhibits.wiretap import RedisTap, SqlTap
from lab.fleet import Visitor
from lab.laboratory import Laboratory
from lab.proxy import Wire


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Trace one session in Redis with its HTTP, and one in PostgreSQL by its statements."""
    redis = RedisTap()
    async with Wire.before(lab.stores.places.redis_url) as wire:
        wire.tap = redis
        told = {"LAB_STORE_URL": wire.through(lab.stores.places.redis_url)}
        async with lab.fleet("redis", (1,), variables=told) as fleet:
            await _flow(sheet, lab, await lab.visitor(fleet, 1), redis.take)
    sheet.title("The same in PostgreSQL: the statements of each step")
    sql = SqlTap()
    async with Wire.before(lab.stores.places.database_url) as wire:
        wire.tap = sql
        told = {
            "LAB_STORE_URL": wire.through(lab.stores.places.database_url),
            "RESOURCE_DATABASE_POOL_SIZE": "1",
        }
        async with lab.fleet("postgres", (1,), variables=told) as fleet:
            visitor = await lab.visitor(fleet, 1)
            _store(sheet, "log in", sql.take())
            await lab.client.send(visitor.request(1))
            _store(sheet, "ask", sql.take())
            await lab.client.send(_log_out(visitor))
            _store(sheet, "log out", sql.take())


async def _flow(
    sheet: Sheet, lab: Laboratory, visitor: Visitor, said: Callable[[], list[str]]
) -> None:
    sheet.title("A session in Redis, step by step")
    sheet.step(1, "The client sends user name and password; the server makes a session.")
    sheet.exchange(visitor.log_in.request, visitor.log_in.response)
    _store(sheet, "store", said())
    sheet.step(2, "The browser sends the cookie with every request; the server looks it up.")
    for _ in range(2):
        request = visitor.request(1)
        sheet.exchange(request, await lab.client.send(request))
        _store(sheet, "store", said())
    sheet.step(3, "Log-out deletes the session at the server, and the cookie in the browser.")
    request = _log_out(visitor)
    sheet.exchange(request, await lab.client.send(request))
    _store(sheet, "store", said())
    sheet.step(4, "The old cookie is worth nothing any more.")
    request = visitor.request(1)
    sheet.exchange(request, await lab.client.send(request))
    _store(sheet, "store", said())


def _log_out(visitor: Visitor) -> Request:
    return Request("POST", f"{visitor.fleet.fronts[1]}/logout", visitor.log_in.credential)


def _store(sheet: Sheet, what: str, lines: list[str]) -> None:
    sheet.line(f"  {what}: {len(lines)} operation{'' if len(lines) == 1 else 's'}")
    for line in lines:
        sheet.say(line, "    | ")


EXHIBIT: Final = Exhibit("The session flow, step by step", run)
