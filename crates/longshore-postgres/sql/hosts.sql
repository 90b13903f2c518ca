-- Hosts with what is taken of them, by name: in the order of its bytes, as in the other store. $1: one
-- alone; null for all. Locks: none. All of lease is read, which is short.
SELECT id, executor, identity, boot_id, name, labels::text AS labels, slots, memory_bytes, millicpus,
       used_slots, used_memory_bytes, used_millicpus, weight, enabled, problem, last_seen_at, forgotten_at
FROM host_use WHERE $1::bigint IS NULL OR id = $1
ORDER BY name COLLATE "C", id
