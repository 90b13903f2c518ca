-- Leases whose token is not newer than those of the job's earlier attempts, and tokens or slots
-- given out twice. Reads every lease.
SELECT 'job ' || lease.job_id || ' is leased under token ' || lease.token
    || ', though attempt ' || attempt.attempt || ' had ' || attempt.token
FROM lease JOIN attempt ON attempt.job_id = lease.job_id
WHERE attempt.token >= lease.token
UNION ALL
SELECT 'token ' || token || ' belongs to ' || count(*) || ' leases' FROM lease
GROUP BY token HAVING count(*) > 1
UNION ALL
SELECT 'slot ' || slot || ' belongs to ' || count(*) || ' leases' FROM lease
GROUP BY slot HAVING count(*) > 1
LIMIT 100
