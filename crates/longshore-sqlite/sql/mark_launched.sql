-- The fence: a container may be started only once its handle is stored with a lease that is held.
-- By primary key.
UPDATE lease SET host_id = :host, handle = :handle, memory_bytes = :memory_bytes,
    millicpus = :millicpus
WHERE job_id = :job AND attempt = :attempt AND token = :token
