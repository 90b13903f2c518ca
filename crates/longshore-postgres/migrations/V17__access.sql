-- Who may speak to a server, and what was done.

-- Of a token's secret only its hash is here (SHA-256). A row never goes: what was done by a token can be
-- told for as long as anybody asks. That no two good tokens have one name depends on the time, so no index
-- can hold it: create_token does, under a lock.
CREATE TABLE api_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('reader', 'submitter', 'operator', 'admin')),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,             -- null for never
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_token_name ON api_token (name) WHERE revoked_at IS NULL;

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    token bigint,                       -- null for none
    address text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    status integer NOT NULL CHECK (status BETWEEN 0 AND 65535)
);
-- For taking away what is old. Rows join at its end, so that it costs little.
CREATE INDEX audit_at ON audit (at);
