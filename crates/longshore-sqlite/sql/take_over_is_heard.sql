-- Whether the caller knew itself heard of within half its time when it asked: what kept it away may have kept
-- the others away, too. A later heartbeat may have been held up as long as this call.
SELECT min(heartbeat_at, :heard_at) + lease_ttl_micros / 2 >= :now FROM worker WHERE id = :worker
