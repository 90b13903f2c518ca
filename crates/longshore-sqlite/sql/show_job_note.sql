-- What a launch says of itself; none once it runs. By primary key.
SELECT note FROM lease WHERE job_id = :job AND started_at IS NULL
