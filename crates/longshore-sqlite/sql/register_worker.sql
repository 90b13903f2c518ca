-- Enters a start of a worker process under a fresh id.
INSERT INTO worker (started_at, heartbeat_at, lease_ttl_micros, pid, capacity, name, hostname,
    boot_id, version, queue_ids, host_ids)
VALUES (:now, :now, :lease_ttl_micros, :pid, :capacity, :name, :hostname, :boot_id, :version,
    :queue_ids, :host_ids)
RETURNING id
