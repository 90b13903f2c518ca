-- The labels of a job that came from another database, each a row that is its own index.
INSERT OR IGNORE INTO job_label (key, value, job_id)
SELECT l.key, l.value, j.id FROM job AS j, json_each(j.spec, '$.labels') AS l WHERE j.id = :job
