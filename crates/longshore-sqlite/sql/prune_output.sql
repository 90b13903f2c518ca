-- Takes a job's output away, at most :limit parts of it, first parts first. Index log_chunk_place.
DELETE FROM log_chunk WHERE rowid IN (
    SELECT rowid FROM log_chunk WHERE job_id = :job ORDER BY attempt, token, seq LIMIT :limit)
