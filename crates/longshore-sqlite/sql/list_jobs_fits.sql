-- Whether a job has all of some labels (:labels, a JSON object) and is what else is asked for, of
-- which null asks for nothing. By primary key; the key of job_label. What a job says comes last: it
-- is the dearest to look at, and one that can't be read hides no other.
SELECT EXISTS (
    SELECT 1 FROM job
    WHERE id = :job
        AND (:queue IS NULL OR queue_id = :queue)
        AND (:since IS NULL OR created_at >= :since)
        AND (:until IS NULL OR created_at < :until)
        AND NOT EXISTS (
            SELECT 1 FROM json_each(:labels) AS wanted
            WHERE NOT EXISTS (
                SELECT 1 FROM job_label
                WHERE key = wanted.key AND value = wanted.value AND job_id = :job))
        AND (:exit_code IS NULL OR :exit_code = CASE
            WHEN EXISTS (SELECT 1 FROM settled WHERE job_id = :job)
                THEN (SELECT exit_code FROM settled WHERE job_id = :job)
            ELSE (SELECT coalesce(exit_code, 128 + signal) FROM attempt
                  WHERE job_id = :job ORDER BY attempt DESC LIMIT 1)
            END)
        AND CASE
            WHEN :name IS NULL AND :image IS NULL AND :search IS NULL THEN 1
            WHEN NOT json_valid(spec) THEN 0
            ELSE (:name IS NULL OR instr(spec ->> '$.name', :name) > 0)
                -- A tag or a digest may follow, and no more of a path: `host` is not `host:5000/a`.
                AND (:image IS NULL OR spec ->> '$.image' = :image OR (
                    substr(spec ->> '$.image', 1, length(:image) + 1) IN (:image || ':', :image || '@')
                    AND instr(substr(spec ->> '$.image', length(:image) + 2), '/') = 0))
                AND (:search IS NULL
                    OR instr(spec ->> '$.name', :search) > 0
                    OR instr(spec ->> '$.image', :search) > 0
                    OR EXISTS (SELECT 1 FROM json_each(spec, '$.command') AS word
                               WHERE instr(word.value, :search) > 0))
            END)
