-- What the schedule must remember, however the settings change from one run to the next.
ALTER TABLE signing_keys
    -- The longest max-age, in seconds, that the JWKS was served with while this key was the
    -- last one in it. Issuers write it here before they serve.
    ADD COLUMN jwks_max_age integer NOT NULL DEFAULT 0,
    ADD COLUMN revoked boolean NOT NULL DEFAULT false; -- removed before its time

-- A key may be revoked in any state, before it ever signed too.
ALTER TABLE signing_keys
    DROP CONSTRAINT signing_keys_check1,
    ADD CONSTRAINT signing_keys_retired_before_removed
        CHECK (retired_at IS NOT NULL OR removed_at IS NULL OR revoked);

DROP INDEX signing_keys_one_next, signing_keys_one_active;
CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys ((true))
    WHERE activated_at IS NULL AND removed_at IS NULL;
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys ((true))
    WHERE activated_at IS NOT NULL AND retired_at IS NULL AND removed_at IS NULL;
