-- Closes the database for the reason $1, unless a job is live: then the caller rolls back.
-- Locks: the tables of jobs, against all that write. Index: lease by its whole length, which is short.
SELECT close_to_jobs($1) AS leases
