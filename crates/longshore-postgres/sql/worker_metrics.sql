-- Counts over all queues; each stops at $1. Locks: none. Index: attempt_unstarted, then settled_pkey.
SELECT (SELECT count(*) FROM (SELECT FROM ready LIMIT $1) AS c) AS in_line,
       (SELECT count(*) FROM (SELECT FROM scheduled WHERE due_at <= now() LIMIT $1) AS c) AS due,
       (SELECT count(*)
        FROM (SELECT FROM scheduled
              WHERE due_at > now() AND due_at < 'infinity' LIMIT $1) AS c) AS due_later,
       (SELECT count(*) FROM (SELECT FROM lease WHERE started_at IS NULL LIMIT $1) AS c) AS launching,
       (SELECT count(*) FROM (SELECT FROM lease WHERE started_at IS NOT NULL LIMIT $1) AS c) AS running,
       (SELECT count(*)
        FROM (SELECT FROM attempt AS a
              CROSS JOIN LATERAL (SELECT FROM settled AS s
                                  WHERE s.job_id = a.job_id AND s.attempt = a.attempt AND s.state = 'failed'
                                  LIMIT 1) AS s
              WHERE a.started_at IS NULL LIMIT $1) AS c) AS launch_failed
