-- Enters one label of a job.
INSERT INTO job_label (key, value, job_id) VALUES (:key, :value, :job)
