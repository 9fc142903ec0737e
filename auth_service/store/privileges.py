"""Two roles in the database: one owns the tables, the other is the service's and owns nothing.

The service's role may add to the audit log and read it, and no more (docs/audit.md). Whoever
takes over the service can thus not rewrite what he did before.
"""

from typing import Final

from shared.database import Connection, Pool

# For the tables that are there, in one transaction: at no moment is there more than is meant.
_GRANTS: Final = """
    GRANT USAGE ON SCHEMA %1$I TO %2$I;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I TO %2$I;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA %1$I TO %2$I;
    REVOKE UPDATE, DELETE ON %1$I.audit_log FROM %2$I;
    REVOKE INSERT, UPDATE, DELETE ON %1$I.migrations FROM %2$I;
"""


async def current_role(connection: Connection) -> str:
    """Return the role that we are in this database."""
    role: str = await connection.fetchval("SELECT current_user")
    return role


async def grant(connection: Connection, role: str) -> None:
    """Give the service's role what it needs; for the owner, after every migration."""
    statements = await connection.fetchval(
        "SELECT format($1, current_schema(), $2::text)", _GRANTS, role
    )
    async with connection.transaction():
        await connection.execute(statements)


async def may_migrate(connection: Connection) -> bool:
    """Tell whether this role owns the tables, or may make them if there are none."""
    may: bool | None = await connection.fetchval(
        """
        SELECT CASE
            WHEN to_regclass('migrations') IS NULL
            THEN has_schema_privilege(current_schema(), 'CREATE')
            ELSE (
                SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
                WHERE oid = to_regclass('migrations')
            )
        END
        """
    )
    return may is True


async def may_change_audit_log(db: "Connection | Pool") -> bool:
    """Tell whether this role could change or remove what is in the audit log."""
    may: bool = await db.fetchval(
        """
        SELECT pg_has_role(relowner, 'USAGE')
            OR has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')
        FROM pg_class WHERE oid = 'audit_log'::regclass
        """
    )
    return may
