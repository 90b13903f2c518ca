-- Who is told of changes, over HTTP, and what became of each delivery.

-- AUTOINCREMENT, as elsewhere: a number that was given out is never given out again, and receivers keep
-- those of deliveries.
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    states TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(states)),  -- none: those of ends
    queue TEXT,                        -- null for every queue
    key TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

-- One row, once the feed was read for webhooks: up to where.
CREATE TABLE webhook_cursor (
    only_one INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_one = 1),
    cursor TEXT NOT NULL
) STRICT;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    job_state TEXT NOT NULL,
    at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,                   -- null once it has ended
    ended_at INTEGER,
    is_delivered INTEGER NOT NULL DEFAULT 0 CHECK (is_delivered IN (0, 1)),
    status INTEGER,
    problem TEXT,
    CHECK ((next_at IS NULL) = (ended_at IS NOT NULL))
) STRICT;
-- For each webhook what is due of it: what a disabled one has waiting is in nobody's way.
CREATE INDEX delivery_due ON delivery (webhook_id, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_webhook ON delivery (webhook_id, id);
CREATE INDEX delivery_job ON delivery (job_id, id);
-- For taking away what is old.
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE ended_at IS NOT NULL;
