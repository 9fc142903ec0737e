ALTER TABLE clients
    ADD COLUMN backchannel_logout_uri              text, -- NULL: it need not be told
    ADD COLUMN backchannel_logout_session_required boolean NOT NULL DEFAULT false;

-- A client that has yet to be told of a log-out; whoever gets to it first tells it.
CREATE TABLE logout_deliveries (
    delivery_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id  uuid NOT NULL,
    sub         uuid NOT NULL,
    client_id   text NOT NULL REFERENCES clients ON DELETE CASCADE,
    ended_at    timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL,
    UNIQUE (session_id, client_id)
);

CREATE INDEX logout_deliveries_due_at ON logout_deliveries (due_at);

-- Whom a session gave tokens, also when they have ended before it.
CREATE INDEX refresh_token_families_begun_in ON refresh_token_families (session_id)
    WHERE session_id IS NOT NULL;
DROP INDEX refresh_token_families_session_id;
