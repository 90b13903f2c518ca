-- Jobs whose attempts don't count from 1 to what their place says. Reads every job.
SELECT 'job ' || job_id || ' has ' || recorded || ' ended attempts up to number ' || newest
    || ', but ' || place || ' says ' || ended
FROM (
    SELECT place.job_id, place.place, place.ended, count(attempt.attempt) AS recorded,
        coalesce(max(attempt.attempt), 0) AS newest
    FROM (
        SELECT job_id, 'ready' AS place, attempt AS ended FROM ready
        UNION ALL SELECT job_id, 'scheduled', attempt FROM scheduled
        UNION ALL SELECT job_id, 'lease', attempt - 1 FROM lease
        UNION ALL SELECT job_id, 'settled', attempt FROM settled) AS place
    LEFT JOIN attempt ON attempt.job_id = place.job_id
    GROUP BY place.job_id, place.place, place.ended)
WHERE recorded <> ended OR newest <> ended
LIMIT 100
