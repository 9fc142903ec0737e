-- Every statement knows the owner, so one index serves all, and a note is found only by its owner.
-- The ids are made in the order of time (UUID version 7), so they are also the order of a list.
CREATE TABLE notes (
    owner      text        NOT NULL, -- the token's sub
    id         uuid        NOT NULL,
    title      text        NOT NULL,
    body       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, id)
);
