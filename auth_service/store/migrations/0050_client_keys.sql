-- Clients that authenticate by a key of theirs (OIDC Core §9). NULL as the method: Basic or post
-- with a secret, whichever the client likes; none without.
ALTER TABLE clients
    ADD COLUMN token_endpoint_auth_method text,
    ADD COLUMN jwks                       jsonb,
    ADD COLUMN jwks_uri                   text;

-- Assertions that have come, until they expire: each is good once (RFC 7523 §3). Without a
-- foreign key, since a client that is known by its metadata document may not be stored yet.
CREATE TABLE client_assertions (
    client_id  text NOT NULL,
    jti        text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);

CREATE INDEX client_assertions_expires_at ON client_assertions (expires_at);
