-- Moves a job of a line to another lane, at a seq that was drawn for it just now. Its state stays, so this is
-- no insert, which the feed of changes would tell of. Index ready_job.
UPDATE ready SET lane = :lane, seq = :seq WHERE job_id = :job
