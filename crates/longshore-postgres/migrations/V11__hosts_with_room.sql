-- Hosts with room for so much, and what each lease takes of it; which hosts a worker launches on; what
-- a launch says of itself. A host of before bounds nothing but what `capacity` bounded: its slots.
--
-- A worker of before this goes on: its own statement for the fence still stores the handle. It counts
-- on its host with no memory and no CPUs, and heeds no bound: drain such workers before you set any.
ALTER TABLE host RENAME COLUMN capacity TO slots;
ALTER TABLE host ADD COLUMN memory_bytes bigint CHECK (memory_bytes >= 0);
ALTER TABLE host ADD COLUMN millicpus bigint CHECK (millicpus >= 0);
ALTER TABLE host ADD COLUMN problem text;

ALTER TABLE worker ADD COLUMN host_ids bigint[] NOT NULL DEFAULT '{}';

-- In no index: what changes in a lease stays a heap-only update. Null for nothing, which most jobs
-- demand: the hot row stays as narrow as it was.
ALTER TABLE lease ADD COLUMN memory_bytes bigint;
ALTER TABLE lease ADD COLUMN millicpus bigint;
ALTER TABLE lease ADD COLUMN note text;

-- Hosts, with what their leases take of them.
CREATE VIEW host_use AS
SELECT h.id, h.executor, h.identity, h.boot_id, h.name, h.labels, h.slots, h.memory_bytes,
       h.millicpus, h.weight, h.enabled, h.problem, h.last_seen_at,
       coalesce(u.slots, 0) AS used_slots,
       coalesce(u.memory_bytes, 0)::bigint AS used_memory_bytes,
       coalesce(u.millicpus, 0)::bigint AS used_millicpus
FROM host AS h
LEFT JOIN (
    SELECT host_id, count(*) AS slots, sum(memory_bytes) AS memory_bytes, sum(millicpus) AS millicpus
    FROM lease GROUP BY host_id
) AS u ON u.host_id = h.id;

-- The fence before a start: stores the container's handle and host, if the lease is held, the host gets
-- jobs, and there is room on it. Locks: the host's row, then the lease's. A host without bounds is
-- locked FOR KEY SHARE, which its launches share and for which a change of it (FOR UPDATE) waits; one
-- with bounds so that its launches come one after the other: each has to count those before it.
-- Indexes: host_pkey, lease_pkey; with bounds all of lease is read, which is short.
--
-- Each look stands in a statement of its own after the lock: the snapshot of a statement precedes the
-- locks that it takes. The lease is looked at first without a lock, to tell what is lost, cancelled or
-- there already; the write at the end names the token again, and decides.
CREATE FUNCTION fence(
    p_job bigint, p_attempt integer, p_token bigint, p_host bigint, p_handle text,
    p_memory_bytes bigint, p_millicpus bigint,
    -- stored, cancel_requested, lost, host_disabled, host_full or no_host
    OUT outcome text,
    -- With host_full: what there is and what is taken of it.
    OUT slots integer, OUT memory_bytes bigint, OUT millicpus bigint,
    OUT used_slots bigint, OUT used_memory_bytes bigint, OUT used_millicpus bigint
) LANGUAGE plpgsql SET search_path = longshore, pg_temp AS $$
DECLARE
    v_bounded boolean;
    v_enabled boolean;
    v_there bigint;
    v_cancel boolean;
BEGIN
    PERFORM refuse_other_isolation();
    SELECT h.slots IS NOT NULL OR h.memory_bytes IS NOT NULL OR h.millicpus IS NOT NULL
    INTO v_bounded FROM host AS h WHERE h.id = p_host;
    LOOP
        IF v_bounded THEN
            PERFORM FROM host AS h WHERE h.id = p_host FOR NO KEY UPDATE;
        ELSE
            PERFORM FROM host AS h WHERE h.id = p_host FOR KEY SHARE;
        END IF;
        SELECT h.enabled, h.slots, h.memory_bytes, h.millicpus
        INTO v_enabled, slots, memory_bytes, millicpus
        FROM host AS h WHERE h.id = p_host;
        IF NOT FOUND THEN
            outcome := 'no_host';
            RETURN;
        END IF;
        -- Bounded since it was looked at first: the stronger lock, and another look. Bounds that were
        -- taken away meanwhile need nothing.
        EXIT WHEN v_bounded OR (slots IS NULL AND memory_bytes IS NULL AND millicpus IS NULL);
        v_bounded := true;
    END LOOP;

    SELECT l.host_id, l.cancel_requested_at IS NOT NULL INTO v_there, v_cancel
    FROM lease AS l WHERE l.job_id = p_job AND l.attempt = p_attempt AND l.token = p_token;
    IF NOT FOUND THEN
        outcome := 'lost';
        RETURN;
    END IF;
    IF v_there IS DISTINCT FROM p_host AND NOT v_cancel THEN
        IF NOT v_enabled THEN
            outcome := 'host_disabled';
            RETURN;
        END IF;
        IF v_bounded THEN
            SELECT count(*), coalesce(sum(l.memory_bytes), 0), coalesce(sum(l.millicpus), 0)
            INTO used_slots, used_memory_bytes, used_millicpus
            FROM lease AS l WHERE l.host_id = p_host;
            -- As `Capacity::lack` in longshore-core says it.
            IF used_slots >= slots
                OR (p_memory_bytes > 0 AND used_memory_bytes + p_memory_bytes > memory_bytes)
                OR (p_millicpus > 0 AND used_millicpus + p_millicpus > millicpus)
            THEN
                outcome := 'host_full';
                RETURN;
            END IF;
        END IF;
    END IF;

    UPDATE lease AS l
    SET handle = p_handle, host_id = p_host,
        memory_bytes = nullif(p_memory_bytes, 0), millicpus = nullif(p_millicpus, 0)
    WHERE l.job_id = p_job AND l.attempt = p_attempt AND l.token = p_token
    RETURNING l.cancel_requested_at IS NOT NULL INTO v_cancel;
    outcome := CASE WHEN NOT FOUND THEN 'lost' WHEN v_cancel THEN 'cancel_requested' ELSE 'stored' END;
END
$$;
