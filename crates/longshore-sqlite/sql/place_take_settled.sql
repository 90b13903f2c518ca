-- Takes back a job's end: a person asked for another attempt. By primary key.
DELETE FROM settled WHERE job_id = :job
