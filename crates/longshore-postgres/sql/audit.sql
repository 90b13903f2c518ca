-- Every breach of the tables' own rules, as sentences; at most 100 of each kind. One statement, so
-- that all of it is of one moment. Reads everything: for doctor and tests. Locks: none.
WITH place AS (
    SELECT job_id, 'ready' AS name, queue_id, attempt FROM ready
    UNION ALL SELECT job_id, 'scheduled', queue_id, attempt FROM scheduled
    UNION ALL SELECT job_id, 'lease', queue_id, attempt - 1 FROM lease
    UNION ALL SELECT job_id, 'settled', queue_id, attempt FROM settled
)
(SELECT format('job %s is in %s places: %s', job_id, count(*), string_agg(name, ', ' ORDER BY name)) AS breach
 FROM place GROUP BY job_id HAVING count(*) > 1 LIMIT 100)
UNION ALL
(SELECT format('job %s is in no place', j.id) FROM job AS j
 WHERE NOT EXISTS (SELECT FROM place AS p WHERE p.job_id = j.id) LIMIT 100)
UNION ALL
(SELECT format('%s has a row of job %s, which does not exist', p.name, p.job_id) FROM place AS p
 WHERE NOT EXISTS (SELECT FROM job AS j WHERE j.id = p.job_id) LIMIT 100)
UNION ALL
(SELECT format('%s has job %s in queue %s, but it was submitted to queue %s', p.name, p.job_id, p.queue_id, j.queue_id)
 FROM place AS p JOIN job AS j ON j.id = p.job_id WHERE p.queue_id <> j.queue_id LIMIT 100)
UNION ALL
(SELECT format('job %s is in queue %s, which does not exist', j.id, j.queue_id) FROM job AS j
 WHERE NOT EXISTS (SELECT FROM queue AS q WHERE q.id = j.queue_id) LIMIT 100)
UNION ALL
(SELECT format('job %s counts %s ended attempts in %s, but %s are recorded', p.job_id, p.attempt, p.name,
               coalesce(a.recorded, 0))
 FROM place AS p
 LEFT JOIN (SELECT job_id, count(*) AS recorded FROM attempt GROUP BY job_id) AS a USING (job_id)
 WHERE p.attempt <> coalesce(a.recorded, 0) LIMIT 100)
UNION ALL
(SELECT format('attempt %s of job %s is recorded, but the job does not exist', a.attempt, a.job_id)
 FROM attempt AS a WHERE NOT EXISTS (SELECT FROM job AS j WHERE j.id = a.job_id) LIMIT 100)
UNION ALL
(SELECT format('the tokens of job %s do not grow: %s in attempt %s, after %s', job_id, token, attempt, before)
 FROM (SELECT job_id, attempt, token, lag(token) OVER (PARTITION BY job_id ORDER BY attempt) AS before
       FROM (SELECT job_id, attempt, token FROM attempt
             UNION ALL SELECT job_id, attempt, token FROM lease) AS made) AS t
 WHERE token <= before LIMIT 100)
UNION ALL
(SELECT format('jobs %s and %s both hold slot %s', min(job_id), max(job_id), slot) FROM lease
 GROUP BY slot HAVING count(*) > 1 LIMIT 100)
UNION ALL
(SELECT format('job %s is leased to worker %s, which does not exist', l.job_id, l.worker_id)
 FROM lease AS l WHERE NOT EXISTS (SELECT FROM worker AS w WHERE w.id = l.worker_id) LIMIT 100)
