-- Submitting jobs without idempotency keys, as most are: no look for conflicts, which costs each row a second
-- record of the log. The rest of insert_jobs is as it was in V3.

-- Enters jobs, given in columns: all of them or none. The i-th answer is for the i-th job.
-- p_keys          idempotency keys, null for none; or none at all. A key that is taken answers with the job
--                 that has it and is_new false; the caller compares the specs and rolls back if they differ.
-- p_labels        JSON, null for none; or none at all
-- p_due_ats       null for now; or none at all
-- p_queue_timeouts  seconds, null for none; or none at all
--
-- Locks: the unique index of idem_key, in the order of the keys, so that two calls with the same
-- keys in different order wait for each other rather than deadlock. No row.
-- Works at every isolation level: where a key was committed after the snapshot, ON CONFLICT raises
-- 40001 rather than overlook it.
CREATE OR REPLACE FUNCTION insert_jobs(
    p_queue_ids integer[], p_priorities smallint[], p_keys text[], p_labels text[], p_specs text[],
    p_holds boolean[], p_due_ats timestamptz[], p_queue_timeouts double precision[],
    OUT job_ids bigint[], OUT is_new boolean[]
) LANGUAGE plpgsql SET search_path = longshore, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := clock_timestamp();
    fresh bigint;
BEGIN
    -- Before a seq is drawn, so that the frontier's probe can wait for this transaction.
    PERFORM pg_current_xact_id();
    job_ids := ARRAY(SELECT nextval('job_id') FROM generate_series(1, cardinality(p_specs)));

    IF array_remove(p_keys, NULL) <> '{}' THEN
        WITH inserted AS (
            INSERT INTO job (id, queue_id, priority, idem_key, labels, spec)
            SELECT id, queue_id, priority, idem_key, labels::jsonb, spec::jsonb
            FROM unnest(job_ids, p_queue_ids, p_priorities, p_keys, p_labels, p_specs)
                AS given(id, queue_id, priority, idem_key, labels, spec)
            ORDER BY idem_key NULLS FIRST, id
            ON CONFLICT (idem_key) WHERE idem_key IS NOT NULL DO NOTHING
            RETURNING id
        )
        SELECT count(*) INTO fresh FROM inserted;
    ELSE
        INSERT INTO job (id, queue_id, priority, labels, spec)
        SELECT id, queue_id, priority, labels::jsonb, spec::jsonb
        FROM unnest(job_ids, p_queue_ids, p_priorities, p_labels, p_specs)
            AS given(id, queue_id, priority, labels, spec);
        fresh := cardinality(job_ids);
    END IF;

    IF fresh = cardinality(job_ids) THEN
        is_new := array_fill(true, ARRAY[cardinality(job_ids)]);
    ELSE
        -- A new statement, whose snapshot sees what the insert waited for.
        SELECT array_agg(coalesce(mine.id, theirs.id) ORDER BY given.ord),
               array_agg(mine.id IS NOT NULL ORDER BY given.ord)
        INTO job_ids, is_new
        FROM unnest(job_ids, p_keys) WITH ORDINALITY AS given(id, idem_key, ord)
        LEFT JOIN job AS mine ON mine.id = given.id
        LEFT JOIN job AS theirs ON theirs.idem_key = given.idem_key;
        IF array_position(job_ids, NULL) IS NOT NULL THEN
            RAISE EXCEPTION 'the job with this idempotency key was pruned just now'
                USING ERRCODE = '40001';
        END IF;
    END IF;

    -- No join with what was inserted: for arrays of unknown length the planner would loop.
    WITH entered AS MATERIALIZED (
        SELECT id, queue_id, hold, due_at, queue_timeout,
               (2 * (100 - priority) + 1)::smallint AS lane,
               NOT hold AND coalesce(due_at <= moment, true) AS is_ready
        FROM unnest(job_ids, is_new, p_queue_ids, p_priorities, p_holds, p_due_ats,
                    p_queue_timeouts)
            AS given(id, is_new, queue_id, priority, hold, due_at, queue_timeout)
        WHERE given.is_new
    ), put_off AS (
        INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
        SELECT id, CASE WHEN hold THEN 'infinity' ELSE due_at END, queue_id, 0,
               CASE WHEN hold THEN 'pending' ELSE 'delayed' END::waiting_reason, lane, 0, 0
        FROM entered WHERE NOT is_ready
    ), bounded AS (
        INSERT INTO waiting_deadline (job_id, expires_at, allowed)
        SELECT id, greatest(due_at, moment) + make_interval(secs => queue_timeout),
               make_interval(secs => queue_timeout)
        FROM entered WHERE queue_timeout IS NOT NULL AND NOT hold
    )
    INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
    SELECT nextval('ready_seq'), id, queue_id, 0, 'new', lane, 0, 0
    FROM (SELECT * FROM entered WHERE is_ready ORDER BY id) AS in_order;
END $$;
