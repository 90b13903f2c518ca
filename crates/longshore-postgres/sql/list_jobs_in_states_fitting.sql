-- A page of jobs of some states ($11, by name) that look a certain way; $1 to $10 as in
-- list_jobs_fitting.sql. The places are asked first: there may be few jobs in these states.
-- Locks: none. Indexes: those of list_jobs_in_states.sql, job_pkey.
SELECT id, created_at, labels::text AS labels, submitted_priority, queue, state, lane, attempts,
       due_at, started_at, ended_at, exit_code, spec ->> 'name' AS name, spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(spec -> 'command')) AS command
FROM job_summary
WHERE id = ANY (ARRAY(
    SELECT j.id
    FROM (
        SELECT job_id FROM ready
        WHERE CASE reason WHEN 'retry' THEN 'retrying' ELSE 'queued' END = ANY ($11::text[])
        UNION ALL
        SELECT job_id FROM scheduled
        WHERE CASE reason WHEN 'retry' THEN 'retrying' WHEN 'pending' THEN 'pending'
                          WHEN 'held' THEN 'pending' ELSE 'queued' END = ANY ($11::text[])
        UNION ALL
        SELECT job_id FROM lease
        WHERE CASE WHEN started_at IS NULL THEN 'launching' ELSE 'running' END = ANY ($11::text[])
        UNION ALL
        SELECT job_id FROM settled WHERE state::text = ANY ($11::text[])
    ) AS p JOIN job AS j ON j.id = p.job_id
    WHERE j.id < $2 AND ($3::integer IS NULL OR j.queue_id = $3)
      AND ($4::text IS NULL OR j.labels @> $4::text::jsonb)
      AND ($5::timestamptz IS NULL OR j.created_at >= $5)
      AND ($6::timestamptz IS NULL OR j.created_at < $6)
      AND ($7::text IS NULL OR strpos(j.spec ->> 'name', $7) > 0)
      -- A tag or a digest may follow, and no more of a path: `host` is not `host:5000/a`.
      AND ($8::text IS NULL OR j.spec ->> 'image' = $8
           OR left(j.spec ->> 'image', length($8) + 1) IN ($8 || ':', $8 || '@')
              AND strpos(substr(j.spec ->> 'image', length($8) + 2), '/') = 0)
      AND ($9::text IS NULL OR strpos(j.spec ->> 'name', $9) > 0 OR strpos(j.spec ->> 'image', $9) > 0
           OR EXISTS (SELECT FROM jsonb_array_elements_text(j.spec -> 'command') AS word
                      WHERE strpos(word, $9) > 0))
      AND ($10::integer IS NULL
           OR (SELECT exit_code FROM job_summary AS s WHERE s.id = j.id) = $10)
    ORDER BY j.id DESC LIMIT $1))
ORDER BY id DESC
