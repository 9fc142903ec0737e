-- Clients that registered themselves (RFC 7591), and the hash of the token by which each may read,
-- change and delete its registration (RFC 7592).
ALTER TABLE clients
    ADD COLUMN about                     jsonb, -- what people may want to know of it
    ADD COLUMN registration_token_sha256 bytea,
    ADD COLUMN registered_openly         boolean NOT NULL DEFAULT false; -- with no initial token

CREATE INDEX clients_registered ON clients (created_at) WHERE registration_token_sha256 IS NOT NULL;

-- What lets somebody register clients where not everybody may (RFC 7591 §3).
CREATE TABLE initial_access_tokens (
    token_sha256 bytea PRIMARY KEY,
    note         text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    uses_left    integer NOT NULL CHECK (uses_left >= 0)
);
