-- Authorization requests that a client has pushed (RFC 9126), until they are used or expire.
CREATE TABLE pushed_authorization_requests (
    request_uri_sha256 bytea PRIMARY KEY,
    client_id          text NOT NULL,
    parameters         jsonb NOT NULL,
    expires_at         timestamptz NOT NULL
);

CREATE INDEX pushed_authorization_requests_expires_at
    ON pushed_authorization_requests (expires_at);

ALTER TABLE clients
    ADD COLUMN require_pushed_authorization_requests boolean NOT NULL DEFAULT false;
