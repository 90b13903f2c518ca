-- A page of jobs of any state that look a certain way: newest first, $1 jobs older than $2, in queue $3,
-- with labels $4, submitted from $5 and before $6, named like $7, of image $8, with $9 in their name,
-- image or command, whose last exit code is $10. Of these, null asks for nothing.
-- Locks: none. Index: job_pkey backwards, or job_labels.
SELECT id, created_at, labels::text AS labels, submitted_priority, queue, state, lane, attempts,
       due_at, started_at, ended_at, exit_code, spec ->> 'name' AS name, spec ->> 'image' AS image,
       ARRAY(SELECT jsonb_array_elements_text(spec -> 'command')) AS command
FROM job_summary
WHERE id = ANY (ARRAY(
    SELECT j.id FROM job AS j
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
