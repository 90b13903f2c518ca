-- The hosts on which the workers of a queue ($1) would launch its jobs: those of workers that are alive
-- and don't drain, of its executor, with the labels that it asks for. Locks: none.
SELECT h.id, h.executor, h.identity, h.boot_id, h.name, h.labels::text AS labels, h.slots,
       h.memory_bytes, h.millicpus, h.used_slots, h.used_memory_bytes, h.used_millicpus, h.weight,
       h.enabled, h.problem, h.last_seen_at, h.forgotten_at
FROM host_use AS h JOIN queue AS q ON q.id = $1
WHERE h.executor = q.executor AND h.labels @> q.host_selector
  AND h.id IN (SELECT unnest(w.host_ids) FROM worker AS w
               WHERE $1 = ANY (w.queue_ids) AND NOT w.draining AND is_alive(w))
ORDER BY h.name COLLATE "C", h.id
