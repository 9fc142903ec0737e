-- What must not be done too fast, counted; who and what is a MAC, so no name and no address is here.
-- Each time counts one and `leak` seconds forget one: at `empty_at` all is forgotten.
CREATE TABLE throttles (
    key      bytea PRIMARY KEY,
    free     integer NOT NULL, -- so many may be counted before anybody has to wait
    leak     integer NOT NULL,
    empty_at timestamptz NOT NULL,
    free_at  timestamptz NOT NULL -- the next one may come
);

CREATE INDEX throttles_empty_at ON throttles (empty_at);
