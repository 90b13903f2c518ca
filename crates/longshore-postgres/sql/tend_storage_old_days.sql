-- Days that ended more than $1 seconds ago and have a partition of output, first to last. Locks: none.
SELECT day::text AS day
FROM log_days_before(((now() - make_interval(secs => $1)) AT TIME ZONE 'UTC')::date) AS day
