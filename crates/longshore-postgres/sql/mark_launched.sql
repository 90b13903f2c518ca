-- The fence: stores handle, host and demand before the container is started, if the host has room;
-- migrations/V11__hosts_with_room.sql says how. Locks and indexes: see there.
SELECT outcome, slots, memory_bytes, millicpus, used_slots, used_memory_bytes, used_millicpus
FROM fence($1, $2, $3, $4, $5, $6, $7)
