"""C10: what a session takes, in Redis, in PostgreSQL and in the memory of a process."""

import asyncio
import os
import secrets
import signal
import sys
import time
from typing import Final

import asyncpg
import msgspec

from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory
from lab.schemes import Person, postgres, redis
from lab.schemes.session_app import IDLE_TIMEOUT
from stack.processes import REPOSITORY
from stack.tether import tethered

COUNTS: Final = (1_000, 10_000, 100_000, 1_000_000)
_BATCH: Final = 10_000


async def run(lab: Laboratory) -> Json:
    """Fill each store with more and more sessions with claims of the real issuer."""
    counts = COUNTS[:2] if lab.quick else COUNTS
    [person] = await lab.people(1)
    sizes: list[Json] = []
    for count in counts:
        lab.advance(f"{count:,} sessions in Redis")
        sizes.append(
            {"store": "redis", "sessions": count, "octets": await _redis(lab, person, count)}
        )
        lab.advance(f"{count:,} sessions in PostgreSQL")
        sizes.append(
            {"store": "postgres", "sessions": count, "octets": await _postgres(lab, person, count)}
        )
        lab.advance(f"{count:,} sessions in a process")
        sizes.append(
            {"store": "memory", "sessions": count, "octets": await _process(person, count)}
        )
    return {"sizes": sizes, "claims_octets": len(msgspec.json.encode(person.claims))}


async def _redis(lab: Laboratory, person: Person, count: int) -> int:
    """Return how much more memory the server says it uses; it is emptied first."""
    valkey = redis.connect(lab.stores.places.redis_url)
    try:
        await valkey.flushdb()
        before = (await valkey.info("memory"))["used_memory"]
        record = redis.record(person.claims)
        for first in range(0, count, _BATCH):
            pipeline = valkey.pipeline(transaction=False)
            for _ in range(min(_BATCH, count - first)):
                pipeline.set(redis.key(secrets.token_urlsafe(32)), record, ex=int(IDLE_TIMEOUT))
            await pipeline.execute()
        after = (await valkey.info("memory"))["used_memory"]
        await valkey.flushdb()
    finally:
        await valkey.aclose()
    return int(after - before)


async def _postgres(lab: Laboratory, person: Person, count: int) -> int:
    """Return the size of table and index."""
    connection = await asyncpg.connect(lab.stores.places.database_url)
    try:
        await connection.execute(postgres.TABLE)
        await connection.execute("TRUNCATE sessions")
        claims, now = msgspec.json.encode(person.claims), time.time()
        rows = ((secrets.token_bytes(32), claims, now, now) for _ in range(count))
        await connection.copy_records_to_table("sessions", records=rows, timeout=120)
        return int(await connection.fetchval("SELECT pg_total_relation_size('sessions')"))
    finally:
        await connection.close()


_FILL: Final = """
import os, sys
from pathlib import Path
import msgspec
from lab.schemes.sessions import Sessions
from shared.access_token import AccessToken
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
claims, count = sys.stdin.buffer.read(), int(sys.argv[1])
decode = msgspec.json.Decoder(AccessToken).decode
sessions, before = Sessions(), resident()
for _ in range(count):
    sessions.open(decode(claims))
print(resident() - before)
"""


async def _process(person: Person, count: int) -> int:
    """Return how much more memory a fresh process has resident; each session its own claims."""
    command = [sys.executable, "-c", _FILL, str(count)]
    process = await asyncio.create_subprocess_exec(
        *tethered(command, signal.SIGKILL),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "PYTHONPATH": str(REPOSITORY)},
    )
    try:
        output, _ = await process.communicate(msgspec.json.encode(person.claims))
    finally:
        if process.returncode is None:
            process.kill()
    return int(output)


EXPERIMENT: Final = Experiment(
    id="C10", title="Memory per session", run=run, seconds=60, quick_seconds=15
)
