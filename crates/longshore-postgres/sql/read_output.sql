-- Output of an attempt ($1 job, $2 attempt, $3 claimed_at) after a place ($4 token, $5 seq), up to
-- the chunk that reaches $6 bytes, and whether more follows.
-- Locks: none. Index: the key of one day's log_chunk.
WITH chunk AS (
    SELECT token, seq, stream, position, bytes, stored_at FROM log_chunk
    WHERE job_id = $1 AND attempt = $2 AND claimed_at = $3 AND (token, seq) > ($4, $5)
    -- A page has no more chunks than this, however small they are.
    ORDER BY token, seq LIMIT 10000
), counted AS (
    SELECT *, sum(octet_length(bytes)) OVER before AS bytes_before,
           lead(true) OVER (ORDER BY token, seq) IS NOT NULL OR count(*) OVER () = 10000 AS is_followed
    FROM chunk
    WINDOW before AS (ORDER BY token, seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT token, seq, stream, position, bytes, stored_at, is_followed
FROM counted
WHERE coalesce(bytes_before, 0) < $6
ORDER BY token, seq
