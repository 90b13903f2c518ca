-- Leaves out $1 numbers of jobs, of fencing tokens, of webhooks and of their deliveries, which a database that
-- this one takes the place of may have given out. Locks: none that outlast it.
SELECT (SELECT setval('job_id', last_value + $1) FROM job_id),
       (SELECT setval('lease_token', last_value + $1) FROM lease_token),
       (SELECT setval('webhook_id_seq', last_value + $1) FROM webhook_id_seq),
       (SELECT setval('delivery_id_seq', last_value + $1) FROM delivery_id_seq)
