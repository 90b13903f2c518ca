-- An attempt's output after a place, in order. Index log_chunk_place; the caller stops reading when
-- it has enough.
SELECT token, seq, at, position, stream, bytes FROM log_chunk
WHERE job_id = :job AND attempt = :attempt AND (token, seq) > (:token, :seq)
ORDER BY token, seq
