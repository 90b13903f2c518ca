-- Enters jobs, given in columns; migrations/V3__submit.sql says how.
-- Locks: the unique index of idem_key, in the order of the keys.
SELECT job_ids, is_new FROM insert_jobs($1, $2, $3, $4, $5, $6, $7, $8)
