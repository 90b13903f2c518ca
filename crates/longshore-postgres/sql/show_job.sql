-- One job with its attempts, one row per attempt (one with nulls if it never had one), the live one
-- last; one statement, so that all of it is of one moment.
-- Locks: none. Indexes: the keys of every place, attempt_pkey.
SELECT s.id, s.created_at, s.labels::text AS labels, s.submitted_priority, s.queue_id, s.queue,
       s.state, s.reason, s.lane, s.attempts, s.tries, s.due_at, s.started_at, s.ended_at, s.exit_code,
       s.cancel_requested_at IS NOT NULL AS cancel_requested,
       s.spec ->> 'name' AS name, s.spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(s.spec -> 'command')) AS command,
       a.attempt, a.token, a.worker_id, a.host_id, a.handle, a.claimed_at,
       a.started_at AS attempt_started_at, a.ended_at AS attempt_ended_at, a.outcome,
       a.exit_code AS attempt_exit_code, a.signal, a.oom_killed, a.error_class, a.error_text,
       a.cpu_micros, a.peak_memory_bytes, a.omitted_stdout_bytes, a.omitted_stderr_bytes,
       a.template_versions
FROM job_summary AS s
LEFT JOIN LATERAL (
    SELECT attempt, token, worker_id, host_id, handle, claimed_at, started_at, ended_at,
           outcome::text, exit_code, signal, oom_killed, error_class::text, error_text, cpu_micros,
           peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes,
           template_versions::text
    FROM attempt WHERE job_id = $1
    UNION ALL
    SELECT attempt, token, worker_id, host_id, handle, claimed_at, started_at, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM lease WHERE job_id = $1
) AS a ON true
WHERE s.id = $1
ORDER BY a.attempt
