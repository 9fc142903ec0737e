-- A device that waits until somebody has said yes on another one (RFC 8628). No code is stored:
-- of the device code there is the hash, of the user code, which is short, a MAC.
CREATE TABLE device_codes (
    device_code_sha256 bytea PRIMARY KEY,
    user_code_mac      bytea NOT NULL UNIQUE,
    client_id          text NOT NULL REFERENCES clients ON DELETE CASCADE,
    scope              text[] NOT NULL,
    issued_at          timestamptz NOT NULL,
    poll_interval      integer NOT NULL, -- seconds that the device has to wait; grows if it does not
    polled_at          timestamptz,
    decided_at         timestamptz,
    -- Who said yes; decided without these, it was a no.
    sub                uuid REFERENCES users ON DELETE CASCADE,
    password_version   integer,
    auth_time          timestamptz,
    amr                text[],
    redeemed_at        timestamptz,
    CHECK (sub IS NULL OR decided_at IS NOT NULL),
    CHECK (num_nulls(sub, password_version, auth_time, amr) IN (0, 4)),
    CHECK (redeemed_at IS NULL OR sub IS NOT NULL)
);

CREATE INDEX device_codes_client_id ON device_codes (client_id);
CREATE INDEX device_codes_sub ON device_codes (sub);
CREATE INDEX device_codes_issued_at ON device_codes (issued_at);
