-- Ends attempts, each judged alone, whose jobs settle with them, whatever a person asked for meanwhile: as
-- finish.sql does, which is for all others, and for an end that may be illegal. Nothing goes back to any line
-- here, so the lease is taken away at once instead of being locked, judged and then taken away.
-- Locks: the leases, as a rule in the order of the arrays, which is that of jobs. Indexes: lease_pkey,
-- attempt_pkey, settled_pkey, settled_state.
WITH ended AS (
    DELETE FROM lease AS l
    USING unnest(
        $1::bigint[], $2::integer[], $3::bigint[], $4::text[], $5::boolean[], $6::integer[],
        $7::smallint[], $8::boolean[], $9::text[], $10::text[], $11::bigint[], $12::bigint[],
        $13::bigint[], $14::bigint[], $15::text[], $16::text[]
    ) AS g(job_id, attempt, token, outcome, started, exit_code, signal, oom_killed, error_class,
           error_text, cpu_micros, peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes,
           template_versions, state)
    WHERE l.job_id = g.job_id AND l.attempt = g.attempt AND l.token = g.token
    RETURNING l.job_id, l.attempt, l.token, l.worker_id, l.host_id, l.claimed_at, l.started_at, l.queue_id,
              l.handle, g.outcome, g.started, g.exit_code, g.signal, g.oom_killed, g.error_class,
              g.error_text, g.cpu_micros, g.peak_memory_bytes, g.omitted_stdout_bytes,
              g.omitted_stderr_bytes, g.template_versions, g.state
), moment AS MATERIALIZED (
    -- Looked at after the locks were waited for.
    SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM ended) AS waited
), recorded AS (
    INSERT INTO attempt (job_id, token, worker_id, host_id, claimed_at, started_at, ended_at,
        cpu_micros, peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes, attempt, outcome,
        error_class, exit_code, signal, oom_killed, handle, error_text, template_versions)
    SELECT job_id, token, worker_id, host_id, claimed_at,
        coalesce(started_at, CASE WHEN started THEN at END), at, cpu_micros, peak_memory_bytes,
        omitted_stdout_bytes, omitted_stderr_bytes, attempt, outcome::attempt_outcome,
        error_class::error_class, exit_code, signal, oom_killed, handle, error_text,
        template_versions::jsonb
    FROM ended CROSS JOIN moment
), settling AS (
    INSERT INTO settled (job_id, at, queue_id, attempt, exit_code, state)
    SELECT job_id, at, queue_id, attempt, coalesce(exit_code, 128 + signal), state::terminal_state
    FROM ended CROSS JOIN moment
)
SELECT e.job_id, e.attempt, e.token, e.queue_id, false AS is_cancelled, false AS is_illegal,
       q.max_concurrent IS NOT NULL AS makes_room
FROM ended AS e JOIN queue AS q ON q.id = e.queue_id
