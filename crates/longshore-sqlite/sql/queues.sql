-- Every queue, by name.
SELECT id, name, executor, host_selector, max_concurrent, paused, ageing_micros, on_host_lost, epoch
FROM queue ORDER BY name
