-- Makes a queue; changes nothing if there is one of that name.
INSERT INTO queue (name, executor, host_selector, max_concurrent, created_at)
VALUES (:name, :executor, :host_selector, :max_concurrent, :now)
ON CONFLICT (name) DO NOTHING
