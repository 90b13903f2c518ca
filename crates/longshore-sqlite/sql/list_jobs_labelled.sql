-- Ids of jobs with all of some labels (:labels, a JSON object, of which :key and :value are one),
-- newest first, before a cursor. The key of job_label, from its end.
SELECT one.job_id FROM job_label AS one
WHERE one.key = :key AND one.value = :value AND one.job_id < :before
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:labels) AS wanted
        WHERE NOT EXISTS (
            SELECT 1 FROM job_label AS other
            WHERE other.key = wanted.key AND other.value = wanted.value
                AND other.job_id = one.job_id))
ORDER BY one.job_id DESC LIMIT :count
