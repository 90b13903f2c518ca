-- Changes limit, pause, the labels asked of hosts or the time after which jobs age, and raises the epoch.
-- $2 whether the limit changes, $3 to what; $4 paused, null to leave it; $5 labels, null for those that
-- are asked for no longer; $6 what becomes of jobs on lost hosts, null to leave it; $7 whether ageing
-- changes, $8 to what, in seconds: its wait then counts anew.
-- Locks: the queue's row FOR UPDATE, which an UPDATE of these columns alone would not take: it waits
-- for every acquirer, those under FOR KEY SHARE included; then its marks. Index: queue_name_key.
WITH locked AS (SELECT id FROM queue WHERE name = $1 FOR UPDATE),
unmarked AS (
    DELETE FROM ageing_mark WHERE $7::boolean AND queue_id IN (SELECT id FROM locked)
)
UPDATE queue AS q
SET max_concurrent = CASE WHEN $2::boolean THEN $3::integer ELSE q.max_concurrent END,
    paused = coalesce($4, q.paused),
    host_selector = jsonb_strip_nulls(q.host_selector || $5::text::jsonb),
    on_host_lost = coalesce($6, q.on_host_lost),
    ageing = CASE WHEN $7::boolean THEN make_interval(secs => $8::float8) ELSE q.ageing END,
    epoch = q.epoch + 1
FROM locked WHERE q.id = locked.id
RETURNING q.id, q.name, q.executor, q.host_selector::text AS host_selector, q.max_concurrent, q.paused,
          extract(epoch FROM q.ageing)::float8 AS ageing_seconds, q.on_host_lost, q.epoch
