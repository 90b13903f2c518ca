-- The fence: a container may be started only once its handle is stored with a lease that is held.
-- The host's boot id goes with it: should the host start again, the container has ended with it. By
-- primary keys.
UPDATE lease SET host_id = :host, handle = :handle, memory_bytes = :memory_bytes,
    millicpus = :millicpus, boot_id = (SELECT boot_id FROM host WHERE id = :host)
WHERE job_id = :job AND attempt = :attempt AND token = :token
