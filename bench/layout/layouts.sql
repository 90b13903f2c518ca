-- psql -v layout=NAME: makes schema layout_NAME with its tables and cycle(n), one batch's whole life.
\set ON_ERROR_STOP on
SELECT 'layout_' || :'layout' AS schema \gset
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS :schema CASCADE;
CREATE SCHEMA :schema;
SET search_path = :schema;

SELECT :'layout' = 'uuid' AS is_uuid, :'layout' = 'foreign_keys' AS is_fk,
       :'layout' = 'partitioned_attempt' AS is_part, :'layout' = 'one_table' AS is_one,
       :'layout' = 'text_states' AS is_text \gset

CREATE SEQUENCE job_id; CREATE SEQUENCE ready_seq; CREATE SEQUENCE token; CREATE SEQUENCE slot;
CREATE TYPE reason AS ENUM ('new', 'retry');
CREATE TYPE state AS ENUM ('completed', 'failed');
CREATE TABLE queue (id int PRIMARY KEY, name text);
INSERT INTO queue VALUES (1, 'q');

\if :is_uuid
  CREATE DOMAIN jid AS uuid;
  CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
\else
  CREATE DOMAIN jid AS bigint;
  CREATE FUNCTION new_id() RETURNS bigint LANGUAGE sql AS $$SELECT nextval('job_id')$$;
\endif
\if :is_text
  CREATE DOMAIN reason_t AS text; CREATE DOMAIN state_t AS text;
\else
  CREATE DOMAIN reason_t AS reason; CREATE DOMAIN state_t AS state;
\endif

\if :is_one
  CREATE TABLE job (id bigint PRIMARY KEY, created_at timestamptz DEFAULT now(), queue_id int, lane int,
    spec jsonb, state text, attempt int DEFAULT 0, token bigint, worker_id bigint, claimed_at timestamptz,
    started_at timestamptz, ended_at timestamptz, exit_code int, handle text) WITH (fillfactor = 70);
  CREATE INDEX job_line ON job (queue_id, lane, id) WHERE state = 'queued';
  CREATE INDEX job_state ON job (state, id DESC);
\else
  CREATE TABLE job (id jid PRIMARY KEY, created_at timestamptz DEFAULT now(), queue_id int, priority smallint, spec jsonb);
  CREATE TABLE ready (seq bigint, job_id jid, queue_id int, attempt int, reason reason_t, lane smallint, tries smallint, losses smallint);
  CREATE UNIQUE INDEX ON ready (queue_id, lane, seq);
  CREATE UNIQUE INDEX ON ready (job_id);
  CREATE TABLE lease (job_id jid PRIMARY KEY, token bigint, slot bigint, worker_id bigint, acquire_no bigint,
    claimed_at timestamptz, started_at timestamptz, cancel_requested_at timestamptz, host_id bigint, queue_id int,
    attempt int, lane smallint, tries smallint, losses smallint, handle text) WITH (fillfactor = 70);
  CREATE INDEX ON lease (queue_id, slot);
  CREATE TABLE settled (job_id jid PRIMARY KEY, at timestamptz, queue_id int, attempt int, exit_code int, state state_t);
  CREATE INDEX ON settled (state, job_id DESC);
  \if :is_part
    CREATE TABLE attempt (job_id jid, token bigint, worker_id bigint, claimed_at timestamptz, started_at timestamptz,
      ended_at timestamptz, attempt int, exit_code int, handle text, PRIMARY KEY (job_id, attempt, ended_at))
      PARTITION BY RANGE (ended_at);
    SELECT format('CREATE TABLE attempt_%s PARTITION OF attempt FOR VALUES FROM (%L) TO (%L)', d + 7, current_date + d, current_date + d + 1)
      FROM generate_series(-7, 7) AS d \gexec
  \else
    CREATE TABLE attempt (job_id jid, token bigint, worker_id bigint, claimed_at timestamptz, started_at timestamptz,
      ended_at timestamptz, attempt int, exit_code int, handle text, PRIMARY KEY (job_id, attempt));
  \endif
  \if :is_fk
    ALTER TABLE job ADD FOREIGN KEY (queue_id) REFERENCES queue;
    ALTER TABLE ready ADD FOREIGN KEY (job_id) REFERENCES job, ADD FOREIGN KEY (queue_id) REFERENCES queue;
    ALTER TABLE lease ADD FOREIGN KEY (job_id) REFERENCES job, ADD FOREIGN KEY (queue_id) REFERENCES queue;
    ALTER TABLE settled ADD FOREIGN KEY (job_id) REFERENCES job;
    ALTER TABLE attempt ADD FOREIGN KEY (job_id) REFERENCES job;
  \endif
\endif

\if :is_one
CREATE FUNCTION submit(n int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO job (id, queue_id, lane, spec, state)
  SELECT new_id(), 1, 101, '{"command": ["true"], "priority": 50}', 'queued' FROM generate_series(1, n) $$;
CREATE FUNCTION acquire_and_finish(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE ids bigint[];
BEGIN
  WITH t AS (UPDATE job SET state = 'running', attempt = attempt + 1, token = nextval('token'), worker_id = 1,
      claimed_at = now(), started_at = now(), handle = 'h' WHERE id = ANY (ARRAY(
      SELECT id FROM job WHERE queue_id = 1 AND state = 'queued' ORDER BY lane, id LIMIT n FOR UPDATE SKIP LOCKED))
    RETURNING id) SELECT array_agg(id) INTO ids FROM t;
  UPDATE job SET state = 'completed', ended_at = now(), exit_code = 0 WHERE id = ANY (ids);
END $$;
\else
CREATE FUNCTION submit(n int) RETURNS void LANGUAGE sql AS $$
  WITH j AS (INSERT INTO job (id, queue_id, priority, spec)
    SELECT new_id(), 1, 50, '{"command": ["true"], "priority": 50}' FROM generate_series(1, n) RETURNING id)
  INSERT INTO ready SELECT nextval('ready_seq'), id, 1, 0, 'new', 101, 0, 0 FROM j $$;
CREATE FUNCTION acquire_and_finish(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE ids jid[];
BEGIN
  WITH taken AS (DELETE FROM ready WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ready WHERE queue_id = 1 ORDER BY lane, seq LIMIT n FOR UPDATE SKIP LOCKED)) RETURNING *),
  leased AS (INSERT INTO lease (job_id, token, slot, worker_id, acquire_no, claimed_at, started_at, queue_id, attempt, lane, tries, losses, handle)
    SELECT job_id, nextval('token'), nextval('slot'), 1, 1, now(), now(), 1, attempt + 1, lane, 0, 0, 'h' FROM taken RETURNING job_id)
  SELECT array_agg(job_id) INTO ids FROM leased;
  WITH gone AS (DELETE FROM lease WHERE job_id = ANY (ids) RETURNING *),
  kept AS (INSERT INTO attempt (job_id, token, worker_id, claimed_at, started_at, ended_at, attempt, exit_code, handle)
    SELECT job_id, token, worker_id, claimed_at, started_at, now(), attempt, 0, handle FROM gone)
  INSERT INTO settled SELECT job_id, now(), queue_id, attempt, 0, 'completed' FROM gone;
END $$;
\endif
