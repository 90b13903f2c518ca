-- Makes a queue; no row if there is one of that name. Locks: the unique index of the name.
INSERT INTO queue (name, executor, host_selector, max_concurrent)
VALUES ($1, $2, $3::text::jsonb, $4)
ON CONFLICT (name) DO NOTHING
RETURNING id, name, executor, host_selector::text AS host_selector, max_concurrent, paused,
          extract(epoch FROM ageing)::float8 AS ageing_seconds, on_host_lost, epoch
