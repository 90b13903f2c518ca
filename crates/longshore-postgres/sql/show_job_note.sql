-- What a launch says of itself; none once it runs. Locks: none. Index: lease_pkey.
SELECT note FROM lease WHERE job_id = $1 AND started_at IS NULL
