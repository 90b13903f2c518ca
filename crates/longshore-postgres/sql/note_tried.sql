-- Notes what came of try $2 of the delivery $1, if that is its newest and it has not ended: status $3, problem $4
-- (null for a delivery), again after $5 seconds (null gives it up). Locks: its row.
UPDATE delivery
SET status = $3, problem = $4, is_delivered = $4::text IS NULL,
    next_at = CASE WHEN $4::text IS NOT NULL THEN statement_timestamp() + make_interval(secs => $5::float8) END,
    ended_at = CASE WHEN $4::text IS NULL OR $5::float8 IS NULL THEN statement_timestamp() END
WHERE id = $1 AND tries = $2 AND next_at IS NOT NULL
RETURNING id
