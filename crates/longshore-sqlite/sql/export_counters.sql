-- The last numbers that were given out.
SELECT job_id, ready_seq, lease_token, lease_slot,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'queue'), 0) AS queue,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'worker'), 0) AS worker,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'host'), 0) AS host,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'api_token'), 0) AS api_token,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) AS audit,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'webhook'), 0) AS webhook,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'delivery'), 0) AS delivery
FROM counter
