-- For the count of launch failures, which would otherwise look at the last attempt of every failed job.
-- Attempts that never started are few. Locks: attempt against writes, for as long as it takes to read it once.
CREATE INDEX attempt_unstarted ON attempt (job_id, attempt) WHERE started_at IS NULL;
