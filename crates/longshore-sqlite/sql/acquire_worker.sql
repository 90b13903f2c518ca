-- Whether a worker may acquire: it is known, and neither drains nor stopped nor lost its leases to
-- another. By primary key.
SELECT EXISTS (
    SELECT 1 FROM worker
    WHERE id = :worker AND NOT draining AND NOT fenced AND stopped_at IS NULL)
