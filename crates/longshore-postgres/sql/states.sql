-- Where jobs stand, in the order of the question; null for an unknown one.
-- Locks: none. Indexes: the keys of every place.
SELECT g.job_id,
       CASE
           WHEN j.id IS NULL THEN NULL
           WHEN r.job_id IS NOT NULL THEN CASE r.reason WHEN 'retry' THEN 'retrying' ELSE 'queued' END
           WHEN s.job_id IS NOT NULL THEN
               CASE s.reason WHEN 'retry' THEN 'retrying' WHEN 'pending' THEN 'pending'
                             WHEN 'held' THEN 'pending' ELSE 'queued' END
           WHEN l.job_id IS NOT NULL THEN
               CASE WHEN l.started_at IS NULL THEN 'launching' ELSE 'running' END
           ELSE e.state::text
       END AS state
FROM unnest($1::bigint[]) WITH ORDINALITY AS g(job_id, ord)
LEFT JOIN job AS j ON j.id = g.job_id
LEFT JOIN ready AS r ON r.job_id = g.job_id
LEFT JOIN scheduled AS s ON s.job_id = g.job_id
LEFT JOIN lease AS l ON l.job_id = g.job_id
LEFT JOIN settled AS e ON e.job_id = g.job_id
ORDER BY g.ord
