-- Whether the database takes part in a transfer to another, and why: then triggers, which are made when
-- this row is, refuse whatever would add, move or end a job. Rows of another database pass, whose
-- transaction says so by the setting `longshore.importing`.
CREATE TABLE closed (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION refuse_closed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = longshore, pg_temp AS $$
BEGIN
    IF current_setting('longshore.importing', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = (SELECT c.why FROM closed AS c);
END $$;

-- What of each table a closed database refuses. New rows of whatever has a number: one that was given out
-- meanwhile would be another's where all of it goes. Signs of life of workers and hosts and the last uses of
-- tokens are no matter; of attempts and output nothing is written without a lease.
CREATE FUNCTION closed_tables() RETURNS TABLE (name text, events text) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('queue', 'INSERT OR UPDATE OR DELETE'), ('template', 'INSERT OR UPDATE OR DELETE'),
           ('worker', 'INSERT'), ('host', 'INSERT'), ('audit', 'INSERT'),
           ('api_token', 'INSERT OR UPDATE OF revoked_at'), ('job', 'INSERT OR UPDATE OR DELETE'),
           ('lease', 'INSERT OR UPDATE OR DELETE'), ('settled', 'INSERT OR UPDATE OR DELETE'),
           ('scheduled', 'INSERT OR UPDATE OR DELETE'), ('ready', 'INSERT OR UPDATE OR DELETE')
$$;

-- Closes the database, unless a job is live; returns how many are.
-- Locks: each of these tables against all that write, until it commits: whoever began to write before is
-- waited for, and whoever comes later is refused. So leases are looked at, in a statement of its own, when
-- nobody can make one any more.
CREATE FUNCTION close_to_jobs(p_why text) RETURNS bigint LANGUAGE plpgsql
SET search_path = longshore, pg_temp AS $$
DECLARE
    v_table record;
    v_leases bigint;
BEGIN
    PERFORM refuse_other_isolation();
    INSERT INTO closed (why) VALUES (p_why)
    ON CONFLICT (only_one) DO UPDATE SET why = excluded.why, at = now();
    FOR v_table IN SELECT t.name, t.events FROM closed_tables() AS t LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER refuse_closed BEFORE %s ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_closed()',
                       v_table.events, v_table.name);
    END LOOP;
    SELECT count(*) INTO v_leases FROM lease;
    RETURN v_leases;
END $$;

CREATE FUNCTION reopen_to_jobs() RETURNS void LANGUAGE plpgsql
SET search_path = longshore, pg_temp AS $$
DECLARE
    v_table record;
BEGIN
    FOR v_table IN SELECT t.name FROM closed_tables() AS t LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS refuse_closed ON %I', v_table.name);
    END LOOP;
    DELETE FROM closed;
END $$;

REVOKE ALL ON FUNCTION refuse_closed(), closed_tables(), close_to_jobs(text), reopen_to_jobs() FROM PUBLIC;
