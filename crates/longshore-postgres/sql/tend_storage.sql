-- Partitions of the coming $1 days; drops those of days that ended more than $2 seconds ago and of
-- which no job is left. Locks: see migrations/V5__storage.sql.
SELECT make_log_partitions($1) AS made,
       drop_log_partitions((now() - make_interval(secs => $2))::date) AS dropped
