-- The feed of changes: what moved between states, for listeners that keep nothing but a cursor
-- (docs/adr/0009-a-feed-of-changes.md has the argument).
--
-- Written by triggers of the places, so that no path goes past it. One row for what one statement moved
-- of one queue into one state, so that a batch costs one small insert.
--
-- What a reader was told is "all rows that were visible, up to a number": a row that becomes visible
-- later though its number is lower is found by the id of its transaction, which was open then. Two
-- things are needed for that, and hold for every row here:
--
-- - its number is drawn one by one (CACHE 1), and after its transaction has an id: the triggers run after
--   the rows that they tell of were written. So whoever drew a lower number than one that a reader sees
--   has an id that was given before the reader draws its own.
-- - of two moves of one job the later draws the higher number: it waited for the commit of the one before.

CREATE TYPE job_state AS ENUM ('pending', 'queued', 'retrying', 'launching', 'running',
    'completed', 'failed', 'timed_out', 'cancelled');

CREATE SEQUENCE change_seq CACHE 1;

-- A ring of days: a row lies in the part of its day, the number of days since 1970 UTC modulo 6, and parts
-- whose rows are old are emptied whole. Nothing has to be made ahead, so no insert can fail or wait for
-- that: to attach or drop a partition locks the table against all that move jobs. A day that nobody
-- tended is written into with rows of six days before, and emptied once all of them are old.
CREATE TABLE change (
    seq bigint NOT NULL,
    xid bigint NOT NULL,               -- of the transaction that wrote it
    at timestamptz NOT NULL,
    queue_id integer NOT NULL,
    state job_state NOT NULL,          -- what the jobs came into
    part smallint NOT NULL,
    job_ids bigint[] NOT NULL          -- at most 200, so that a row stays on its page
) PARTITION BY LIST (part);
CREATE TABLE change_0 PARTITION OF change FOR VALUES IN (0);
CREATE TABLE change_1 PARTITION OF change FOR VALUES IN (1);
CREATE TABLE change_2 PARTITION OF change FOR VALUES IN (2);
CREATE TABLE change_3 PARTITION OF change FOR VALUES IN (3);
CREATE TABLE change_4 PARTITION OF change FOR VALUES IN (4);
CREATE TABLE change_5 PARTITION OF change FOR VALUES IN (5);
-- Not unique: the sequence sees to that, and a key would have to hold the part as well.
CREATE INDEX change_by_seq ON change (seq);
CREATE INDEX change_by_xid ON change (xid, seq);

-- One row: what was taken away so far. Whoever was told less, or has a transaction to come of these,
-- may have missed something.
CREATE TABLE change_kept (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    cleared bigint NOT NULL DEFAULT 0, -- how often a part was emptied
    seq bigint NOT NULL DEFAULT 0,     -- the highest number that went
    xid bigint NOT NULL DEFAULT 0      -- the highest transaction's
);
INSERT INTO change_kept DEFAULT VALUES;

-- The part of a day.
CREATE FUNCTION change_part(p_at timestamptz) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT (date_part('epoch', p_at AT TIME ZONE 'UTC')::bigint / 86400 % 6)::smallint
$$;

-- What came into `ready` is queued, unless it was before: what has come due ('delayed', 'retry') stays
-- queued or retrying, and whoever moves jobs within the line says so by the setting `longshore.stays`,
-- for its own transaction. Names are qualified: the trigger runs under its caller's search path.
CREATE FUNCTION note_ready() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
BEGIN
    IF current_setting('longshore.stays', true) = 'on' THEN
        RETURN NULL;
    END IF;
    INSERT INTO longshore.change (seq, xid, at, queue_id, state, part, job_ids)
    SELECT nextval('longshore.change_seq'), pg_current_xact_id()::text::bigint, v_at, n.queue_id,
           'queued', longshore.change_part(v_at), n.job_ids
    FROM (
        SELECT m.queue_id, array_agg(m.job_id) AS job_ids
        FROM (SELECT y.queue_id, y.job_id, (row_number() OVER () - 1) / 200 AS nth
              FROM moved AS y WHERE y.reason NOT IN ('delayed', 'retry')) AS m
        GROUP BY m.nth, m.queue_id
    ) AS n;
    RETURN NULL;
END $$;
CREATE TRIGGER note_ready AFTER INSERT ON ready
    REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION note_ready();

-- What came into `scheduled` is pending, retrying or queued; the setting as above.
CREATE FUNCTION note_scheduled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
BEGIN
    IF current_setting('longshore.stays', true) = 'on' THEN
        RETURN NULL;
    END IF;
    INSERT INTO longshore.change (seq, xid, at, queue_id, state, part, job_ids)
    SELECT nextval('longshore.change_seq'), pg_current_xact_id()::text::bigint, v_at, n.queue_id,
           n.state, longshore.change_part(v_at), n.job_ids
    FROM (
        SELECT m.queue_id, m.state, array_agg(m.job_id) AS job_ids
        FROM (SELECT y.queue_id, y.job_id, (row_number() OVER () - 1) / 200 AS nth,
                     (CASE WHEN y.reason = 'retry' THEN 'retrying'
                           WHEN y.reason IN ('pending', 'held') THEN 'pending'
                           ELSE 'queued' END)::longshore.job_state AS state
              FROM moved AS y) AS m
        GROUP BY m.nth, m.queue_id, m.state
    ) AS n;
    RETURN NULL;
END $$;
CREATE TRIGGER note_scheduled AFTER INSERT ON scheduled
    REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION note_scheduled();

CREATE FUNCTION note_launching() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
BEGIN
    INSERT INTO longshore.change (seq, xid, at, queue_id, state, part, job_ids)
    SELECT nextval('longshore.change_seq'), pg_current_xact_id()::text::bigint, v_at, n.queue_id,
           'launching', longshore.change_part(v_at), n.job_ids
    FROM (
        SELECT m.queue_id, array_agg(m.job_id) AS job_ids
        FROM (SELECT y.queue_id, y.job_id, (row_number() OVER () - 1) / 200 AS nth
              FROM moved AS y) AS m
        GROUP BY m.nth, m.queue_id
    ) AS n;
    RETURN NULL;
END $$;
CREATE TRIGGER note_launching AFTER INSERT ON lease
    REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION note_launching();

CREATE FUNCTION note_running() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
BEGIN
    INSERT INTO longshore.change (seq, xid, at, queue_id, state, part, job_ids)
    VALUES (nextval('longshore.change_seq'), pg_current_xact_id()::text::bigint, v_at, NEW.queue_id,
            'running', longshore.change_part(v_at), ARRAY[NEW.job_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER note_running AFTER UPDATE OF started_at ON lease
    FOR EACH ROW WHEN (OLD.started_at IS NULL AND NEW.started_at IS NOT NULL)
    EXECUTE FUNCTION note_running();

CREATE FUNCTION note_settled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
BEGIN
    INSERT INTO longshore.change (seq, xid, at, queue_id, state, part, job_ids)
    SELECT nextval('longshore.change_seq'), pg_current_xact_id()::text::bigint, v_at, n.queue_id,
           n.state::text::longshore.job_state, longshore.change_part(v_at), n.job_ids
    FROM (
        SELECT m.queue_id, m.state, array_agg(m.job_id) AS job_ids
        FROM (SELECT y.queue_id, y.job_id, y.state, (row_number() OVER () - 1) / 200 AS nth
              FROM moved AS y) AS m
        GROUP BY m.nth, m.queue_id, m.state
    ) AS n;
    RETURN NULL;
END $$;
CREATE TRIGGER note_settled AFTER INSERT ON settled
    REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION note_settled();

-- A page of the feed.
--
-- in:  p_seen         rows above this number are new to the reader
--      p_after, p_firsts, p_lasts
--                     of these transactions it still wants rows up to p_seen, those above p_after
--      p_late_limit, p_new_limit
--                     how many of these and of all at most; no new ones while 0
-- out: kind 0, one row: the snapshot that the rows were looked at with, and, if there are new ones, an id
--              above that of every transaction which drew a number up to theirs
--      kind 1, rows that came late, by number
--      kind 2, new rows, by number
--      kind 3, one row, looked at last: what was taken away so far, and the last number drawn. Rows
--              that went before the look at the rows are said here.
--
-- Locks: none. Indexes: change_by_xid, one descent for each id in each part; change_by_seq.
CREATE FUNCTION read_changes(
    p_seen bigint, p_after bigint, p_firsts bigint[], p_lasts bigint[],
    p_late_limit integer, p_new_limit integer
) RETURNS TABLE (
    kind integer, seq bigint, at timestamptz, queue_id integer, state text, job_ids bigint[],
    snapshot text, next_id bigint, cleared bigint, cleared_seq bigint, cleared_xid bigint, drawn bigint
) LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM refuse_other_isolation();
    RETURN QUERY
    WITH late AS MATERIALIZED (
        SELECT c.seq, c.at, c.queue_id, c.state, c.job_ids
        FROM unnest(p_firsts, p_lasts) AS r(first, last)
        CROSS JOIN LATERAL generate_series(r.first, r.last) AS o(xid)
        CROSS JOIN LATERAL (
            -- In the order of the index, which no other has: each id costs a bounded look.
            SELECT h.seq, h.at, h.queue_id, h.state, h.job_ids FROM change AS h
            WHERE h.xid = o.xid AND h.seq > p_after AND h.seq <= p_seen
            ORDER BY h.xid, h.seq LIMIT p_late_limit
        ) AS c
        ORDER BY c.seq LIMIT p_late_limit
    ), new AS MATERIALIZED (
        SELECT h.seq, h.at, h.queue_id, h.state, h.job_ids FROM change AS h
        WHERE h.seq > p_seen
        ORDER BY h.seq LIMIT greatest(p_new_limit - (SELECT count(*) FROM late), 0)
    ), rows AS (
        -- The id is drawn after the snapshot was taken and the rows were found.
        SELECT 0 AS kind, NULL::bigint AS seq, NULL::timestamptz AS at, NULL::integer AS queue_id,
               NULL::job_state AS state, NULL::bigint[] AS job_ids, pg_current_snapshot()::text AS snapshot,
               CASE WHEN EXISTS (SELECT FROM new)
                    THEN pg_current_xact_id()::text::bigint END AS next_id
        UNION ALL SELECT 1, l.*, NULL, NULL FROM late AS l
        UNION ALL SELECT 2, n.*, NULL, NULL FROM new AS n
    )
    SELECT r.kind, r.seq, r.at, r.queue_id, r.state::text, r.job_ids, r.snapshot, r.next_id,
           NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint
    FROM rows AS r ORDER BY r.kind, r.seq;

    RETURN QUERY
    SELECT 3, NULL::bigint, NULL::timestamptz, NULL::integer, NULL::text, NULL::bigint[], NULL::text,
           NULL::bigint, k.cleared, k.seq, k.xid, CASE WHEN s.is_called THEN s.last_value ELSE 0 END
    FROM change_kept AS k CROSS JOIN change_seq AS s;
END $$;

-- Empties the parts whose rows are all older than so many seconds. Returns how many.
-- Locks: those parts, exclusively: their readers wait, and nobody who moves a job does, for nobody
-- writes into the part of another day. Then the row of change_kept.
CREATE FUNCTION clear_changes(p_keep double precision) RETURNS integer LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    v_part text;
    v_is_old boolean;
    v_seq bigint;
    v_xid bigint;
    v_emptied integer := 0;
BEGIN
    PERFORM refuse_other_isolation();
    FOR v_part IN SELECT format('change_%s', nth) FROM generate_series(0, 5) AS nth LOOP
        -- The row with the highest number is the newest, give or take what a session that was held up
        -- between its draw and its look at the clock takes. None for an empty part.
        EXECUTE format('SELECT c.at < now() - make_interval(secs => $1) FROM %I AS c
                        ORDER BY c.seq DESC LIMIT 1', v_part) INTO v_is_old USING p_keep;
        CONTINUE WHEN v_is_old IS NOT TRUE;
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', v_part);
        EXECUTE format('SELECT c.at < now() - make_interval(secs => $1), c.seq FROM %I AS c
                        ORDER BY c.seq DESC LIMIT 1', v_part) INTO v_is_old, v_seq USING p_keep;
        CONTINUE WHEN v_is_old IS NOT TRUE;
        EXECUTE format('SELECT c.xid FROM %I AS c ORDER BY c.xid DESC LIMIT 1', v_part) INTO v_xid;
        EXECUTE format('TRUNCATE %I', v_part);
        UPDATE change_kept
        SET cleared = cleared + 1, seq = greatest(seq, v_seq), xid = greatest(xid, v_xid);
        v_emptied := v_emptied + 1;
    END LOOP;
    RETURN v_emptied;
END $$;

REVOKE ALL ON FUNCTION change_part(timestamptz), note_ready(), note_scheduled(), note_launching(),
    note_running(), note_settled(), clear_changes(double precision),
    read_changes(bigint, bigint, bigint[], bigint[], integer, integer) FROM PUBLIC;
