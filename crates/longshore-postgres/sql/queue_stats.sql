-- Every queue with its counts; each stops at $1. Locks: none.
-- Indexes: ready_line, scheduled_due, lease_queue.
SELECT q.id, q.name, q.executor, q.host_selector::text AS host_selector, q.max_concurrent, q.paused,
       extract(epoch FROM q.ageing)::float8 AS ageing_seconds, q.on_host_lost, q.epoch,
       (SELECT count(*) FROM (SELECT FROM ready WHERE queue_id = q.id LIMIT $1) AS c) AS in_line,
       (SELECT count(*) FROM (SELECT FROM scheduled WHERE queue_id = q.id AND due_at <= now() LIMIT $1) AS c) AS due,
       (SELECT count(*)
        FROM (SELECT FROM scheduled
              WHERE queue_id = q.id AND due_at > now() AND due_at < 'infinity' LIMIT $1) AS c) AS due_later,
       (SELECT count(*) FROM (SELECT FROM lease WHERE queue_id = q.id AND started_at IS NULL LIMIT $1) AS c) AS launching,
       (SELECT count(*)
        FROM (SELECT FROM lease WHERE queue_id = q.id AND started_at IS NOT NULL LIMIT $1) AS c) AS running,
       (SELECT count(*) FROM worker AS w
        WHERE q.id = ANY (w.queue_ids) AND is_alive(w) AND NOT w.draining) AS workers
FROM queue AS q ORDER BY q.name
