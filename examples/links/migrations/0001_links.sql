CREATE TABLE links (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- 40 random bits: nobody walks through all links by counting.
    slug       TEXT NOT NULL UNIQUE DEFAULT substr(translate(gen_random_uuid()::text, '-', ''), 1, 10),
    target     TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX links_expires_at ON links (expires_at);
