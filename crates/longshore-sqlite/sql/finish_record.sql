-- What became of an attempt; written once.
INSERT INTO attempt (job_id, attempt, token, worker_id, host_id, claimed_at, started_at, ended_at,
    cpu_micros, peak_memory_bytes, omitted_stdout_bytes, omitted_stderr_bytes, outcome,
    error_class, exit_code, signal, oom_killed, handle, error_text, template_versions)
VALUES (:job, :attempt, :token, :worker, :host, :claimed_at, :started_at, :now,
    :cpu_micros, :peak_memory_bytes, :omitted_stdout_bytes, :omitted_stderr_bytes, :outcome,
    :error_class, :exit_code, :signal, :oom_killed, :handle, :error_text, :template_versions)
