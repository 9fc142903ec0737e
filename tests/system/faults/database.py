"""The issuer's database as it must be at any time: whatever was done, was done as a whole."""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from stack.postgres import EmbeddedPostgres

NAME: Final = "sealgate_auth"

# A bit may be forgotten when every token under it has expired, so only what is recent counts.
_HALF_DONE_LOG_INS: Final = """
    SELECT family_id, generation, revoked_at, bit, logged_in, rotated, ended FROM (
        SELECT family.*,
            EXISTS (SELECT FROM revoked_statuses WHERE idx = status_idx) AS bit,
            count(*) FILTER (WHERE event IN ('logged in', 'tokens issued')) AS logged_in,
            count(*) FILTER (WHERE event = 'rotated') AS rotated,
            count(*) FILTER (WHERE event IN ('revoked', 'reuse: family revoked')) AS ended
        FROM refresh_token_families AS family LEFT JOIN audit_log USING (family_id)
        GROUP BY family.family_id
    ) AS audited
    WHERE logged_in <> 1
       OR rotated <> generation - 1
       OR ended <> (revoked_at IS NOT NULL)::int
       OR bit <> (revoked_at IS NOT NULL) AND revoked_at > now() - interval '5 minutes'
"""
_RECORDED_LOG_INS_THAT_ARE_NOT: Final = """
    SELECT family_id FROM audit_log LEFT JOIN refresh_token_families AS family USING (family_id)
    WHERE audit_log.family_id IS NOT NULL AND family.family_id IS NULL
"""
_HALF_CHANGED_PASSWORDS: Final = """
    SELECT username, password_version, changed FROM (
        SELECT users.*, count(*) FILTER (WHERE event = 'password changed') AS changed
        FROM users LEFT JOIN audit_log USING (sub) GROUP BY users.sub
    ) AS audited WHERE changed <> password_version - 1
"""
_HALF_DONE_KEYS: Final = """
    SELECT kid, state FROM (
        SELECT keys.*, count(*) FILTER (WHERE event = 'key published') AS published,
            count(*) FILTER (WHERE event = 'key activated') AS activated,
            count(*) FILTER (WHERE event IN ('key removed', 'key revoked')) AS removed
        FROM signing_keys AS keys LEFT JOIN audit_log USING (kid) GROUP BY keys.kid
    ) AS audited, LATERAL (SELECT concat_ws(' ', published, activated, removed)) AS _ (state)
    WHERE published <> 1
       OR activated <> (activated_at IS NOT NULL)::int
       OR removed <> (removed_at IS NOT NULL)::int
"""
_RING: Final = """
    SELECT count(*) FILTER (WHERE activated_at IS NULL) AS published,
           count(*) FILTER (WHERE activated_at IS NOT NULL AND retired_at IS NULL) AS active
    FROM signing_keys WHERE removed_at IS NULL
"""
_LOOSE_ENDS: Final = """
    SELECT state, query FROM pg_stat_activity
    WHERE datname = $1 AND state LIKE 'idle in transaction%'
"""


async def rows(server: EmbeddedPostgres, sql: str, *parameters: Any) -> list[Mapping[str, Any]]:
    """Run one statement as the superuser."""
    connection = await asyncpg.connect(server.url(NAME))
    try:
        return [dict(row) for row in await connection.fetch(sql, *parameters)]
    finally:
        await connection.close()


async def assert_whole(server: EmbeddedPostgres) -> None:
    """Nothing is half done, the audit log says all and no more, and nobody holds a transaction."""
    for sql in (
        _HALF_DONE_LOG_INS,
        _RECORDED_LOG_INS_THAT_ARE_NOT,
        _HALF_CHANGED_PASSWORDS,
        _HALF_DONE_KEYS,
    ):
        assert await rows(server, sql) == [], sql
    assert await rows(server, _RING) == [{"published": 1, "active": 1}]
    assert await rows(server, _LOOSE_ENDS, NAME) == []
