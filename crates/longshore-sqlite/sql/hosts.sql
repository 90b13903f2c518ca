-- Hosts, with what their leases take of them: every one, or that with id :host. Leases are few, so
-- they are read whole.
SELECT host.id, executor, identity, host.boot_id, name, labels, slots, host.memory_bytes, host.millicpus,
    weight, enabled, problem, last_seen_at, forgotten_at,
    count(lease.job_id) AS used_slots,
    coalesce(sum(lease.memory_bytes), 0) AS used_memory_bytes,
    coalesce(sum(lease.millicpus), 0) AS used_millicpus
FROM host LEFT JOIN lease ON lease.host_id = host.id
WHERE :host IS NULL OR host.id = :host
GROUP BY host.id
ORDER BY name, host.id
