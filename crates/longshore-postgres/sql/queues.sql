-- Every queue, by name. Locks: none.
SELECT id, name, executor, host_selector::text AS host_selector, max_concurrent, paused,
       extract(epoch FROM ageing)::float8 AS ageing_seconds, on_host_lost, epoch
FROM queue ORDER BY name
