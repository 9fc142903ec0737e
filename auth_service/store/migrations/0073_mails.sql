-- Mails that are to be written. They do not exist yet: what they will have in them is made when
-- they are sent. Whoever asks for a password is not looked up before that, so that the answer
-- says nothing of whether there is such an address, and not by its time either.
CREATE TABLE mails (
    mail_id  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind     text NOT NULL,
    sub      uuid REFERENCES users ON DELETE CASCADE, -- NULL: whoever has this address
    email    text NOT NULL,
    language text NOT NULL,
    asked_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at   timestamptz NOT NULL
);

CREATE INDEX mails_due_at ON mails (due_at);

-- What the links in them bear: only hashes, each for once.
CREATE TABLE mail_tokens (
    token_sha256     bytea PRIMARY KEY,
    kind             text NOT NULL,
    sub              uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email            text NOT NULL,
    password_version integer NOT NULL, -- a new password makes them worthless
    issued_at        timestamptz NOT NULL,
    used_at          timestamptz
);

CREATE INDEX mail_tokens_issued_at ON mail_tokens (issued_at);
CREATE INDEX users_verified_email ON users (lower(email)) WHERE email_verified;
