-- The last numbers that were given out. Locks: none.
SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM job_id) AS job,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ready_seq) AS ready_seq,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lease_token) AS lease_token,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lease_slot) AS lease_slot,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM queue_id_seq)::bigint AS queue,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM worker_id_seq) AS worker,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM host_id_seq) AS host,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM api_token_id_seq) AS api_token,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_id_seq) AS audit,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM webhook_id_seq) AS webhook,
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM delivery_id_seq) AS delivery
