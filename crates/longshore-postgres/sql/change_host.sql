-- Changes what people say of a host. $2 enabled and $3 weight, null to leave them; $4 labels to set and
-- $5 labels to take away; then for slots, memory and CPUs whether each changes, and to what.
-- Locks: the host's row FOR UPDATE, which an UPDATE of these columns alone would not take: it waits for
-- every fence, those under FOR KEY SHARE included. Index: host_pkey.
WITH locked AS (SELECT id FROM host WHERE id = $1 FOR UPDATE)
UPDATE host AS h
SET enabled = coalesce($2, h.enabled),
    weight = coalesce($3, h.weight),
    labels = (h.labels || $4::text::jsonb) - $5::text[],
    slots = CASE WHEN $6::boolean THEN $7::integer ELSE h.slots END,
    memory_bytes = CASE WHEN $8::boolean THEN $9::bigint ELSE h.memory_bytes END,
    millicpus = CASE WHEN $10::boolean THEN $11::bigint ELSE h.millicpus END
FROM locked WHERE h.id = locked.id
RETURNING h.id
