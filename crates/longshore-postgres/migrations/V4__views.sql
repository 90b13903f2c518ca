-- What people look at, in one shape. Reading never locks.

-- Whether a worker counts as alive: not stopped, not fenced, heard of within its time.
CREATE FUNCTION is_alive(w worker) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT w.stopped_at IS NULL AND NOT w.fenced AND w.heartbeat_at + w.lease_ttl > now()
$$;

-- A job, where it stands, and what became of it last. Asked for by `id = ANY (array)`: each part is
-- then one index look-up per job.
CREATE VIEW job_summary AS
SELECT j.id, j.created_at, j.labels, j.priority AS submitted_priority, q.id AS queue_id,
       q.name AS queue,
       CASE
           WHEN r.job_id IS NOT NULL THEN CASE r.reason WHEN 'retry' THEN 'retrying' ELSE 'queued' END
           WHEN s.job_id IS NOT NULL THEN
               CASE s.reason WHEN 'retry' THEN 'retrying' WHEN 'pending' THEN 'pending'
                             WHEN 'held' THEN 'pending' ELSE 'queued' END
           WHEN l.job_id IS NOT NULL THEN
               CASE WHEN l.started_at IS NULL THEN 'launching' ELSE 'running' END
           WHEN e.job_id IS NOT NULL THEN e.state::text
       END AS state,
       coalesce(r.reason, s.reason)::text AS reason,
       coalesce(r.lane, s.lane, l.lane) AS lane,
       coalesce(r.attempt, s.attempt, l.attempt, e.attempt, 0) AS attempts,
       coalesce(r.tries, s.tries, l.tries, 0::smallint) AS tries,
       CASE WHEN s.due_at > clock_timestamp() THEN s.due_at END AS due_at,
       l.cancel_requested_at,
       CASE WHEN l.job_id IS NOT NULL THEN l.started_at ELSE a.started_at END AS started_at,
       e.at AS ended_at,
       CASE WHEN e.job_id IS NOT NULL THEN e.exit_code
            ELSE coalesce(a.exit_code, 128 + a.signal) END AS exit_code,
       j.spec
FROM job AS j
JOIN queue AS q ON q.id = j.queue_id
LEFT JOIN ready AS r ON r.job_id = j.id
LEFT JOIN scheduled AS s ON s.job_id = j.id
LEFT JOIN lease AS l ON l.job_id = j.id
LEFT JOIN settled AS e ON e.job_id = j.id
-- The last attempt that ended: that of a waiting job, or the one before the live one.
LEFT JOIN attempt AS a ON a.job_id = j.id
    AND a.attempt = coalesce(r.attempt, s.attempt, l.attempt - 1, e.attempt);
