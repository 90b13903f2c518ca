//! The bugs that are a change of a statement or of a function of the database.

/// One replacement.
#[derive(Debug)]
pub struct Edit {
    /// The bug that it belongs to.
    pub bug: &'static str,
    /// `function NAME` for a function of PostgreSQL, else a statement's back end and file.
    pub place: &'static str,
    from: &'static str,
    to: &'static str,
}

impl Edit {
    /// The text with the bug in it.
    ///
    /// # Panics
    /// If what is to be replaced does not occur exactly once: then the bug would not be planted.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let found = text.matches(self.from).count();
        assert!(
            found == 1,
            "{} in {}: {:?} occurs {found} times, not once",
            self.bug,
            self.place,
            self.from
        );
        text.replacen(self.from, self.to, 1)
    }
}

const fn edit(
    bug: &'static str,
    place: &'static str,
    from: &'static str,
    to: &'static str,
) -> Edit {
    Edit {
        bug,
        place,
        from,
        to,
    }
}

const ACQUIRE: &str = "function acquire";
const TAKE_OVER: &str = "function take_over";

/// Every edit. Those of one bug in one place are applied in this order.
pub(crate) const EDITS: &[Edit] = &[
    edit(
        "no_skip_locked",
        ACQUIRE,
        "LIMIT room FOR UPDATE SKIP LOCKED",
        "LIMIT room FOR UPDATE",
    ),
    // The head of the line is read without a lock, leased, and taken off the line by a later
    // statement: two that read the same head both lease it, the second over the first.
    edit(
        "released_before_mark",
        ACQUIRE,
        "DELETE FROM ready WHERE ctid = ANY (ARRAY(",
        "SELECT * FROM ready WHERE ctid = ANY (ARRAY(",
    ),
    edit(
        "released_before_mark",
        ACQUIRE,
        "LIMIT room FOR UPDATE SKIP LOCKED",
        "LIMIT room",
    ),
    edit(
        "released_before_mark",
        ACQUIRE,
        "                LIMIT room))\n            RETURNING *",
        "                LIMIT room))",
    ),
    edit(
        "released_before_mark",
        ACQUIRE,
        "FROM (SELECT * FROM taken ORDER BY lane, seq) AS t\n            RETURNING",
        "FROM (SELECT * FROM taken ORDER BY lane, seq) AS t\n            \
         ON CONFLICT (job_id) DO UPDATE SET token = excluded.token, slot = excluded.slot, \
         worker_id = excluded.worker_id, acquire_no = excluded.acquire_no\n            RETURNING",
    ),
    edit(
        "released_before_mark",
        ACQUIRE,
        "        IF cardinality(job_ids) > room THEN",
        "        DELETE FROM ready WHERE job_id = ANY (job_ids);\n\
         \x20       IF cardinality(job_ids) > room THEN",
    ),
    edit(
        "count_then_launch",
        ACQUIRE,
        "PERFORM FROM queue AS q WHERE q.id = p_queue FOR NO KEY UPDATE;",
        "NULL;",
    ),
    // The snapshot of the count is the statement's, and precedes the lock that the statement waits for.
    edit(
        "count_in_same_statement",
        ACQUIRE,
        "PERFORM FROM queue AS q WHERE q.id = p_queue FOR NO KEY UPDATE;",
        "NULL;",
    ),
    edit(
        "count_in_same_statement",
        ACQUIRE,
        "        ) AS live;",
        "        ) AS live, (SELECT q.id FROM queue AS q WHERE q.id = p_queue FOR NO KEY UPDATE) AS locked;",
    ),
    edit(
        "limit_from_live_heartbeats",
        ACQUIRE,
        "WHERE l.queue_id = p_queue AND l.slot > p_above",
        "WHERE l.queue_id = p_queue AND l.slot > p_above AND EXISTS (SELECT FROM worker AS w \
         WHERE w.id = l.worker_id AND is_alive(w))",
    ),
    edit(
        "limit_from_live_heartbeats",
        ACQUIRE,
        "WHERE l.queue_id = p_queue AND l.slot = ANY (p_slots)",
        "WHERE l.queue_id = p_queue AND l.slot = ANY (p_slots) AND EXISTS (SELECT FROM worker AS w \
         WHERE w.id = l.worker_id AND is_alive(w))",
    ),
    edit(
        "finish_without_token",
        "postgres/finish",
        "l.attempt = g.attempt AND l.token = g.token",
        "l.attempt = g.attempt",
    ),
    edit(
        "finish_without_token",
        "postgres/finish_settled",
        "l.attempt = g.attempt AND l.token = g.token",
        "l.attempt = g.attempt",
    ),
    edit(
        "finish_without_token",
        "sqlite/finish_lease",
        "AND token = :token",
        "AND :token IS NOT NULL",
    ),
    edit(
        "finish_by_id_and_state",
        "postgres/finish",
        "l.job_id = g.job_id AND l.attempt = g.attempt AND l.token = g.token",
        "l.job_id = g.job_id AND l.started_at IS NOT NULL",
    ),
    edit(
        "finish_by_id_and_state",
        "postgres/finish_settled",
        "l.job_id = g.job_id AND l.attempt = g.attempt AND l.token = g.token",
        "l.job_id = g.job_id AND l.started_at IS NOT NULL",
    ),
    edit(
        "finish_by_id_and_state",
        "sqlite/finish_lease",
        "job_id = :job AND attempt = :attempt AND token = :token",
        "job_id = :job AND started_at IS NOT NULL AND :attempt IS NOT NULL AND :token IS NOT NULL",
    ),
    edit(
        "fifo_dropped",
        ACQUIRE,
        "ORDER BY y.lane, y.seq LIMIT room",
        "ORDER BY y.lane, hashint8(y.job_id) LIMIT room",
    ),
    edit(
        "slots_kept_across_limit_change",
        ACQUIRE,
        "IF queue_limit IS NULL OR p_epoch IS DISTINCT FROM epoch OR p_above IS NULL THEN",
        "IF p_above IS NULL THEN",
    ),
    edit(
        "slots_kept_across_limit_change",
        ACQUIRE,
        "IF queue_limit IS NOT NULL AND new_to_us <= bound THEN",
        "IF new_to_us <= bound THEN",
    ),
    edit(
        "limit_changed_without_lock",
        "postgres/change_queue",
        "WHERE name = $1 FOR UPDATE)",
        "WHERE name = $1)",
    ),
    edit(
        "fence_without_token",
        "function fence",
        "WHERE l.job_id = p_job AND l.attempt = p_attempt AND l.token = p_token;\n    IF NOT FOUND",
        "WHERE l.job_id = p_job AND l.attempt = p_attempt;\n    IF NOT FOUND",
    ),
    edit(
        "fence_without_token",
        "function fence",
        "WHERE l.job_id = p_job AND l.attempt = p_attempt AND l.token = p_token\n    RETURNING",
        "WHERE l.job_id = p_job AND l.attempt = p_attempt\n    RETURNING",
    ),
    edit(
        "append_without_token",
        "postgres/append_output",
        "l.attempt = g.attempt AND l.token = g.token",
        "l.attempt = g.attempt",
    ),
    edit(
        "earlier_finish_forgotten",
        "postgres/finish_earlier",
        "a.token = g.token",
        "a.token = g.token AND false",
    ),
    edit(
        "staged_unordered",
        "function stage",
        "FROM (SELECT * FROM moved ORDER BY due_at, job_id) AS in_order",
        "FROM (SELECT * FROM moved ORDER BY hashint8(job_id)) AS in_order",
    ),
    // The worker's own clock, which may be fast: by so many seconds.
    edit(
        "due_by_local_clock",
        "function stage",
        "moment timestamptz := clock_timestamp();",
        "moment timestamptz := clock_timestamp() \
         + coalesce(nullif(current_setting('longshore.skew', true), ''), '0')::interval;",
    ),
    edit(
        "takeover_token_plus_one",
        TAKE_OVER,
        "token = nextval('lease_token')",
        "token = l.token + 1",
    ),
    // On SQLite `fresh_token` adds the one; here nothing is drawn.
    edit(
        "takeover_token_plus_one",
        "sqlite/take_over_draw",
        "UPDATE counter SET lease_token = lease_token + :count RETURNING lease_token",
        "SELECT lease_token + :count FROM counter",
    ),
    edit(
        "takeover_keeps_token",
        TAKE_OVER,
        "token = nextval('lease_token')",
        "token = l.token",
    ),
    // Whose time is over is looked up without a lock, and believed: a heartbeat between is not seen.
    edit(
        "takeover_without_second_look",
        TAKE_OVER,
        "ORDER BY w.id FOR NO KEY UPDATE SKIP LOCKED",
        "ORDER BY w.id",
    ),
    edit(
        "takeover_without_second_look",
        TAKE_OVER,
        "WHERE w.id = ANY (v_stale) AND w.stopped_at IS NULL AND NOT w.fenced\n            \
         AND w.heartbeat_at + w.lease_ttl <= clock_timestamp();",
        "WHERE w.id = ANY (v_stale);",
    ),
    edit(
        "takeover_ignores_reach",
        "function leases_to_take_over",
        "coalesce(l.host_id = ANY (p_hosts), false)",
        "true",
    ),
    edit(
        "takeover_ignores_reach",
        "sqlite/take_over_leases",
        "lease.host_id IN (SELECT value FROM json_each(me.host_ids))",
        "true",
    ),
    // What the caller knew when it asked is not looked at: a heartbeat that came in just before speaks for it.
    edit(
        "takeover_by_newest_heartbeat",
        TAKE_OVER,
        "least(w.heartbeat_at, p_heard)",
        "w.heartbeat_at",
    ),
    edit(
        "takeover_by_newest_heartbeat",
        "sqlite/take_over_is_heard",
        "min(heartbeat_at, :heard_at)",
        "max(heartbeat_at, min(heartbeat_at, :heard_at))",
    ),
    edit(
        "takeover_while_draining",
        TAKE_OVER,
        "w.id = p_worker AND NOT w.draining AND",
        "w.id = p_worker AND",
    ),
];
