-- What the authorization endpoint needs to know of clients and users.
ALTER TABLE clients
    ADD COLUMN redirect_uris             text[]  NOT NULL DEFAULT '{}',
    ADD COLUMN post_logout_redirect_uris text[]  NOT NULL DEFAULT '{}',
    ADD COLUMN require_pkce              boolean NOT NULL DEFAULT true;

ALTER TABLE users
    ADD COLUMN email          text,
    ADD COLUMN email_verified boolean NOT NULL DEFAULT false,
    ADD COLUMN claims         jsonb   NOT NULL DEFAULT '{}'; -- the others of OIDC Core §5.1

-- A browser in which somebody is logged in. It ends by itself when the password changes, since
-- its version of the password is then not the user's any more.
CREATE TABLE sessions (
    session_id       uuid PRIMARY KEY, -- the `sid` of tokens; not the secret in the cookie
    cookie_sha256    bytea NOT NULL UNIQUE,
    sub              uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    password_version integer NOT NULL,
    auth_time        timestamptz NOT NULL,
    amr              text[] NOT NULL,
    user_agent       text NOT NULL,
    created_at       timestamptz NOT NULL,
    used_at          timestamptz NOT NULL,
    ended_at         timestamptz
);

CREATE INDEX sessions_sub ON sessions (sub) WHERE ended_at IS NULL;
CREATE INDEX sessions_used_at ON sessions (used_at);

-- A request that waits until somebody has logged in, or agreed.
CREATE TABLE authorization_requests (
    request_id     uuid PRIMARY KEY,
    parameters     jsonb NOT NULL,
    created_at     timestamptz NOT NULL,
    account_chosen boolean NOT NULL DEFAULT false,
    answered_at    timestamptz
);

CREATE INDEX authorization_requests_created_at ON authorization_requests (created_at);

CREATE TABLE authorization_codes (
    code_sha256    bytea PRIMARY KEY,
    client_id      text NOT NULL REFERENCES clients ON DELETE CASCADE,
    session_id     uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    redirect_uri   text, -- NULL: the request named none
    code_challenge text, -- NULL: the request had none
    scope          text[] NOT NULL,
    nonce          text,
    claims         jsonb NOT NULL, -- what the `claims` parameter asked for
    auth_time      timestamptz NOT NULL,
    amr            text[] NOT NULL,
    issued_at      timestamptz NOT NULL,
    redeemed_at    timestamptz,
    family_id      uuid -- what it gave
);

CREATE INDEX authorization_codes_issued_at ON authorization_codes (issued_at);
CREATE INDEX authorization_codes_session_id ON authorization_codes (session_id);

-- What a person has agreed to, once per client.
CREATE TABLE consents (
    sub        uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id  text NOT NULL REFERENCES clients ON DELETE CASCADE,
    scope      text[] NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (sub, client_id)
);

CREATE INDEX consents_client_id ON consents (client_id);

ALTER TABLE refresh_token_families
    ADD COLUMN session_id uuid, -- the browser's session, if it began in one
    ADD COLUMN claims     jsonb NOT NULL DEFAULT '{}';

CREATE INDEX refresh_token_families_session_id ON refresh_token_families (session_id)
    WHERE revoked_at IS NULL;
