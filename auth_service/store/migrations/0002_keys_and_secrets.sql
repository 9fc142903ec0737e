-- The state is in the times: published, activated, retired, removed; each implies the one before.
CREATE TABLE signing_keys (
    kid               text PRIMARY KEY,
    encrypted_private bytea, -- erased on removal
    published_at      timestamptz NOT NULL,
    activated_at      timestamptz,
    retired_at        timestamptz,
    removed_at        timestamptz,
    token_lifetime    integer NOT NULL, -- of the longest-lived token under it, in seconds
    CHECK (activated_at IS NOT NULL OR retired_at IS NULL),
    CHECK (retired_at IS NOT NULL OR removed_at IS NULL),
    CHECK ((encrypted_private IS NULL) = (removed_at IS NOT NULL))
);

CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys ((true)) WHERE activated_at IS NULL;
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys ((true))
    WHERE activated_at IS NOT NULL AND retired_at IS NULL;

CREATE TABLE secrets (
    name      text PRIMARY KEY,
    encrypted bytea NOT NULL
);
