-- One queue. By primary key.
SELECT id, name, executor, host_selector, max_concurrent, paused, ageing_micros, on_host_lost, epoch
FROM queue WHERE id = :queue
