-- Every queue with its counts; each stops at $1, and goes in the order of an index: where one queue has all
-- the jobs, the planner would look for those of each other by reading the whole table. And when the first of
-- its jobs that may start now began to wait: of each lane the first by place is the oldest. `ready` has no
-- times: a job that has run before counts from when its last attempt ended, another from when it was
-- submitted or was to be due. As subqueries, not joins, so that whatever the planner believes, each is one
-- probe. Locks: none.
-- Indexes: ready_line, scheduled_due, lease_queue; job_pkey and attempt_pkey, once for each lane in use.
SELECT q.id, q.name, q.executor, q.host_selector::text AS host_selector, q.max_concurrent, q.paused,
       extract(epoch FROM q.ageing)::float8 AS ageing_seconds, q.on_host_lost, q.epoch,
       (SELECT count(*) FROM (SELECT FROM ready WHERE queue_id = q.id ORDER BY lane, seq LIMIT $1) AS c) AS in_line,
       (SELECT count(*)
        FROM (SELECT FROM scheduled
              WHERE queue_id = q.id AND due_at <= now() ORDER BY due_at, job_id LIMIT $1) AS c) AS due,
       (SELECT count(*)
        FROM (SELECT FROM scheduled
              WHERE queue_id = q.id AND due_at > now() AND due_at < 'infinity'
              ORDER BY due_at, job_id LIMIT $1) AS c) AS due_later,
       (SELECT count(*) FROM (SELECT FROM lease WHERE queue_id = q.id AND started_at IS NULL LIMIT $1) AS c) AS launching,
       (SELECT count(*)
        FROM (SELECT FROM lease WHERE queue_id = q.id AND started_at IS NOT NULL LIMIT $1) AS c) AS running,
       (SELECT count(*) FROM worker AS w
        WHERE q.id = ANY (w.queue_ids) AND is_alive(w) AND NOT w.draining) AS workers,
       least(
           (SELECT due_at FROM scheduled WHERE queue_id = q.id AND due_at <= now() ORDER BY due_at LIMIT 1),
           (WITH RECURSIVE line AS (
                (SELECT lane, job_id, attempt FROM ready WHERE queue_id = q.id ORDER BY lane, seq LIMIT 1)
                UNION ALL
                SELECT next.lane, next.job_id, next.attempt FROM line CROSS JOIN LATERAL (
                    SELECT r.lane, r.job_id, r.attempt FROM ready AS r
                    WHERE r.queue_id = q.id AND r.lane > line.lane ORDER BY r.lane, r.seq LIMIT 1) AS next
            )
            SELECT min(coalesce(
                (SELECT a.ended_at FROM attempt AS a WHERE a.job_id = line.job_id AND a.attempt = line.attempt),
                (SELECT greatest(j.created_at, (j.spec ->> 'scheduled_for')::timestamptz)
                 FROM job AS j WHERE j.id = line.job_id)))
            FROM line)
       ) AS oldest_waiting_at
FROM queue AS q ORDER BY q.name
