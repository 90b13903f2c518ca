-- Acquiring and looking again (V2), so that polling an idle queue writes nothing, the largest limits
-- are no overflow, workers that end get nothing, and a look begins at what is proved; storage again (V5), each day's partition dropped
-- in a transaction of its own.

-- Whether a worker is one that acquires. STABLE: as the statement sees it that asks.
CREATE FUNCTION may_acquire(p_worker bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM worker AS w
                   WHERE w.id = p_worker AND NOT w.draining AND NOT w.fenced AND w.stopped_at IS NULL)
$$;

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

DROP FUNCTION probe_line(integer, smallint[], bigint[], smallint[]);

-- One look at a queue's line, for the frontier (frontier.rs); p_lanes … are segments as in acquire,
-- but they begin at what is proved. p_covered says up to where a proof is under way already.
-- Its statements stand in an order that the proof needs:
--
-- drawn  the last seq, before anything is looked at
-- xmin   the oldest transaction that is open, before any lane is looked at
-- lanes, seqs
--        the first visible seq behind the frontier of each lane that was asked about (null for none),
--        and of each other lane that shows one
-- xid    this transaction, drawn last, and only where a lane goes past what is covered (an idle
--        database is to stay idle): above every transaction that had drawn a seq before.
--        pg_snapshot_xmax would not do: it is one above the newest *ended* transaction, and those at
--        and above it may be open.
--
-- Locks: none. Index: ready_line, one descent per lane in use.
CREATE FUNCTION probe_line(
    p_queue integer, p_lanes smallint[], p_seqs bigint[], p_next_lanes smallint[], p_covered bigint[],
    OUT server timestamptz, OUT xmin bigint, OUT xid bigint, OUT drawn bigint,
    OUT lanes smallint[], OUT seqs bigint[]
) LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    at smallint;
    first bigint;
    is_new boolean := false;  -- whether a lane goes past what is covered
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
        is_new := is_new OR coalesce(first - 1, drawn) > p_covered[i];
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

-- Makes the partition of a day unless it is there, and moves into it what the default partition has
-- of that day. Returns whether it was made.
-- Locks: the table against other changes of its shape and ANALYZE, then the default partition
-- exclusively, for as long as it takes to look at what little is in it; in this order, for whoever
-- reads or writes locks the table first as well.
CREATE OR REPLACE FUNCTION make_log_partition(p_day date) RETURNS boolean LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := 'log_chunk_' || to_char(p_day, 'YYYYMMDD');
    first timestamptz := p_day;
    next timestamptz := p_day + 1;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('longshore.log_chunk'));
    IF to_regclass('longshore.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE ONLY log_chunk IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE log_chunk_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE log_chunk INCLUDING ALL)', name);
    EXECUTE format('WITH moved AS (DELETE FROM log_chunk_default
                                   WHERE claimed_at >= %L AND claimed_at < %L RETURNING *)
                    INSERT INTO %I SELECT * FROM moved', first, next, name);
    EXECUTE format('ALTER TABLE log_chunk ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, first, next);
    RETURN true;
END $$;

DROP FUNCTION drop_log_partitions(date);

-- Days before p_before that have a partition, first to last. Locks: none.
CREATE FUNCTION log_days_before(p_before date) RETURNS SETOF date LANGUAGE sql
SET search_path = longshore, pg_temp AS $$
    SELECT day
    FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'longshore.log_chunk'::regclass AND c.relname ~ '^log_chunk_\d{8}$') AS d
    WHERE day < p_before ORDER BY day
$$;

-- Whether the partition of a past day holds output of a job that is left. Once false it stays so: of
-- a past day only leases that were acquired on it can still write, and the look at the output comes
-- in a statement after the one that saw none; jobs that are gone do not come back.
-- Locks: none but what reading takes. Indexes: lease by its whole length, which is no more than there
-- are live containers; the partition's key; job_pkey between the partition's first and last job.
CREATE FUNCTION is_log_day_needed(p_day date) RETURNS boolean LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := 'log_chunk_' || to_char(p_day, 'YYYYMMDD');
    first bigint;
    last bigint;
    is_needed boolean;
BEGIN
    PERFORM refuse_other_isolation();
    IF EXISTS (SELECT FROM lease WHERE claimed_at >= p_day AND claimed_at < p_day + 1) THEN
        RETURN true;
    END IF;
    EXECUTE format('SELECT min(job_id), max(job_id) FROM %I', name) INTO first, last;
    EXECUTE format('SELECT EXISTS (SELECT FROM job AS j WHERE j.id BETWEEN $1 AND $2
                        AND EXISTS (SELECT FROM %I AS c WHERE c.job_id = j.id))', name)
        INTO is_needed USING first, last;
    RETURN is_needed;
EXCEPTION WHEN undefined_table THEN
    RETURN true;  -- another dropped it: there is nothing left to do
END $$;

-- Drops the partition of a day that is not needed. Returns whether it was there.
-- Locks: the whole table exclusively, so this wants a transaction of its own, and one that does not
-- wait for long: who comes to read or write waits behind it.
CREATE FUNCTION drop_log_day(p_day date) RETURNS boolean LANGUAGE plpgsql
SET search_path = longshore, pg_temp AS $$
DECLARE
    name text := 'log_chunk_' || to_char(p_day, 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('longshore.log_chunk'));
    IF to_regclass('longshore.' || name) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $$;

-- As V8 did for what was there then.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA longshore FROM PUBLIC;
