-- Whether each of these attempts has a lease, in their order. Locks: none. Index: lease_pkey.
SELECT EXISTS (SELECT FROM lease AS l WHERE l.job_id = a.job_id AND l.attempt = a.attempt) AS is_live
FROM unnest($1::bigint[], $2::integer[]) WITH ORDINALITY AS a(job_id, attempt, place)
ORDER BY a.place
