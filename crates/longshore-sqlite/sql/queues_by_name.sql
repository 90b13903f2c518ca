-- One queue. By its unique name.
SELECT id, name, executor, host_selector, max_concurrent, paused, ageing_micros, on_host_lost, epoch
FROM queue WHERE name = :name
