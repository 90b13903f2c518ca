-- A page of jobs that are looked at one by one: newest first, $1 jobs older than $2, in queue $3, with labels
-- $4, submitted from $5 and before $6, named like $7, of image $8, with $9 in their name, image or command,
-- whose last exit code is $10, in states $11 (by name; none asks for all). Of these, null asks for nothing.
--
-- $12 says over what the walk goes, and $13 over how many at most: the newest of all jobs ('jobs'), the newest
-- in these states ('states'), or any with these labels ('labels'), which are not walked over where they are so
-- many. Each row says how many that were, and the oldest of them; there is one row at least, of no job if the
-- page has none.
--
-- The walk is a loop, whatever the planner believes: the LIMIT of what is joined sees to that. It ends when
-- the page is full.
-- Locks: none. Indexes: job_pkey backwards; those of list_jobs_in_states.sql; job_labels. Then job_pkey.
WITH candidates AS MATERIALIZED (
    (SELECT j.id FROM job AS j WHERE $12::text = 'jobs' AND j.id < $2 ORDER BY j.id DESC LIMIT $13)
    UNION ALL
    (SELECT found.job_id FROM (
        (SELECT job_id FROM ready
         WHERE job_id < $2 AND CASE reason WHEN 'retry' THEN 'retrying' ELSE 'queued' END = ANY ($11::text[])
         ORDER BY job_id DESC LIMIT $13)
        UNION ALL
        (SELECT job_id FROM scheduled
         WHERE job_id < $2
           AND CASE reason WHEN 'retry' THEN 'retrying' WHEN 'pending' THEN 'pending'
                           WHEN 'held' THEN 'pending' ELSE 'queued' END = ANY ($11::text[])
         ORDER BY job_id DESC LIMIT $13)
        UNION ALL
        (SELECT job_id FROM lease
         WHERE job_id < $2
           AND CASE WHEN started_at IS NULL THEN 'launching' ELSE 'running' END = ANY ($11::text[])
         ORDER BY job_id DESC LIMIT $13)
        UNION ALL
        SELECT newest.job_id
        FROM unnest(ARRAY['completed', 'failed', 'timed_out', 'cancelled']) AS terminal(name)
        CROSS JOIN LATERAL (
            SELECT job_id FROM settled
            WHERE state = terminal.name::terminal_state AND job_id < $2
            ORDER BY job_id DESC LIMIT $13
        ) AS newest
        WHERE terminal.name = ANY ($11::text[])
     ) AS found
     WHERE $12::text = 'states'
     ORDER BY found.job_id DESC LIMIT $13)
    UNION ALL
    (SELECT j.id FROM job AS j WHERE $12::text = 'labels' AND j.labels @> $4::text::jsonb LIMIT $13)
), page AS MATERIALIZED (
    SELECT c.id
    FROM (SELECT id FROM candidates
          WHERE id < $2 AND ($12::text <> 'labels' OR (SELECT count(*) FROM candidates) < $13)
          ORDER BY id DESC) AS c
    CROSS JOIN LATERAL (
        SELECT FROM job AS j
        WHERE j.id = c.id AND ($3::integer IS NULL OR j.queue_id = $3)
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
          -- As job_summary has it.
          AND ($10::integer IS NULL OR $10 = CASE
               WHEN EXISTS (SELECT FROM settled AS e WHERE e.job_id = j.id)
                   THEN (SELECT e.exit_code FROM settled AS e WHERE e.job_id = j.id)
               ELSE (SELECT coalesce(a.exit_code, 128 + a.signal) FROM attempt AS a
                     WHERE a.job_id = j.id ORDER BY a.attempt DESC LIMIT 1) END)
          AND ($12::text = 'states' OR cardinality($11::text[]) = 0
               OR (SELECT s.state FROM job_summary AS s WHERE s.id = j.id) = ANY ($11::text[]))
        LIMIT 1) AS fits
    LIMIT $1
)
SELECT walked.looked_at, walked.oldest, s.id, s.created_at, s.labels::text AS labels, s.submitted_priority, s.queue,
       s.state, s.lane, s.attempts, s.due_at, s.started_at, s.ended_at, s.exit_code, s.spec ->> 'name' AS name,
       s.spec ->> 'image' AS image, ARRAY(SELECT jsonb_array_elements_text(s.spec -> 'command')) AS command
FROM (SELECT count(*) AS looked_at, min(id) AS oldest FROM candidates) AS walked
LEFT JOIN job_summary AS s ON s.id = ANY (ARRAY(SELECT id FROM page))
ORDER BY s.id DESC NULLS LAST
