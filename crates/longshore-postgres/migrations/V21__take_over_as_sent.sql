-- A take-over (V16) is judged by what its caller knew when it was sent. Before, one that an outage had held up
-- could come in behind a heartbeat that the same outage had held up, and take the others for dead.

-- A process of before that still runs takes nothing over any more: its calls are refused, and others do it.
DROP FUNCTION take_over(bigint, bigint, integer, bigint[], interval);

-- Fences every worker whose time is over, and moves leases of the dead and the parted to a worker, each
-- under a fresh token. Slots and attempts stay, so no queue is locked.
--
-- Nothing for a worker that did not know itself heard of within half its time when it asked (p_heard): what
-- kept it away may have kept the others away, too. Its newest heartbeat is not what tells: that may have been
-- on its way as long as this call, and have come in just before it, while the others' are still to come.
--
-- Each look stands in a statement of its own after the lock: the snapshot of a statement precedes the
-- locks that it takes, and a row that changed meanwhile would be judged beside rows of before.
--
-- Locks: the rows of stale workers, in the order of their ids; then leases, in the order of jobs; both
-- passing over what others have locked: who has locked it, takes it over or ends it. Indexes:
-- worker_pkey, worker_open, lease_pkey.
CREATE FUNCTION take_over(
    p_worker bigint, p_acquire_no bigint, p_want integer, p_again bigint[], p_unseen interval,
    p_heard timestamptz
) RETURNS TABLE (
    job_id bigint, attempt integer, token bigint, last_token bigint, last_worker bigint, queue_id integer,
    lane smallint, tries smallint, losses smallint, claimed_at timestamptz, started_at timestamptz,
    taken_at timestamptz, is_cancel_requested boolean, host_id bigint, handle text, boot_id text,
    orphaned smallint, is_gone boolean, idem_key text, spec text, resume text,
    stdout_end bigint, stdout_bytes bigint, stderr_end bigint, stderr_bytes bigint
) LANGUAGE plpgsql SET search_path = longshore, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_hosts bigint[];
    v_queues integer[];
    v_stale bigint[];
    v_jobs bigint[];
    v_taken_at timestamptz;
BEGIN
    PERFORM refuse_other_isolation();
    SELECT w.host_ids, w.queue_ids INTO v_hosts, v_queues
    FROM worker AS w
    WHERE w.id = p_worker AND NOT w.draining AND NOT w.fenced AND w.stopped_at IS NULL
        AND least(w.heartbeat_at, p_heard) + w.lease_ttl / 2 >= clock_timestamp();
    IF NOT FOUND THEN
        RETURN;
    END IF;

    WITH stale AS MATERIALIZED (
        SELECT w.id FROM worker AS w
        WHERE w.stopped_at IS NULL AND NOT w.fenced AND w.id <> p_worker
            AND w.heartbeat_at + w.lease_ttl <= clock_timestamp()
        ORDER BY w.id FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT array_agg(s.id) INTO v_stale FROM stale AS s;
    IF v_stale IS NOT NULL THEN
        UPDATE worker AS w SET fenced = true
        WHERE w.id = ANY (v_stale) AND w.stopped_at IS NULL AND NOT w.fenced
            AND w.heartbeat_at + w.lease_ttl <= clock_timestamp();
    END IF;

    WITH locked AS MATERIALIZED (
        SELECT l.job_id FROM lease AS l
        WHERE l.job_id = ANY (ARRAY(
            SELECT o.job_id FROM leases_to_take_over(p_worker, v_hosts, v_queues, p_again, p_unseen) AS o
            ORDER BY o.job_id LIMIT p_want))
        ORDER BY l.job_id FOR UPDATE SKIP LOCKED
    )
    SELECT array_agg(k.job_id ORDER BY k.job_id) INTO v_jobs FROM locked AS k;
    IF v_jobs IS NULL THEN
        RETURN;
    END IF;

    v_taken_at := clock_timestamp();
    RETURN QUERY
    WITH taken AS (
        UPDATE lease AS l
        SET worker_id = p_worker, token = nextval('lease_token'), acquire_no = p_acquire_no,
            takeovers = l.takeovers + 1, orphaned = l.orphaned + o.is_orphan::integer, note = NULL
        FROM leases_to_take_over(p_worker, v_hosts, v_queues, p_again, p_unseen) AS o
        WHERE l.job_id = o.job_id AND l.job_id = ANY (v_jobs)
        RETURNING l.*, o.token AS last_token, o.worker_id AS last_worker, o.is_gone
    )
    SELECT t.job_id, t.attempt, t.token, t.last_token, t.last_worker, t.queue_id, t.lane, t.tries, t.losses,
           t.claimed_at, t.started_at, v_taken_at, t.cancel_requested_at IS NOT NULL, t.host_id, t.handle,
           t.boot_id, t.orphaned, t.is_gone, j.idem_key, j.spec::text, c.resume,
           c.stdout_end, c.stdout_bytes, c.stderr_end, c.stderr_bytes
    FROM taken AS t
    LEFT JOIN job AS j ON j.id = t.job_id
    CROSS JOIN LATERAL (
        SELECT coalesce(max(k.position + length(k.bytes)) FILTER (WHERE k.stream = 1), 0) AS stdout_end,
               coalesce(sum(length(k.bytes)) FILTER (WHERE k.stream = 1), 0)::bigint AS stdout_bytes,
               coalesce(max(k.position + length(k.bytes)) FILTER (WHERE k.stream = 2), 0) AS stderr_end,
               coalesce(sum(length(k.bytes)) FILTER (WHERE k.stream = 2), 0)::bigint AS stderr_bytes,
               (array_agg(k.resume ORDER BY k.token DESC, k.seq DESC)
                   FILTER (WHERE k.resume IS NOT NULL))[1] AS resume
        FROM log_chunk AS k
        WHERE k.job_id = t.job_id AND k.attempt = t.attempt AND k.claimed_at = t.claimed_at
    ) AS c
    ORDER BY t.job_id;
END
$$;

-- As V8 did for what was there then.
REVOKE ALL ON FUNCTION take_over(bigint, bigint, integer, bigint[], interval, timestamptz) FROM PUBLIC;
