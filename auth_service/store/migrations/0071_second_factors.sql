-- A generator of one-time codes (RFC 6238), one per user.
CREATE TABLE second_factors (
    sub              uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    encrypted_secret bytea NOT NULL,
    created_at       timestamptz NOT NULL,
    confirmed_at     timestamptz, -- NULL: a code has yet to show that the secret has arrived
    last_step        bigint NOT NULL DEFAULT 0 -- of the last code that was taken
);

CREATE TABLE recovery_codes (
    code_sha256 bytea PRIMARY KEY,
    sub         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    used_at     timestamptz
);

CREATE INDEX recovery_codes_sub ON recovery_codes (sub);
