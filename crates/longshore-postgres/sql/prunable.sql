-- How many jobs ended before the retention ($1 seconds); counting stops at $2. A scan of narrow rows,
-- for people who ask. Locks: none.
SELECT count(*) AS jobs
FROM (SELECT FROM settled WHERE at < clock_timestamp() - make_interval(secs => $1) LIMIT $2) AS old
