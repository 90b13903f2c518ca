-- Leaves out $1 numbers of jobs and of fencing tokens, which a database that this one takes the place of may
-- have given out. Locks: none that outlast it.
SELECT (SELECT setval('job_id', last_value + $1) FROM job_id),
       (SELECT setval('lease_token', last_value + $1) FROM lease_token)
