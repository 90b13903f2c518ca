-- Whether the caller was heard of itself within half its time: what kept it away may have kept the others
-- away, too.
SELECT heartbeat_at + lease_ttl_micros / 2 >= :now FROM worker WHERE id = :worker
