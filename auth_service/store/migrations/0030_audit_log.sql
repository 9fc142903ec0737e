-- What happened, and never anything secret. Rows are added and read, nothing else: the service's
-- role has no other privilege on this table (see privileges.py). No foreign keys: a row outlives
-- what it is about.
CREATE TABLE audit_log (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL, -- by the clock of the service
    event     text NOT NULL,
    sub       uuid,
    client_id text,
    family_id uuid,
    jti       text, -- of the access token that was issued
    kid       text,
    detail    jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(detail::text) <= 1000)
);

CREATE INDEX audit_log_at ON audit_log USING brin (at);
CREATE INDEX audit_log_sub ON audit_log (sub, at);
CREATE INDEX audit_log_family_id ON audit_log (family_id, at);
CREATE INDEX audit_log_client_refused ON audit_log (client_id, at) WHERE event = 'client refused';

-- How often the token before the newest has come again since the newest was given out.
ALTER TABLE refresh_token_families ADD COLUMN repeats integer NOT NULL DEFAULT 0;
