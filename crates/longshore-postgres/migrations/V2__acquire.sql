-- Acquisition (PROTOCOL section 3). VOLATILE functions, so that each statement inside them takes a
-- snapshot of its own: that is what makes "lock, then look in a new statement" work, and it only
-- holds under READ COMMITTED. They refuse every other level.
--
-- The planner's choice between index and sequential scan is taken away (enable_seqscan,
-- enable_bitmapscan): these tables go from empty to a million rows and back faster than any
-- statistics follow, and a plan made for an empty table must not be kept for a full one.

CREATE FUNCTION refuse_other_isolation() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'longshore needs READ COMMITTED here, not %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = '25001';
    END IF;
END $$;

-- Moves up to p_limit due jobs of a queue into its line, in the order of (due_at, job_id); returns
-- how many. Locks: rows of scheduled, those that others hold are passed over; they are being moved
-- already. Index: scheduled_due. Outside the queue's lock.
CREATE FUNCTION stage(p_queue integer, p_limit integer) RETURNS bigint LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    moment timestamptz := clock_timestamp();  -- a variable, because a volatile function is no index bound
    staged bigint;
BEGIN
    PERFORM refuse_other_isolation();
    IF NOT EXISTS (SELECT FROM scheduled WHERE queue_id = p_queue AND due_at <= moment) THEN
        RETURN 0;
    END IF;
    -- Before a seq is drawn, so that the frontier's probe can wait for this transaction.
    PERFORM pg_current_xact_id();
    WITH moved AS (
        DELETE FROM scheduled WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM scheduled
            WHERE queue_id = p_queue AND due_at <= moment
            ORDER BY due_at, job_id LIMIT p_limit
            FOR UPDATE SKIP LOCKED))
        RETURNING *
    )
    INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
    SELECT nextval('ready_seq'), job_id, queue_id, attempt, reason, lane, tries, losses
    FROM (SELECT * FROM moved ORDER BY due_at, job_id) AS in_order;
    GET DIAGNOSTICS staged = ROW_COUNT;
    RETURN staged;
END $$;

-- Takes the first jobs of a queue's line, within its limits.
--
-- in:  p_cap          the caller's own limit on the queue's leases, or null
--      p_server       the server's start by which the caller learned what follows; null for nothing
--      p_epoch, p_slots, p_above
--                     what it knows of the queue's live slots: under this epoch every one is among
--                     p_slots or above p_above (slots.rs has the proof)
--      p_lanes, p_seqs, p_next_lanes
--                     the frontier in segments: in each nothing waits at or before (lane, seq), and
--                     it ends before the next lane (frontier.rs has the proof)
-- out: one row, always, so that the caller learns also when nothing was taken.
--      again          a limit was set between two looks: nothing was done, call again
--      epoch          null if there is no such queue
--      slots, above   the new knowledge of live slots; null if the queue has no limit
--      job_ids …      the leases in (lane, seq) order; null for none
--
-- Locks, in this order: scheduled (skipping), queue, ready (skipping).
-- Indexes: scheduled_due, queue_pkey, lease_queue, ready_line, job_pkey.
CREATE FUNCTION acquire(
    p_queue integer, p_want integer, p_worker bigint, p_number bigint, p_cap integer,
    p_server timestamptz, p_epoch bigint, p_slots bigint[], p_above bigint,
    p_lanes smallint[], p_seqs bigint[], p_next_lanes smallint[],
    OUT again boolean, OUT server timestamptz, OUT epoch bigint, OUT slots bigint[], OUT above bigint,
    OUT claimed_at timestamptz, OUT job_ids bigint[], OUT attempts integer[], OUT tokens bigint[],
    OUT lanes smallint[], OUT tries smallint[], OUT losses smallint[], OUT idem_keys text[],
    OUT specs text[]
) LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    is_limited boolean;     -- whether this call holds the exclusive lock
    queue_limit integer;
    is_paused boolean;
    bound integer;          -- the lesser of both limits
    room integer := p_want;
    drawn bigint;           -- the last slot that was drawn
    new_to_us bigint;
    taken_slots bigint[];
BEGIN
    PERFORM refuse_other_isolation();
    again := false;
    server := pg_postmaster_start_time();
    IF p_server IS DISTINCT FROM server THEN
        -- Learned from another server process, perhaps one that had drawn further: forget it.
        p_lanes := '{0}'; p_seqs := '{-1}'; p_next_lanes := '{202}'; p_epoch := NULL;
    END IF;

    PERFORM stage(p_queue, 1000);

    -- Which lock: read first, lock by what was read, then read again in a new statement. Whoever
    -- changes the limit takes FOR UPDATE, so what is read under either lock stays true.
    SELECT p_cap IS NOT NULL OR q.max_concurrent IS NOT NULL INTO is_limited
    FROM queue AS q WHERE q.id = p_queue;
    IF is_limited THEN
        PERFORM FROM queue AS q WHERE q.id = p_queue FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM queue AS q WHERE q.id = p_queue FOR KEY SHARE;
    END IF;
    SELECT q.max_concurrent, q.paused, q.epoch INTO queue_limit, is_paused, epoch
    FROM queue AS q WHERE q.id = p_queue;
    IF NOT FOUND OR is_paused THEN
        RETURN;
    END IF;
    IF queue_limit IS NOT NULL AND NOT is_limited THEN
        -- Set meanwhile. To take the stronger lock on top of the shared one could deadlock with a
        -- second change that waits between two such acquirers; so begin anew.
        again := true;
        RETURN;
    END IF;

    IF is_limited THEN
        bound := least(queue_limit, p_cap);  -- least() passes over nulls
        -- Every slot of this queue drawn so far is at most this, and under the exclusive lock of a
        -- limited queue none is drawn by others.
        SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO drawn
        FROM lease_slot;
        IF queue_limit IS NULL OR p_epoch IS DISTINCT FROM epoch OR p_above IS NULL THEN
            p_slots := '{}'; p_above := 0;
        END IF;
        -- One more than the bound tells whether all were seen; a bound, because a limit may be set
        -- or a cap given when very many leases live.
        SELECT array_agg(live.slot), count(*) FILTER (WHERE is_new) INTO slots, new_to_us
        FROM (
            SELECT l.slot, false AS is_new FROM lease AS l
            WHERE l.queue_id = p_queue AND l.slot = ANY (p_slots)
            UNION ALL
            (SELECT l.slot, true FROM lease AS l
             WHERE l.queue_id = p_queue AND l.slot > p_above
             ORDER BY l.slot LIMIT bound + 1)
        ) AS live;
        slots := coalesce(slots, '{}');
        room := least(p_want, bound - cardinality(slots));
        IF queue_limit IS NOT NULL AND new_to_us <= bound THEN
            above := drawn;
        END IF;
    END IF;

    IF room > 0 THEN
        claimed_at := clock_timestamp();
        WITH taken AS (
            -- An array from a subselect is an InitPlan: it runs once, whatever the planner thinks,
            -- and locks lazily, no more rows than asked for.
            DELETE FROM ready WHERE ctid = ANY (ARRAY(
                SELECT r.ctid
                FROM unnest(p_lanes, p_seqs, p_next_lanes) AS f(lane, seq, next_lane)
                CROSS JOIN LATERAL (
                    SELECT y.ctid FROM ready AS y
                    WHERE y.queue_id = p_queue
                      AND (y.lane, y.seq) > (f.lane, f.seq) AND y.lane < f.next_lane
                    ORDER BY y.lane, y.seq LIMIT room FOR UPDATE SKIP LOCKED
                ) AS r
                LIMIT room))
            RETURNING *
        ), leased AS (
            -- Tokens and slots are drawn in the order of the line.
            INSERT INTO lease (job_id, token, slot, worker_id, acquire_no, claimed_at, queue_id,
                               attempt, lane, tries, losses)
            SELECT t.job_id, nextval('lease_token'), nextval('lease_slot'), p_worker, p_number,
                   claimed_at, t.queue_id, t.attempt + 1, t.lane, t.tries, t.losses
            FROM (SELECT * FROM taken ORDER BY lane, seq) AS t
            RETURNING job_id, token, slot, attempt
        )
        SELECT array_agg(l.job_id ORDER BY t.lane, t.seq), array_agg(l.attempt ORDER BY t.lane, t.seq),
               array_agg(l.token ORDER BY t.lane, t.seq), array_agg(l.slot ORDER BY t.lane, t.seq),
               array_agg(t.lane ORDER BY t.lane, t.seq), array_agg(t.tries ORDER BY t.lane, t.seq),
               array_agg(t.losses ORDER BY t.lane, t.seq),
               array_agg(j.idem_key ORDER BY t.lane, t.seq),
               array_agg(j.spec::text ORDER BY t.lane, t.seq)
        INTO job_ids, attempts, tokens, taken_slots, lanes, tries, losses, idem_keys, specs
        FROM leased AS l JOIN taken AS t USING (job_id) LEFT JOIN job AS j ON j.id = l.job_id;

        IF cardinality(job_ids) > room THEN
            RAISE EXCEPTION 'acquire took % jobs where % were allowed', cardinality(job_ids), room;
        END IF;
        IF above IS NOT NULL AND taken_slots IS NOT NULL THEN
            slots := slots || taken_slots;
            above := taken_slots[cardinality(taken_slots)];
        END IF;
    END IF;
    IF above IS NULL THEN
        slots := NULL;
    END IF;
END $$;

-- One look at a queue's line, for the frontier (frontier.rs); p_lanes … are segments as in acquire.
-- Its statements stand in an order that the proof needs:
--
-- drawn  the last seq, before anything is looked at
-- xmin   the oldest transaction that is open, before any lane is looked at
-- lanes, seqs
--        the first visible seq behind the frontier of each lane that was asked about (null for none),
--        and of each other lane that shows one
-- xid    this transaction, drawn last, and only where a lane has something new to prove (an idle
--        database is to stay idle): above every transaction that had drawn a seq before.
--        pg_snapshot_xmax would not do: it is one above the newest *ended* transaction, and those at
--        and above it may be open.
--
-- Locks: none. Index: ready_line, one descent per lane in use.
CREATE FUNCTION probe_line(
    p_queue integer, p_lanes smallint[], p_seqs bigint[], p_next_lanes smallint[],
    OUT server timestamptz, OUT xmin bigint, OUT xid bigint, OUT drawn bigint,
    OUT lanes smallint[], OUT seqs bigint[]
) LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    at smallint;
    first bigint;
    is_new boolean := false;  -- whether a lane shows more than the frontier knows
BEGIN
    PERFORM refuse_other_isolation();
    server := pg_postmaster_start_time();
    SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO drawn FROM ready_seq;
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint INTO xmin;
    FOR i IN 1 .. cardinality(p_lanes) LOOP
        at := p_lanes[i];
        SELECT r.seq INTO first FROM ready AS r
        WHERE r.queue_id = p_queue AND r.lane = at AND r.seq > p_seqs[i]
        ORDER BY r.seq LIMIT 1;
        is_new := is_new OR coalesce(first - 1, drawn) > p_seqs[i];
        LOOP
            lanes := lanes || at;
            seqs := seqs || first;
            -- The next lane in the segment that shows anything.
            SELECT r.lane, r.seq INTO at, first FROM ready AS r
            WHERE r.queue_id = p_queue AND r.lane > at AND r.lane < p_next_lanes[i]
            ORDER BY r.lane, r.seq LIMIT 1;
            EXIT WHEN NOT FOUND;
            is_new := true;
        END LOOP;
    END LOOP;
    IF is_new THEN
        xid := pg_current_xact_id()::text::bigint;
    END IF;
END $$;
