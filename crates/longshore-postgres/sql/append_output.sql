-- Stores output of leases that are held, and answers with their places, counting from 1; the others
-- are left out. A part that is stored already changes nothing, because its key holds nothing that
-- differs between two tries.
-- Locks: the leases, shared, in the order of jobs: no finish and no take-over comes between the look
-- and the commit. Indexes: lease_pkey, and the key of one day's log_chunk.
WITH held AS MATERIALIZED (
    SELECT g.*, l.claimed_at, l.cancel_requested_at
    FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::integer[], $5::smallint[],
                $6::bigint[], $7::bytea[], $8::text[])
        WITH ORDINALITY AS g(job_id, attempt, token, seq, stream, position, bytes, resume, place)
    JOIN lease AS l ON l.job_id = g.job_id AND l.attempt = g.attempt AND l.token = g.token
    ORDER BY l.job_id FOR SHARE OF l
), stored AS (
    INSERT INTO log_chunk (job_id, token, claimed_at, position, stored_at, attempt, seq, stream, bytes, resume)
    SELECT job_id, token, claimed_at, position, clock_timestamp(), attempt, seq, stream, bytes, resume
    FROM held
    ON CONFLICT (job_id, attempt, token, seq, claimed_at) DO NOTHING
)
SELECT place, cancel_requested_at IS NOT NULL AS cancel_requested FROM held
