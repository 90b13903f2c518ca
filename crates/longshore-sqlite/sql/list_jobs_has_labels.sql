-- Whether a job has all of some labels (:labels, a JSON object). The key of job_label.
SELECT NOT EXISTS (
    SELECT 1 FROM json_each(:labels) AS wanted
    WHERE NOT EXISTS (
        SELECT 1 FROM job_label
        WHERE key = wanted.key AND value = wanted.value AND job_id = :job))
