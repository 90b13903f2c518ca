-- Numbers that were given out without being counted: they would be given out again.
SELECT 'counter.' || name || ' is ' || counted || ', but ' || used || ' is in use' FROM (
    SELECT 'job_id' AS name, (SELECT job_id FROM counter) AS counted,
        (SELECT max(id) FROM job) AS used
    UNION ALL
    SELECT 'ready_seq', (SELECT ready_seq FROM counter), (SELECT max(seq) FROM ready)
    UNION ALL
    SELECT 'lease_token', (SELECT lease_token FROM counter),
        max((SELECT coalesce(max(token), 0) FROM lease),
            (SELECT coalesce(max(token), 0) FROM attempt))
    UNION ALL
    SELECT 'lease_slot', (SELECT lease_slot FROM counter), (SELECT max(slot) FROM lease))
WHERE used > counted
