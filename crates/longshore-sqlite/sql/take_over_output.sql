-- How much of an attempt's output is stored: per stream where it ends and how much it is; and where its
-- executor would go on. Index log_chunk_place.
SELECT
    coalesce(max(position + length(bytes)) FILTER (WHERE stream = 1), 0) AS stdout_end,
    coalesce(sum(length(bytes)) FILTER (WHERE stream = 1), 0) AS stdout_bytes,
    coalesce(max(position + length(bytes)) FILTER (WHERE stream = 2), 0) AS stderr_end,
    coalesce(sum(length(bytes)) FILTER (WHERE stream = 2), 0) AS stderr_bytes,
    (SELECT resume FROM log_chunk
        WHERE job_id = :job AND attempt = :attempt AND resume IS NOT NULL
        ORDER BY token DESC, seq DESC LIMIT 1) AS resume
FROM log_chunk WHERE job_id = :job AND attempt = :attempt
