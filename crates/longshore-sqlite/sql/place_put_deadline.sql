-- Notes when a job is to be given up if it still waits; the newest word counts.
INSERT OR REPLACE INTO waiting_deadline (job_id, expires_at) VALUES (:job, :expires_at)
