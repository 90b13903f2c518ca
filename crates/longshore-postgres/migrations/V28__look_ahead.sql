-- A look at many lines in one call, and when the next job of a line comes due.

-- Seconds until the next job of a queue comes due; null if none is put off. What came due since this
-- transaction began counts as due at once.
-- Locks: none. Index: scheduled_due, one descent.
CREATE FUNCTION due_in(p_queue integer) RETURNS double precision LANGUAGE sql STABLE
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT greatest(date_part('epoch', s.due_at - clock_timestamp()), 0)
    FROM scheduled AS s
    WHERE s.queue_id = p_queue AND s.due_at > now() AND s.due_at < 'infinity'
    ORDER BY s.due_at LIMIT 1
$$;

-- In which of some queues there is something to acquire.
--
-- in:  p_queues       the queues
--      p_server       the server's start by which the caller learned what follows; null for nothing
--      p_of, p_lanes, p_seqs, p_next_lanes
--                     for each segment of each queue's frontier: the queue, and what acquire() is told
-- out: waiting        those in which a job waits that has its turn, or came due; null for none
--      due_in         seconds until the next job of any of them comes due; null for none
--
-- Limits are not looked at: acquire() does that under its lock.
-- Locks: none. Indexes: queue_pkey; ready_line, one descent for each segment; scheduled_due, two for
-- each queue.
CREATE FUNCTION look_ahead(
    p_queues integer[], p_server timestamptz,
    p_of integer[], p_lanes smallint[], p_seqs bigint[], p_next_lanes smallint[],
    OUT waiting integer[], OUT due_in double precision
) LANGUAGE plpgsql STABLE
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
    IF p_server IS DISTINCT FROM pg_postmaster_start_time() THEN
        -- Learned from another server process, perhaps one that had drawn further: forget it.
        p_of := p_queues;
        p_lanes := array_fill(0::smallint, ARRAY[cardinality(p_queues)]);
        p_seqs := array_fill(-1::bigint, ARRAY[cardinality(p_queues)]);
        p_next_lanes := array_fill(202::smallint, ARRAY[cardinality(p_queues)]);
    END IF;
    SELECT array_agg(DISTINCT found.queue_id), min(found.due_in) INTO waiting, due_in
    FROM (
        SELECT f.queue_id, NULL::double precision AS due_in
        FROM unnest(p_of, p_lanes, p_seqs, p_next_lanes) AS f(queue_id, lane, seq, next_lane)
        CROSS JOIN LATERAL (
            SELECT FROM ready AS y
            WHERE y.queue_id = f.queue_id
              AND (y.lane, y.seq) > (f.lane, f.seq) AND y.lane < f.next_lane
            ORDER BY y.lane, y.seq LIMIT 1
        ) AS r
        UNION ALL
        SELECT a.queue_id, NULL
        FROM unnest(p_queues) AS a(queue_id)
        CROSS JOIN LATERAL (
            SELECT FROM scheduled AS s
            WHERE s.queue_id = a.queue_id AND s.due_at <= now()
            ORDER BY s.due_at LIMIT 1
        ) AS d
        UNION ALL
        SELECT NULL, longshore.due_in(a.queue_id) FROM unnest(p_queues) AS a(queue_id)
    ) AS found
    WHERE found.queue_id IS NULL
       OR EXISTS (SELECT FROM queue AS q WHERE q.id = found.queue_id AND NOT q.paused);
    waiting := array_remove(waiting, NULL);
END $$;

REVOKE ALL ON FUNCTION due_in(integer),
    look_ahead(integer[], timestamptz, integer[], smallint[], bigint[], smallint[]) FROM PUBLIC;
