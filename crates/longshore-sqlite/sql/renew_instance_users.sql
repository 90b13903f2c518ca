-- What the file is in use by: leases and live workers. Both tables by their whole length, which are short.
SELECT (SELECT count(*) FROM lease) AS leases,
    (SELECT count(*) FROM worker
     WHERE stopped_at IS NULL AND NOT fenced AND heartbeat_at + lease_ttl_micros > :now) AS workers
