-- Partitions of log_chunk, one a day (UTC): made ahead, dropped whole. Whoever changes them holds one
-- advisory lock, taken first.

-- Makes the partition of a day unless it is there, and moves into it what the default partition has
-- of that day. Returns whether it was made.
-- Locks: the default partition exclusively, for as long as it takes to look at what little is in it.
CREATE FUNCTION make_log_partition(p_day date) RETURNS boolean LANGUAGE plpgsql
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
    LOCK TABLE log_chunk_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE log_chunk INCLUDING ALL)', name);
    EXECUTE format('WITH moved AS (DELETE FROM log_chunk_default
                                   WHERE claimed_at >= %L AND claimed_at < %L RETURNING *)
                    INSERT INTO %I SELECT * FROM moved', first, next, name);
    EXECUTE format('ALTER TABLE log_chunk ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, first, next);
    RETURN true;
END $$;

-- Makes the partitions of today, the next p_days_ahead days, and every day that the default
-- partition holds something of.
CREATE FUNCTION make_log_partitions(p_days_ahead integer) RETURNS integer LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    made integer := 0;
    one_day date;
BEGIN
    -- Before the default partition is looked at: two that had looked would both wait for the other
    -- to look no more.
    PERFORM pg_advisory_xact_lock(hashtext('longshore.log_chunk'));
    FOR one_day IN
        SELECT current_date + ahead FROM generate_series(0, p_days_ahead) AS ahead
        UNION SELECT claimed_at::date FROM log_chunk_default
        ORDER BY 1
    LOOP
        made := made + make_log_partition(one_day)::integer;
    END LOOP;
    RETURN made;
END $$;

-- Drops the partitions of days before p_before of which no job is left. Returns how many.
CREATE FUNCTION drop_log_partitions(p_before date) RETURNS integer LANGUAGE plpgsql
SET search_path = longshore, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    dropped integer := 0;
    partition text;
    is_needed boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('longshore.log_chunk'));
    FOR partition IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'longshore.log_chunk'::regclass
          AND c.relname ~ '^log_chunk_\d{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < p_before
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I AS c JOIN job AS j ON j.id = c.job_id)',
                       partition) INTO is_needed;
        IF NOT is_needed THEN
            EXECUTE format('DROP TABLE %I', partition);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
