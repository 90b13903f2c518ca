-- How leases stand, in the order of the question. Locks: none. Index: lease_pkey.
SELECT l.job_id IS NOT NULL AS is_held, l.cancel_requested_at IS NOT NULL AS cancel_requested
FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) WITH ORDINALITY AS g(job_id, attempt, token, ord)
LEFT JOIN lease AS l ON l.job_id = g.job_id AND l.attempt = g.attempt AND l.token = g.token
ORDER BY g.ord
