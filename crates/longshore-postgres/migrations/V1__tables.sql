-- The tables of Longshore (PROTOCOL section 2): a job's place is its state. It has a row in exactly
-- one of ready, scheduled, lease and settled; `job` says what was asked for and is never updated.
--
-- Hot tables (ready, scheduled, lease, settled, attempt) are narrow, have no foreign keys (43 µs an
-- insert and MultiXacts for nothing; `audit` checks instead), and order their columns by alignment
-- so that no row carries padding. ready and scheduled rows are inserted and deleted, never updated.
-- docs/adr/ holds the figures behind each of these choices.

-- Why a row stands in ready or scheduled. `retry` means the job is `retrying`.
CREATE TYPE waiting_reason AS ENUM
    ('new', 'delayed', 'pending', 'held', 'released', 'retry', 'retry_now', 'handed_back', 'lost');

CREATE TYPE terminal_state AS ENUM ('completed', 'failed', 'timed_out', 'cancelled');

CREATE TYPE attempt_outcome AS ENUM
    ('exited', 'launch_failed', 'run_timeout', 'output_timeout', 'cancelled', 'handed_back',
     'host_lost', 'vanished');

CREATE TYPE error_class AS ENUM ('transient', 'permanent', 'unknown');

-- CACHE 1 on those that order something: a cached block would be handed out late.
CREATE SEQUENCE job_id;
CREATE SEQUENCE ready_seq CACHE 1;
CREATE SEQUENCE lease_token CACHE 1;
CREATE SEQUENCE lease_slot CACHE 1;

-- One row: the random name of this database, part of every container's name.
CREATE TABLE instance (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE queue (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    executor text NOT NULL,
    host_selector jsonb NOT NULL DEFAULT '{}',
    -- The most leases at once; null for no limit.
    max_concurrent integer CHECK (max_concurrent >= 0),
    paused boolean NOT NULL DEFAULT false,
    -- After waiting this long a job moves up one priority; null for never.
    ageing interval,
    -- Raised by every change of limit or pause, under FOR UPDATE: whatever a worker remembers of a
    -- limited queue (the slot floor) is good for one epoch only.
    epoch bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Never updated, never locked. The spec holds all that was asked for but the idempotency key.
CREATE TABLE job (
    id bigint PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    queue_id integer NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 100),
    idem_key text,
    labels jsonb,
    spec jsonb NOT NULL
);
CREATE UNIQUE INDEX job_idem_key ON job (idem_key) WHERE idem_key IS NOT NULL;
-- Only labelled jobs are indexed; containment (@>) is the one question that is asked.
CREATE INDEX job_labels ON job USING gin (labels jsonb_path_ops) WHERE labels IS NOT NULL;

-- What may be acquired now, in the order of its index. Whatever is put here draws a new seq, always:
-- the proof of the frontier rests on it (PROTOCOL section 3).
CREATE TABLE ready (
    seq bigint NOT NULL,
    job_id bigint NOT NULL,
    queue_id integer NOT NULL,
    attempt integer NOT NULL,          -- attempts made so far
    reason waiting_reason NOT NULL,
    lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 201),
    tries smallint NOT NULL,           -- retries used
    losses smallint NOT NULL           -- attempts lost to hosts and workers
);
CREATE UNIQUE INDEX ready_line ON ready (queue_id, lane, seq);
CREATE UNIQUE INDEX ready_job ON ready (job_id);

-- What may not be acquired yet: due later, waiting for a retry, or (at infinity) pending.
CREATE TABLE scheduled (
    job_id bigint PRIMARY KEY,
    due_at timestamptz NOT NULL,
    queue_id integer NOT NULL,
    attempt integer NOT NULL,
    reason waiting_reason NOT NULL,
    lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 201),
    tries smallint NOT NULL,
    losses smallint NOT NULL,
    CHECK ((reason IN ('pending', 'held')) = (due_at = 'infinity'))
);
CREATE INDEX scheduled_due ON scheduled (queue_id, due_at, job_id);

-- Live attempts. `started_at` tells launching from running. No index on what changes, and room on
-- the page, so that marking a lease launched and running is a HOT update.
CREATE TABLE lease (
    job_id bigint PRIMARY KEY,
    token bigint NOT NULL,             -- from lease_token: the fence
    slot bigint NOT NULL,              -- from lease_slot, drawn under the queue's lock, never changed
    worker_id bigint NOT NULL,
    acquire_no bigint NOT NULL,        -- the worker's own number for the call that acquired it
    claimed_at timestamptz NOT NULL,
    started_at timestamptz,
    cancel_requested_at timestamptz,
    host_id bigint,
    queue_id integer NOT NULL,
    attempt integer NOT NULL,
    lane smallint NOT NULL,
    tries smallint NOT NULL,
    losses smallint NOT NULL,
    handle text
) WITH (fillfactor = 70);
CREATE INDEX lease_queue ON lease (queue_id, slot);

-- How jobs ended. The key says that a job ends once; a person's retry deletes the row.
CREATE TABLE settled (
    job_id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    queue_id integer NOT NULL,
    attempt integer NOT NULL,          -- attempts made
    exit_code integer,                 -- as shells say it: 128 + n for a signal
    state terminal_state NOT NULL
);
CREATE INDEX settled_state ON settled (state, job_id DESC);

-- What became of each attempt; written once, when its lease ends.
CREATE TABLE attempt (
    job_id bigint NOT NULL,
    token bigint NOT NULL,
    worker_id bigint NOT NULL,
    host_id bigint,
    claimed_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz NOT NULL,
    cpu_micros bigint,
    peak_memory_bytes bigint,
    omitted_stdout_bytes bigint,       -- null for none
    omitted_stderr_bytes bigint,
    attempt integer NOT NULL,
    outcome attempt_outcome NOT NULL,
    error_class error_class,
    exit_code integer,
    signal smallint,
    oom_killed boolean NOT NULL DEFAULT false,
    handle text,
    error_text text,
    template_versions jsonb,           -- null for none
    PRIMARY KEY (job_id, attempt)
);

-- Jobs with a queue timeout, and when it strikes if they wait then. The row stays while the job is
-- live, for it may come back; rows of jobs that ended are harmless and are swept with the others.
CREATE TABLE waiting_deadline (
    job_id bigint PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    allowed interval NOT NULL          -- how long it may wait, each time from when it is due
);
CREATE INDEX waiting_deadline_at ON waiting_deadline (expires_at);

-- One row per start of a worker process.
CREATE TABLE worker (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    lease_ttl interval NOT NULL,
    pid integer NOT NULL,
    capacity integer NOT NULL,
    draining boolean NOT NULL DEFAULT false,
    fenced boolean NOT NULL DEFAULT false,
    name text NOT NULL,
    hostname text NOT NULL,
    boot_id text NOT NULL,
    version text NOT NULL,
    queue_ids integer[] NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE host (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    executor text NOT NULL,
    identity text NOT NULL,
    boot_id text NOT NULL,
    name text NOT NULL,
    labels jsonb NOT NULL DEFAULT '{}',
    capacity integer CHECK (capacity >= 0),
    weight integer NOT NULL DEFAULT 1,
    enabled boolean NOT NULL DEFAULT true,
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (executor, identity)
) WITH (fillfactor = 50);

CREATE TABLE template (
    name text NOT NULL,
    version integer NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

-- Output, in parts. Partitioned by the day on which the attempt was acquired (which a take-over
-- keeps), so that all output of an attempt lies in one partition: to store or read it costs one
-- index, and a part that is stored twice meets its own key. Old days are dropped whole; the default
-- partition only catches what comes when no day's partition was made in time, and is kept empty.
CREATE TABLE log_chunk (
    job_id bigint NOT NULL,
    token bigint NOT NULL,
    claimed_at timestamptz NOT NULL,   -- of the attempt
    position bigint NOT NULL,          -- offset of the first byte in all that the stream carried
    stored_at timestamptz NOT NULL,
    attempt integer NOT NULL,
    seq integer NOT NULL,              -- counting within (job, attempt, token)
    stream smallint NOT NULL CHECK (stream IN (1, 2)),
    bytes bytea NOT NULL,
    resume text,
    PRIMARY KEY (job_id, attempt, token, seq, claimed_at)
) PARTITION BY RANGE (claimed_at);
CREATE TABLE log_chunk_default PARTITION OF log_chunk DEFAULT;

-- Rows come and go here at the rate of the whole system: vacuum by a fixed number of dead rows
-- rather than by a share of a table that is usually near empty, and never pause within a pass.
ALTER TABLE ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 20000);
ALTER TABLE scheduled SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE lease SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE worker SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);

INSERT INTO instance (id) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 12));
INSERT INTO queue (name, executor) VALUES ('default', 'docker'), ('local', 'process');
