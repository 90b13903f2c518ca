-- longshore.submit(jsonb): any language enqueues inside its own transaction.
--
-- Refuses what Rust refuses, and stores what Rust would store: see check_spec. Works at every isolation
-- level, because the transaction is the caller's; insert_jobs says why it can.

-- Submits jobs, a list of them: all or none. Returns their ids, in the order of the list. A key that
-- was used for the same job answers with the first; for another, everything is refused (23505).
CREATE FUNCTION submit_many(jobs jsonb) RETURNS SETOF bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = longshore, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    given record;
    spec jsonb;
    queue_name text;
    queue_id integer;
    queue_ids integer[] := '{}';
    priorities smallint[] := '{}';
    keys text[] := '{}';
    labels text[] := '{}';
    specs text[] := '{}';
    holds boolean[] := '{}';
    due_ats timestamptz[] := '{}';
    queue_timeouts double precision[] := '{}';
    made record;
    other record;
BEGIN
    IF jsonb_typeof(jobs) IS DISTINCT FROM 'array' THEN
        PERFORM refuse('jobs', 'must be a list of jobs');
    END IF;
    FOR given IN SELECT t.job, t.ord FROM jsonb_array_elements(jobs) WITH ORDINALITY AS t(job, ord) LOOP
        PERFORM set_config('longshore.submitting',
                           format('job %s of %s', given.ord, jsonb_array_length(jobs)), true);
        spec := check_spec(given.job);
        queue_name := coalesce(spec ->> 'queue', CASE WHEN spec ? 'image' THEN 'default' ELSE 'local' END);
        SELECT q.id INTO queue_id FROM queue AS q WHERE q.name = queue_name;
        IF NOT FOUND THEN
            PERFORM refuse('queue', format('there is no queue "%s"; known: %s', queue_name,
                (SELECT string_agg(q.name, ', ' ORDER BY q.name) FROM queue AS q)));
        END IF;
        queue_ids := queue_ids || queue_id;
        priorities := priorities || (spec ->> 'priority')::smallint;
        keys := keys || (spec ->> 'idempotency_key');
        labels := labels || (spec ->> 'labels');
        holds := holds || coalesce((spec ->> 'hold')::boolean, false);
        due_ats := due_ats || due_at_of(spec ->> 'scheduled_for');
        queue_timeouts := queue_timeouts
            || nullif(spec ->> 'queue_timeout', 'none')::double precision;
        specs := specs || (spec - '{idempotency_key,hold}'::text[])::text;
    END LOOP;
    IF cardinality(specs) = 0 THEN
        RETURN;
    END IF;

    SELECT * INTO made
    FROM insert_jobs(queue_ids, priorities, keys, labels, specs, holds, due_ats, queue_timeouts);
    FOR other IN
        SELECT t.key, t.id
        FROM unnest(keys, specs, made.job_ids, made.is_new) AS t(key, spec, id, is_new)
        JOIN job AS j ON j.id = t.id
        WHERE NOT t.is_new AND j.spec <> t.spec::jsonb
        LIMIT 1
    LOOP
        RAISE EXCEPTION 'idempotency key "%" was used for another spec, by job %: use a new key',
            other.key, other.id USING ERRCODE = '23505', DETAIL = 'idempotency_key_reused';
    END LOOP;
    -- Heard when the caller's transaction commits.
    PERFORM pg_notify('longshore', t.id::text) FROM (SELECT DISTINCT unnest(queue_ids) AS id) AS t;
    RETURN QUERY SELECT unnest(made.job_ids);
END $$;

-- When a job is due: nanoseconds are rounded up, so that it is never early.
CREATE FUNCTION due_at_of(p_moment text) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT left(p_moment, 19)::timestamp AT TIME ZONE 'UTC'
        + ceil(coalesce(substring(p_moment FROM '\.\d+')::numeric, 0) * 1000000)::double precision
            * interval '1 microsecond'
$$;

-- Submits one job; returns its id.
CREATE FUNCTION submit(job jsonb) RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path = longshore, pg_temp AS $$
    SELECT submit_many(jsonb_build_array(job))
$$;

-- Nobody but those who are granted it (PostgresStore::grant_submit) may call anything here.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA longshore FROM PUBLIC;
