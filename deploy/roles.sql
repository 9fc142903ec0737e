-- The roles of the auth service on a PostgreSQL server of your own. Run it once, as a superuser:
--
--   psql -v owner_password=… -v service_password=… -f deploy/roles.sql
--
-- Then, and after every update, as the owner:
--
--   AUTH_MIGRATION_DATABASE_URL=postgresql://sealgate_auth_owner:…@host/sealgate_auth \
--   AUTH_DATABASE_URL=postgresql://sealgate_auth:…@host/sealgate_auth \
--   AUTH_KEY_ENCRYPTION_KEY_FILE=… python -m auth_service migrate
--
-- `serve` gets AUTH_DATABASE_URL only. docs/audit.md says what this is for.

-- Owns the database and every table in it; for `migrate` and `audit retain`.
CREATE ROLE sealgate_auth_owner LOGIN PASSWORD :'owner_password';

-- The service's: owns nothing. `migrate` gives it what it needs on each table.
CREATE ROLE sealgate_auth LOGIN PASSWORD :'service_password';

CREATE DATABASE sealgate_auth OWNER sealgate_auth_owner;
REVOKE ALL ON DATABASE sealgate_auth FROM PUBLIC;
GRANT CONNECT ON DATABASE sealgate_auth TO sealgate_auth;

\connect sealgate_auth
-- PostgreSQL 14 and older let everybody create tables here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO sealgate_auth_owner;

-- For a database that the service has owned until now, instead of the above from CREATE DATABASE on:
--
--   REASSIGN OWNED BY sealgate_auth TO sealgate_auth_owner;  -- connected to that database
