-- The feed of changes behind :after, at most :limit rows. A range of the primary key.
SELECT seq, at, job_id, queue_id, state FROM change WHERE seq > :after ORDER BY seq LIMIT :limit
