CREATE TABLE users (
    sub              uuid PRIMARY KEY,
    username         text NOT NULL,
    password_hash    text NOT NULL,
    -- Counts the passwords; stays when the same password is only hashed anew.
    password_version integer NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL,
    disabled_at      timestamptz
);

-- Alice and alice are one name, so that nobody can pose as the other.
CREATE UNIQUE INDEX users_username ON users (lower(username));

CREATE TABLE clients (
    client_id     text PRIMARY KEY,
    name          text NOT NULL,
    secret_sha256 bytea, -- NULL: a public client
    grant_types   text[] NOT NULL,
    scope         text[] NOT NULL,
    first_party   boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    disabled_at   timestamptz
);
