-- Every login and every client has an index in the status lists (draft-ietf-oauth-status-list),
-- given out with the row itself, so that an access token costs no write.
CREATE SEQUENCE status_indexes AS bigint MINVALUE 0 START 0;

ALTER TABLE refresh_token_families
    ADD COLUMN status_idx bigint NOT NULL UNIQUE DEFAULT nextval('status_indexes');
ALTER TABLE clients
    ADD COLUMN status_idx bigint NOT NULL UNIQUE DEFAULT nextval('status_indexes');

-- Only what is revoked, and only until the last access token under it has expired.
CREATE TABLE revoked_statuses (
    idx        bigint PRIMARY KEY,
    revoked_at timestamptz NOT NULL
);
