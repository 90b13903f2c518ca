-- Who may speak to a server, and what was done.

-- Of a token's secret only its hash is here (SHA-256). A row never goes: what was done by a token can be
-- told for as long as anybody asks. That no two good tokens have one name depends on the time, so no index
-- can hold it: create_token does, in its transaction.
CREATE TABLE api_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('reader', 'submitter', 'operator', 'admin')),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,                -- null for never
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX api_token_name ON api_token (name) WHERE revoked_at IS NULL;

-- AUTOINCREMENT, as above, so that later lines have larger numbers though old ones go.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    token INTEGER,                     -- null for none
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 65535)
) STRICT;
-- For taking away what is old. Rows join at its end, so that it costs little.
CREATE INDEX audit_at ON audit (at);
