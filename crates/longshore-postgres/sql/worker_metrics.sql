-- Counts over all queues; each stops at $1. Of failed jobs the newest $1 are looked at.
-- Locks: none. Indexes: settled_state, attempt_pkey.
SELECT (SELECT count(*) FROM (SELECT FROM ready LIMIT $1) AS c) AS in_line,
       (SELECT count(*) FROM (SELECT FROM scheduled WHERE due_at <= now() LIMIT $1) AS c) AS due,
       (SELECT count(*)
        FROM (SELECT FROM scheduled
              WHERE due_at > now() AND due_at < 'infinity' LIMIT $1) AS c) AS due_later,
       (SELECT count(*) FROM (SELECT FROM lease WHERE started_at IS NULL LIMIT $1) AS c) AS launching,
       (SELECT count(*) FROM (SELECT FROM lease WHERE started_at IS NOT NULL LIMIT $1) AS c) AS running,
       (SELECT count(*)
        FROM (SELECT job_id, attempt FROM settled WHERE state = 'failed' ORDER BY job_id DESC LIMIT $1) AS s
        JOIN attempt AS a USING (job_id, attempt) WHERE a.started_at IS NULL) AS launch_failed
