-- Moves up to $2 jobs of queue $1 that have waited for its time up one priority; $3 to $6 are what is
-- proved of its line. migrations/V14__ageing.sql says how.
SELECT job_ids, lanes FROM age($1, $2, $3, $4, $5, $6)
