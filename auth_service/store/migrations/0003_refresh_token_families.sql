-- One row per login, however often it is refreshed. No token is stored, nor anything to make one.
CREATE TABLE refresh_token_families (
    family_id  uuid PRIMARY KEY,
    sub        uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id  text NOT NULL REFERENCES clients ON DELETE CASCADE,
    scope      text[] NOT NULL,
    auth_time  timestamptz NOT NULL,
    amr        text[] NOT NULL,
    generation integer NOT NULL DEFAULT 1, -- of the newest token
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL, -- when the newest token was first given out
    revoked_at timestamptz
);

CREATE INDEX refresh_token_families_sub ON refresh_token_families (sub) WHERE revoked_at IS NULL;
CREATE INDEX refresh_token_families_client_id ON refresh_token_families (client_id);
