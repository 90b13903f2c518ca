-- The last numbers that were given out.
SELECT job_id, ready_seq, lease_token, lease_slot,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'queue'), 0) AS queue,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'worker'), 0) AS worker,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'host'), 0) AS host,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'api_token'), 0) AS api_token,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) AS audit
FROM counter
