-- Leases whose token is not newer than those of the job's earlier attempts, tokens or slots given
-- out twice, and leases of workers that don't exist. Reads every lease.
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
UNION ALL
SELECT 'job ' || job_id || ' is leased to worker ' || worker_id || ', which does not exist'
FROM lease WHERE NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = lease.worker_id)
LIMIT 100
