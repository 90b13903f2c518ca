-- Ends attempts, each judged alone: those whose lease is held under (job, attempt, token) are
-- recorded and their jobs go where `goes` says; the others are left out of the answer.
-- A job whose end a person was promised does not go back to any line. One that never started can't
-- have completed (the only end that a lease has no arrow for): it is answered as illegal and left.
-- Locks: the leases, in the order of jobs. The lock is also what assigns this transaction its xid,
-- before a seq is drawn for what is handed back.
-- Indexes: lease_pkey, attempt_pkey, settled_pkey, settled_state, scheduled_*, ready_*.
WITH held AS MATERIALIZED (
    SELECT g.outcome, g.started, g.exit_code, g.signal, g.oom_killed, g.error_class, g.error_text,
           g.cpu_micros, g.peak_memory_bytes, g.omitted_stdout_bytes, g.omitted_stderr_bytes,
           g.template_versions, g.goes, g.state, g.delay, l.*,
           g.state = 'completed' AND NOT g.started AND l.started_at IS NULL AS is_illegal
    FROM unnest(
        $1::bigint[], $2::integer[], $3::bigint[], $4::text[], $5::boolean[], $6::integer[],
        $7::smallint[], $8::boolean[], $9::text[], $10::text[], $11::bigint[], $12::bigint[],
        $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::text[], $18::float8[]
    ) AS g(job_id, attempt, token, outcome, started, exit_code, signal, oom_killed, error_class,
           error_text, cpu_micros, peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes,
           template_versions, goes, state, delay)
    JOIN lease AS l ON l.job_id = g.job_id AND l.attempt = g.attempt AND l.token = g.token
    ORDER BY l.job_id FOR UPDATE OF l
), moment AS MATERIALIZED (
    -- Looked at after the locks were waited for.
    SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM held) AS waited
), ended AS MATERIALIZED (
    SELECT job_id, attempt, token, worker_id, host_id, claimed_at, queue_id, lane, tries, losses,
           handle, at, outcome, exit_code, signal, oom_killed, error_class, error_text, cpu_micros,
           peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes, template_versions, delay,
           coalesce(started_at, CASE WHEN started THEN at END) AS started_at,
           cancel_requested_at IS NOT NULL AND goes <> 'settle' AS is_cancelled,
           CASE WHEN cancel_requested_at IS NULL THEN goes ELSE 'settle' END AS goes,
           CASE WHEN goes = 'settle' THEN state ELSE 'cancelled' END AS state
    FROM held CROSS JOIN moment WHERE is_illegal IS NOT TRUE
), gone AS (
    DELETE FROM lease WHERE job_id = ANY (ARRAY(SELECT job_id FROM ended))
), recorded AS (
    INSERT INTO attempt (job_id, token, worker_id, host_id, claimed_at, started_at, ended_at,
        cpu_micros, peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes, attempt, outcome,
        error_class, exit_code, signal, oom_killed, handle, error_text, template_versions)
    SELECT job_id, token, worker_id, host_id, claimed_at, started_at, at, cpu_micros,
        peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes, attempt,
        outcome::attempt_outcome, error_class::error_class, exit_code, signal, oom_killed, handle,
        error_text, template_versions::jsonb
    FROM ended
), settling AS (
    INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
    SELECT job_id, at, queue_id, attempt, coalesce(exit_code, 128 + signal), state::terminal_state
    FROM ended WHERE goes = 'settle'
), retrying AS (
    INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
    SELECT job_id, at + make_interval(secs => delay), queue_id, attempt, 'retry', lane / 2 * 2 + 1,
           tries + 1, losses
    FROM ended WHERE goes = 'retry'
), bounded AS (
    -- Waiting is counted anew from when the job is due again.
    UPDATE waiting_deadline AS d SET expires_at = e.at + coalesce(make_interval(secs => e.delay), '0') + d.allowed
    FROM ended AS e WHERE d.job_id = e.job_id AND e.goes <> 'settle'
), back_in_line AS (
    -- Even lanes: just ahead of their priority.
    INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
    SELECT nextval('ready_seq'), job_id, queue_id, attempt, goes::waiting_reason, lane / 2 * 2, tries,
           losses + (goes = 'lost')::integer
    FROM (SELECT * FROM ended WHERE goes IN ('handed_back', 'lost') ORDER BY lane, job_id) AS in_order
)
SELECT e.job_id, e.attempt, e.token, e.queue_id, e.is_cancelled, false AS is_illegal,
       e.goes <> 'settle' OR q.max_concurrent IS NOT NULL AS makes_room
FROM ended AS e JOIN queue AS q ON q.id = e.queue_id
UNION ALL
SELECT job_id, attempt, token, queue_id, false, true, false FROM held WHERE is_illegal
