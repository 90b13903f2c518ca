-- Stores a part of an attempt's output. A number that was stored before (index log_chunk_place)
-- is left as it was.
INSERT INTO log_chunk (job_id, attempt, token, seq, at, position, stream, bytes, resume)
VALUES (:job, :attempt, :token, :seq, :now, :position, :stream, :bytes, :resume)
ON CONFLICT (job_id, attempt, token, seq) DO NOTHING
