-- Which of these attempts were finished before, under the same token: an earlier try of the same
-- finish, whose reply was lost. Asked in a statement of its own, after finish_attempts.sql has
-- waited for whoever held the lease. Locks: none. Index: attempt_pkey.
SELECT a.job_id, a.attempt, a.token
FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS g(job_id, attempt, token)
JOIN attempt AS a ON a.job_id = g.job_id AND a.attempt = g.attempt AND a.token = g.token
