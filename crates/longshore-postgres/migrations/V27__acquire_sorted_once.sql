-- Acquiring (V9) sorts what it takes once instead of nine times: a quarter of its time.

-- Takes the first jobs of a queue's line, within its limits.
--
-- in:  p_cap          the caller's own limit on the queue's leases, or null
--      p_server       the server's start by which the caller learned what follows; null for nothing
--      p_epoch, p_slots, p_above
--                     what it knows of the queue's live slots: under this epoch every one is among
--                     p_slots or above p_above (slots.rs has the proof)
--      p_lanes, p_seqs, p_next_lanes
--                     the frontier in segments: each is looked at behind (lane, seq), and ends
--                     before the next lane; what lies between them is passed over (frontier.rs)
-- out: one row, always, so that the caller learns also when nothing was taken.
--      again          a limit was set between two looks: nothing was done, call again
--      epoch          null if there is no such queue
--      slots, above   the new knowledge of live slots; null if the queue has no limit
--      job_ids …      the leases in (lane, seq) order; null for none
--
-- Nothing is given to a worker that drains, stopped, was fenced or is unknown: nobody would tend to it.
--
-- Locks, in this order: scheduled (skipping), queue, ready (skipping); none where the queue is paused
-- or nothing waits, so that a poll then writes nothing.
-- Indexes: scheduled_due, queue_pkey, worker_pkey, lease_queue, ready_line, job_pkey.
CREATE OR REPLACE FUNCTION acquire(
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
    is_closed boolean;      -- to everybody, or to this worker
    bound bigint;           -- the lesser of both limits; one more must fit as well
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

    -- Nothing to be had: end before any lock, since a row lock alone draws a transaction id and
    -- writes WAL. What this statement sees may change at once, and the caller would then have come
    -- a moment too early: it is no more than that, for whatever is taken is checked under the lock.
    SELECT q.epoch, q.paused OR NOT may_acquire(p_worker),
           p_cap IS NOT NULL OR q.max_concurrent IS NOT NULL
    INTO epoch, is_closed, is_limited
    FROM queue AS q WHERE q.id = p_queue;
    IF NOT FOUND OR is_closed OR NOT EXISTS (
        SELECT FROM unnest(p_lanes, p_seqs, p_next_lanes) AS f(lane, seq, next_lane)
        CROSS JOIN LATERAL (
            SELECT FROM ready AS y
            WHERE y.queue_id = p_queue
              AND (y.lane, y.seq) > (f.lane, f.seq) AND y.lane < f.next_lane
            ORDER BY y.lane, y.seq LIMIT 1
        ) AS r
    ) THEN
        RETURN;
    END IF;

    -- Which lock: by what was read, then read again in a new statement. Whoever changes the limit
    -- takes FOR UPDATE, so what is read under either lock stays true.
    IF is_limited THEN
        PERFORM FROM queue AS q WHERE q.id = p_queue FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM queue AS q WHERE q.id = p_queue FOR KEY SHARE;
    END IF;
    SELECT q.max_concurrent, q.paused OR NOT may_acquire(p_worker), q.epoch
    INTO queue_limit, is_closed, epoch
    FROM queue AS q WHERE q.id = p_queue;
    IF NOT FOUND OR is_closed THEN
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
            RETURNING job_id, token, slot, attempt, lane, tries, losses
        )
        -- Sorted once, by what was drawn in the order of the line, rather than in each aggregate.
        SELECT array_agg(s.job_id), array_agg(s.attempt), array_agg(s.token), array_agg(s.slot),
               array_agg(s.lane), array_agg(s.tries), array_agg(s.losses), array_agg(s.idem_key),
               array_agg(s.spec)
        INTO job_ids, attempts, tokens, taken_slots, lanes, tries, losses, idem_keys, specs
        FROM (
            SELECT l.*, j.idem_key, j.spec::text AS spec
            FROM leased AS l LEFT JOIN job AS j ON j.id = l.job_id
            ORDER BY l.slot
        ) AS s;

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
