-- Which attempt's output to read: attempt $2 of job $1, or the newest; and where the job stands.
-- `claimed_at` leads to the one partition that has it. Locks: none. Indexes: attempt_pkey, lease_pkey.
SELECT s.state, a.attempt, a.claimed_at, a.is_live
FROM job_summary AS s
LEFT JOIN LATERAL (
    SELECT attempt, claimed_at, is_live
    FROM (SELECT attempt, claimed_at, false AS is_live FROM attempt WHERE job_id = $1
          UNION ALL
          SELECT attempt, claimed_at, true FROM lease WHERE job_id = $1) AS made
    WHERE $2::integer IS NULL OR attempt = $2
    ORDER BY attempt DESC LIMIT 1
) AS a ON true
WHERE s.id = $1
