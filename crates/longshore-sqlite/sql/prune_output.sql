-- Takes a job's output away. Index log_chunk_place.
DELETE FROM log_chunk WHERE job_id = :job
