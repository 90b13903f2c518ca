-- Goes on from these numbers, or from its own where they are higher. Locks: none that outlast it.
SELECT (SELECT setval('job_id', greatest(last_value, $1), is_called OR $1 > 0) FROM job_id),
       (SELECT setval('ready_seq', greatest(last_value, $2), is_called OR $2 > 0) FROM ready_seq),
       (SELECT setval('lease_token', greatest(last_value, $3), is_called OR $3 > 0) FROM lease_token),
       (SELECT setval('lease_slot', greatest(last_value, $4), is_called OR $4 > 0) FROM lease_slot),
       (SELECT setval('queue_id_seq', greatest(last_value, $5), is_called OR $5 > 0) FROM queue_id_seq),
       (SELECT setval('worker_id_seq', greatest(last_value, $6), is_called OR $6 > 0) FROM worker_id_seq),
       (SELECT setval('host_id_seq', greatest(last_value, $7), is_called OR $7 > 0) FROM host_id_seq),
       (SELECT setval('api_token_id_seq', greatest(last_value, $8), is_called OR $8 > 0)
        FROM api_token_id_seq),
       (SELECT setval('audit_id_seq', greatest(last_value, $9), is_called OR $9 > 0) FROM audit_id_seq),
       (SELECT setval('webhook_id_seq', greatest(last_value, $10), is_called OR $10 > 0)
        FROM webhook_id_seq),
       (SELECT setval('delivery_id_seq', greatest(last_value, $11), is_called OR $11 > 0)
        FROM delivery_id_seq)
