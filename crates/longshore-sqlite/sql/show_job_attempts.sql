-- A job's ended attempts, first to last. By primary key.
SELECT attempt, token, worker_id, host_id, handle, claimed_at, started_at, ended_at, cpu_micros,
    peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes, outcome, error_class, exit_code,
    signal, oom_killed, error_text, template_versions
FROM attempt WHERE job_id = :job ORDER BY attempt
