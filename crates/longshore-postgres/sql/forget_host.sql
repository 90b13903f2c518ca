-- A person's word that a host is gone for good, unless a live worker reaches it: then that worker, and
-- nothing is changed. No row for a host that is not there. Locks: the host's row. Indexes: host_pkey,
-- worker_open.
WITH host_now AS MATERIALIZED (
    SELECT id, problem FROM host WHERE id = $1 FOR NO KEY UPDATE
), reached AS (
    SELECT min(w.id) AS worker FROM host_now AS h
    JOIN worker AS w ON h.id = ANY (w.host_ids) AND is_alive(w)
    WHERE h.problem IS NULL
), forgotten AS (
    UPDATE host AS h SET forgotten_at = coalesce(h.forgotten_at, clock_timestamp())
    FROM host_now AS n, reached AS r WHERE h.id = n.id AND r.worker IS NULL
)
SELECT r.worker FROM host_now AS h CROSS JOIN reached AS r
