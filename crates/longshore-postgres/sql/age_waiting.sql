-- Moves up to $2 jobs of queue $1 that have waited for its time up one priority; $3 to $6 are what is
-- proved of its line. migrations/V14__ageing.sql says how.
-- Their states stay as they are, which the feed of changes is told first: the second function takes what
-- the first gives.
SELECT a.job_ids, a.lanes
FROM set_config('longshore.stays', 'on', true) AS stays
CROSS JOIN LATERAL age(CASE WHEN stays = 'on' THEN $1::integer END, $2, $3, $4, $5, $6) AS a
