-- The tables of Longshore (PROTOCOL section 2): a job's place is its state. It has a row in exactly
-- one of ready, scheduled, lease and settled; `job` says what was asked for and is never updated.
--
-- The same tables and columns as on PostgreSQL, in SQLite's types: times are whole microseconds
-- since 1970 UTC (infinity is the largest integer), enums are TEXT under a CHECK, booleans are 0
-- and 1, sequences are the columns of `counter`. What differs is said beside it. STRICT everywhere,
-- so that a value of the wrong type is refused rather than kept.

-- One row: the random name of this database, part of every container's name.
CREATE TABLE instance (
    only_one INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_one = 1),
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- One row: the last number given out of each kind. There is one writer at a time, so a row serves
-- as well as a sequence; a rolled-back draw was never seen by anybody and is drawn again.
CREATE TABLE counter (
    only_one INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_one = 1),
    job_id INTEGER NOT NULL DEFAULT 0,
    ready_seq INTEGER NOT NULL DEFAULT 0,
    lease_token INTEGER NOT NULL DEFAULT 0,
    lease_slot INTEGER NOT NULL DEFAULT 0
) STRICT;

-- AUTOINCREMENT here and below: an id that was given out is never given out again.
CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    executor TEXT NOT NULL,
    host_selector TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(host_selector)),
    -- The most leases at once; null for no limit.
    max_concurrent INTEGER CHECK (max_concurrent >= 0),
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    -- After waiting this long a job moves up one priority; null for never.
    ageing_micros INTEGER CHECK (ageing_micros > 0),
    -- Raised by every change of limit or pause.
    epoch INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
) STRICT;

-- Never updated. The spec holds all that was asked for but the idempotency key.
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    created_at INTEGER NOT NULL,
    queue_id INTEGER NOT NULL,
    priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 100),
    idem_key TEXT,
    spec TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_idem_key ON job (idem_key) WHERE idem_key IS NOT NULL;

-- PostgreSQL keeps labels in a column under a GIN index; SQLite has none, so each label is a row
-- that is its own index.
CREATE TABLE job_label (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    job_id INTEGER NOT NULL,
    PRIMARY KEY (key, value, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_label_job ON job_label (job_id);

-- What may be acquired now, in the order of its key: the table is its own index, so that the head
-- of a line lies together. Whatever is put here draws a new seq, always.
CREATE TABLE ready (
    queue_id INTEGER NOT NULL,
    lane INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 201),
    seq INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,          -- attempts made so far
    tries INTEGER NOT NULL,            -- retries used
    losses INTEGER NOT NULL,           -- attempts lost to hosts and workers
    reason TEXT NOT NULL CHECK (reason IN
        ('new', 'delayed', 'released', 'retry', 'retry_now', 'handed_back', 'lost')),
    PRIMARY KEY (queue_id, lane, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ready_job ON ready (job_id);
-- Lists of `retrying` jobs; costs nothing where nothing is retried.
CREATE INDEX ready_retry ON ready (job_id) WHERE reason = 'retry';

-- What may not be acquired yet: due later, waiting for a retry, or (at infinity) pending.
CREATE TABLE scheduled (
    job_id INTEGER PRIMARY KEY,
    due_at INTEGER NOT NULL,
    queue_id INTEGER NOT NULL,
    lane INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 201),
    attempt INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('new', 'delayed', 'pending', 'held', 'released',
        'retry', 'retry_now', 'handed_back', 'lost')),
    CHECK ((reason IN ('pending', 'held')) = (due_at = 9223372036854775807))
) STRICT;
CREATE INDEX scheduled_due ON scheduled (queue_id, due_at, job_id);
-- Lists of `retrying` and of `pending` jobs.
CREATE INDEX scheduled_retry ON scheduled (job_id) WHERE reason = 'retry';
CREATE INDEX scheduled_pending ON scheduled (job_id) WHERE reason IN ('pending', 'held');

-- Live attempts. `started_at` tells launching from running.
CREATE TABLE lease (
    job_id INTEGER PRIMARY KEY,
    token INTEGER NOT NULL,            -- from counter.lease_token: the fence
    slot INTEGER NOT NULL,             -- from counter.lease_slot, never changed
    worker_id INTEGER NOT NULL,
    acquire_no INTEGER NOT NULL,       -- the worker's own number for the call that acquired it
    claimed_at INTEGER NOT NULL,
    started_at INTEGER,
    cancel_requested_at INTEGER,
    host_id INTEGER,
    queue_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    handle TEXT
) STRICT;
CREATE INDEX lease_queue ON lease (queue_id, slot);

-- How jobs ended. The key says that a job ends once; a person's retry deletes the row.
CREATE TABLE settled (
    job_id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    queue_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,          -- attempts made
    exit_code INTEGER,                 -- as shells say it: 128 + n for a signal
    state TEXT NOT NULL CHECK (state IN ('completed', 'failed', 'timed_out', 'cancelled'))
) STRICT;
CREATE INDEX settled_state ON settled (state, job_id DESC);
-- For pruning: oldest first. Rows join at its end, so that it costs little.
CREATE INDEX settled_at ON settled (at);

-- What became of each attempt; written once, when its lease ends.
CREATE TABLE attempt (
    job_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    token INTEGER NOT NULL,
    worker_id INTEGER NOT NULL,
    host_id INTEGER,
    claimed_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER NOT NULL,
    cpu_micros INTEGER,
    peak_memory_bytes INTEGER,
    omitted_stdout_bytes INTEGER,      -- null for none
    omitted_stderr_bytes INTEGER,
    outcome TEXT NOT NULL CHECK (outcome IN ('exited', 'launch_failed', 'run_timeout',
        'output_timeout', 'cancelled', 'handed_back', 'host_lost', 'vanished')),
    error_class TEXT CHECK (error_class IN ('transient', 'permanent', 'unknown')),
    -- Null when there was no exit at all: then code, signal and oom_killed say nothing.
    exit_code INTEGER,
    signal INTEGER,
    oom_killed INTEGER CHECK (oom_killed IN (0, 1)),
    handle TEXT,
    error_text TEXT,
    template_versions TEXT CHECK (json_valid(template_versions)),  -- null for none
    PRIMARY KEY (job_id, attempt)
) STRICT, WITHOUT ROWID;
-- For the count of launch failures; attempts that never started are few.
CREATE INDEX attempt_unstarted ON attempt (job_id, attempt) WHERE started_at IS NULL;

-- Jobs with a queue timeout, and when it strikes if they still wait. Rows of jobs that wait no more
-- are harmless and are swept with the others.
CREATE TABLE waiting_deadline (
    job_id INTEGER PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX waiting_deadline_at ON waiting_deadline (expires_at);

-- One row per start of a worker process.
CREATE TABLE worker (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    stopped_at INTEGER,
    lease_ttl_micros INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    capacity INTEGER NOT NULL,
    draining INTEGER NOT NULL DEFAULT 0 CHECK (draining IN (0, 1)),
    fenced INTEGER NOT NULL DEFAULT 0 CHECK (fenced IN (0, 1)),
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    version TEXT NOT NULL,
    queue_ids TEXT NOT NULL CHECK (json_valid(queue_ids))
) STRICT;
-- Workers that may be alive, apart from the many that said goodbye.
CREATE INDEX worker_open ON worker (id) WHERE stopped_at IS NULL;

CREATE TABLE host (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    executor TEXT NOT NULL,
    identity TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(labels)),
    capacity INTEGER CHECK (capacity >= 0),
    weight INTEGER NOT NULL DEFAULT 1,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    last_seen_at INTEGER NOT NULL,
    UNIQUE (executor, identity)
) STRICT;

CREATE TABLE template (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- Output, in parts. Not partitioned: pages that pruning frees are used again. With a rowid, because
-- its rows are large: they would crowd the inner pages of a table that is its own index.
CREATE TABLE log_chunk (
    job_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    token INTEGER NOT NULL,
    seq INTEGER NOT NULL,              -- counting within (job, attempt, token)
    at INTEGER NOT NULL,
    position INTEGER NOT NULL,         -- offset of the first byte in all that the stream carried
    stream INTEGER NOT NULL CHECK (stream IN (1, 2)),
    bytes BLOB NOT NULL,
    resume TEXT
) STRICT;
CREATE UNIQUE INDEX log_chunk_place ON log_chunk (job_id, attempt, token, seq);

INSERT INTO instance (id, created_at)
VALUES (lower(hex(randomblob(6))), unixepoch() * 1000000);
INSERT INTO counter DEFAULT VALUES;
INSERT INTO queue (name, executor, created_at)
VALUES ('default', 'docker', unixepoch() * 1000000), ('local', 'process', unixepoch() * 1000000);
