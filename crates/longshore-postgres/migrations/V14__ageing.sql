-- Ageing (promise L4): in a queue that asks for it, a job that has waited for the queue's time moves up
-- one priority, and again after each further time, so that every job gets to the top in the end.

-- What is known of when places were drawn: every place of ready_seq up to `seq` was drawn at or before
-- `at`. Noted per queue, some twenty a queue, and forgotten when ageing is changed or the queue paused.
-- So `ready`, the hottest table, needs no time of its own.
CREATE TABLE ageing_mark (
    queue_id integer NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (queue_id, seq)
);

-- Jobs that moved up, with the lane that their own priority means: what people are shown. The row goes
-- when a person gives the job another priority or has it tried again after its end, and with the job.
CREATE TABLE aged (
    job_id bigint PRIMARY KEY,
    lane smallint NOT NULL CHECK (lane BETWEEN 0 AND 201)
);

-- Moves up to p_limit jobs of a queue's line up one priority, those whose places were drawn first, if
-- that was at least the queue's time ago; then notes the newest place. Only the lane of a job changes.
--
-- in:  p_server, p_lanes, p_seqs, p_next_lanes
--              what is proved of the line, as in probe_line: looks begin behind it, so that they don't
--              walk over dead rows
-- out: the jobs that moved, in the order of their new places, and their new lanes; null for none
--
-- Whoever moved gets a new place, as everything that enters ready, behind those that wait in the
-- higher lane already; the order of the old places is kept. Rows that others hold are passed over: they
-- are being taken or moved already.
--
-- Locks: none of the queue; rows of ready in key order (skipping), then of aged. Two passes at once do
-- no harm: a row is moved by one of them, and its new place is too new for the other.
-- Indexes: queue_pkey, ageing_mark_pkey; ready_line, some descents per lane in use and a small multiple of
-- p_limit rows in all: never the whole line.
CREATE FUNCTION age(
    p_queue integer, p_limit integer, p_server timestamptz,
    p_lanes smallint[], p_seqs bigint[], p_next_lanes smallint[],
    OUT job_ids bigint[], OUT lanes smallint[]
) LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    v_ageing interval;
    v_is_paused boolean;
    v_now timestamptz;
    v_old bigint;           -- every place up to this one was drawn long enough ago
    v_drawn bigint;
    v_lane smallint;
    v_seq bigint;
    v_lanes smallint[] := '{}';
    v_seqs bigint[] := '{}';
    v_share integer;        -- of each lane no more is looked at
    v_found bigint;
    v_due_lanes smallint[];
    v_due_seqs bigint[];
BEGIN
    PERFORM refuse_other_isolation();
    IF p_server IS DISTINCT FROM pg_postmaster_start_time() THEN
        -- Learned from another server process, perhaps one that had drawn further: forget it.
        p_lanes := '{0}'; p_seqs := '{-1}'; p_next_lanes := '{202}';
    END IF;

    SELECT q.ageing, q.paused INTO v_ageing, v_is_paused FROM queue AS q WHERE q.id = p_queue;
    IF v_ageing IS NULL OR v_is_paused THEN
        DELETE FROM ageing_mark WHERE ctid = ANY (ARRAY(
            SELECT m.ctid FROM ageing_mark AS m WHERE m.queue_id = p_queue
            ORDER BY m.seq FOR UPDATE SKIP LOCKED));
        RETURN;
    END IF;

    v_now := clock_timestamp();
    SELECT max(m.seq) INTO v_old FROM ageing_mark AS m
    WHERE m.queue_id = p_queue AND m.at <= v_now - v_ageing;

    IF v_old IS NOT NULL THEN
        -- The lanes in use, and behind which place to look in each.
        FOR i IN 1 .. cardinality(p_lanes) LOOP
            v_lane := p_lanes[i];
            v_seq := p_seqs[i];
            LOOP
                v_lanes := v_lanes || v_lane;
                v_seqs := v_seqs || v_seq;
                SELECT r.lane INTO v_lane FROM ready AS r
                WHERE r.queue_id = p_queue AND r.lane > v_lane AND r.lane < p_next_lanes[i]
                ORDER BY r.lane, r.seq LIMIT 1;
                EXIT WHEN NOT FOUND;
                v_seq := -1;
            END LOOP;
        END LOOP;
        -- By place over all lanes, so that a long lane does not hold up a short one for ever: the job
        -- that waits longest of all is always among them. Of each lane no more is looked at than its
        -- share, and four times as much again while that is too little: some p_limit rows in all,
        -- however many lanes are in use and however unequal they are. Above the lanes of the highest
        -- priority, 0 and 1, there is nothing.
        v_share := p_limit / cardinality(v_lanes) + 1;
        LOOP
            SELECT count(*), array_agg(due.lane ORDER BY due.lane, due.seq)
                                 FILTER (WHERE due.nth <= p_limit),
                   array_agg(due.seq ORDER BY due.lane, due.seq) FILTER (WHERE due.nth <= p_limit)
            INTO v_found, v_due_lanes, v_due_seqs
            FROM (
                SELECT r.lane, r.seq, row_number() OVER (ORDER BY r.seq) AS nth
                FROM unnest(v_lanes, v_seqs) AS f(lane, seq)
                CROSS JOIN LATERAL (
                    SELECT y.lane, y.seq FROM ready AS y
                    WHERE y.queue_id = p_queue AND y.lane = f.lane AND y.seq > f.seq AND y.seq <= v_old
                    ORDER BY y.seq LIMIT least(v_share, p_limit)
                ) AS r
                WHERE f.lane > 1
            ) AS due;
            EXIT WHEN v_found >= p_limit OR v_share >= p_limit;
            v_share := v_share * 4;
        END LOOP;
    END IF;

    IF v_due_seqs IS NOT NULL THEN
        -- Before a seq is drawn, so that the frontier's probe can wait for this transaction.
        PERFORM pg_current_xact_id();
        WITH moved AS (
            DELETE FROM ready WHERE ctid = ANY (ARRAY(
                SELECT r.ctid
                FROM unnest(v_due_lanes, v_due_seqs) AS due(lane, seq)
                CROSS JOIN LATERAL (
                    SELECT y.ctid FROM ready AS y
                    WHERE y.queue_id = p_queue AND y.lane = due.lane AND y.seq = due.seq
                    FOR UPDATE SKIP LOCKED
                ) AS r))
            RETURNING *
        ), own AS (
            INSERT INTO aged (job_id, lane)
            SELECT job_id, lane FROM moved ORDER BY job_id
            ON CONFLICT (job_id) DO NOTHING
        ), joined AS (
            -- As `Lane::aged` in longshore-core says it.
            INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
            SELECT nextval('ready_seq'), job_id, queue_id, attempt, reason, lane / 2 * 2 - 1, tries,
                   losses
            FROM (SELECT * FROM moved ORDER BY seq) AS in_order
            RETURNING job_id, lane, seq
        )
        SELECT array_agg(j.job_id ORDER BY j.seq), array_agg(j.lane ORDER BY j.seq)
        INTO job_ids, lanes FROM joined AS j;
    END IF;

    -- The newest place, then the clock: the place was drawn by then. A mark from later than now is from
    -- before the clock was set back, and would keep others from being made.
    SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO v_drawn FROM ready_seq;
    v_now := clock_timestamp();
    DELETE FROM ageing_mark WHERE ctid = ANY (ARRAY(
        SELECT m.ctid FROM ageing_mark AS m
        WHERE m.queue_id = p_queue AND (m.seq < v_old OR m.at > v_now)
        ORDER BY m.seq FOR UPDATE SKIP LOCKED));
    INSERT INTO ageing_mark (queue_id, seq, at)
    SELECT p_queue, v_drawn, v_now
    WHERE NOT EXISTS (
        SELECT FROM ageing_mark AS m
        WHERE m.queue_id = p_queue AND (m.seq >= v_drawn OR m.at > v_now - v_ageing / 16))
    ON CONFLICT (queue_id, seq) DO NOTHING;
END $$;

REVOKE ALL ON FUNCTION age(integer, integer, timestamptz, smallint[], bigint[], smallint[]) FROM PUBLIC;

-- As V4 has it, but that a job which moved up shows its own priority: the lane is that of its priority,
-- not the one that it stands in.
CREATE OR REPLACE VIEW job_summary AS
SELECT j.id, j.created_at, j.labels, j.priority AS submitted_priority, q.id AS queue_id,
       q.name AS queue,
       CASE
           WHEN r.job_id IS NOT NULL THEN CASE r.reason WHEN 'retry' THEN 'retrying' ELSE 'queued' END
           WHEN s.job_id IS NOT NULL THEN
               CASE s.reason WHEN 'retry' THEN 'retrying' WHEN 'pending' THEN 'pending'
                             WHEN 'held' THEN 'pending' ELSE 'queued' END
           WHEN l.job_id IS NOT NULL THEN
               CASE WHEN l.started_at IS NULL THEN 'launching' ELSE 'running' END
           WHEN e.job_id IS NOT NULL THEN e.state::text
       END AS state,
       coalesce(r.reason, s.reason)::text AS reason,
       CASE WHEN e.job_id IS NULL THEN coalesce(o.lane, r.lane, s.lane, l.lane) END AS lane,
       coalesce(r.attempt, s.attempt, l.attempt, e.attempt, 0) AS attempts,
       coalesce(r.tries, s.tries, l.tries, 0::smallint) AS tries,
       CASE WHEN s.due_at > clock_timestamp() THEN s.due_at END AS due_at,
       l.cancel_requested_at,
       CASE WHEN l.job_id IS NOT NULL THEN l.started_at ELSE a.started_at END AS started_at,
       e.at AS ended_at,
       CASE WHEN e.job_id IS NOT NULL THEN e.exit_code
            ELSE coalesce(a.exit_code, 128 + a.signal) END AS exit_code,
       j.spec
FROM job AS j
JOIN queue AS q ON q.id = j.queue_id
LEFT JOIN ready AS r ON r.job_id = j.id
LEFT JOIN scheduled AS s ON s.job_id = j.id
LEFT JOIN lease AS l ON l.job_id = j.id
LEFT JOIN settled AS e ON e.job_id = j.id
LEFT JOIN aged AS o ON o.job_id = j.id
-- The last attempt that ended: that of a waiting job, or the one before the live one.
LEFT JOIN attempt AS a ON a.job_id = j.id
    AND a.attempt = coalesce(r.attempt, s.attempt, l.attempt - 1, e.attempt);
