-- Enters a job. Its key, if it has one, is unique while this row exists (index job_idem_key).
INSERT INTO job (id, created_at, queue_id, priority, idem_key, spec)
VALUES (:id, :now, :queue, :priority, :key, :spec)
