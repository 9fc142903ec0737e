-- The resource that a client named when it asked for a grant (RFC 8707): its tokens are for this
-- one. '': it named none, so they are for the default one, as everything was until now.
ALTER TABLE authorization_codes    ADD COLUMN resource text NOT NULL DEFAULT '';
ALTER TABLE device_codes           ADD COLUMN resource text NOT NULL DEFAULT '';
ALTER TABLE refresh_token_families ADD COLUMN resource text NOT NULL DEFAULT '';

-- Who agrees to something at one resource has not agreed to it at another.
ALTER TABLE consents
    ADD COLUMN resource text NOT NULL DEFAULT '',
    DROP CONSTRAINT consents_pkey,
    ADD PRIMARY KEY (sub, client_id, resource);
