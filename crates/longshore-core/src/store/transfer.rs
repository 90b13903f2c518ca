//! Everything that a database holds, as rows that every store can read and write: for moving to another.
//!
//! The stores have the same tables, each in its own types. [`TABLES`] lists what moves, and in which order;
//! a test of each store holds it to the schema, so that no migration adds a column which stays behind.

use async_trait::async_trait;

use super::StoreResult;

/// What is in a column, whatever the store keeps it as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// Yes or no, as 1 or 0.
    Flag,
    /// A moment: microseconds since 1970 UTC; the largest number stands for never.
    Moment,
    /// A length of time, in microseconds.
    Span,
    /// A text.
    Text,
    /// One of a few words.
    Word,
    /// A JSON document, as text.
    Json,
    /// Numbers in a JSON list, as text.
    Numbers,
    /// Bytes.
    Bytes,
}

/// One value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// None.
    Null,
    /// Of a number, a flag, a moment or a span.
    Integer(i64),
    /// Of a text, a word or a document.
    Text(String),
    /// Of bytes.
    Bytes(Vec<u8>),
}

/// One row: a cell for each column of its table.
pub type Cells = Vec<Cell>;

/// A column that moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name, as on `PostgreSQL`.
    pub name: &'static str,
    /// What is in it.
    pub kind: Kind,
}

/// A table that moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns; the first `key` of them tell its rows apart, and order them.
    pub columns: &'static [Column],
    /// How many columns are its key: each a number, or a text that orders by its bytes.
    pub key: usize,
}

macro_rules! table {
    ($name:ident by $key:literal: $($column:ident $kind:ident),+ $(,)?) => {
        Table {
            name: stringify!($name),
            columns: &[$(Column { name: stringify!($column), kind: Kind::$kind }),+],
            key: $key,
        }
    };
}

/// What moves, in this order: a job's place comes after all of it, so that none is seen to wait before it is
/// there, and webhooks after that: to the feed of the new database all jobs that come are news, of which
/// they are not to be told. Leases don't move, for there must be none; nor does the feed of changes, whose cursors
/// belong to one database: what of it webhooks were not told yet is noted before ([`Transfer::note_rest`]).
pub const TABLES: &[Table] = &[
    table!(queue by 1:
        id Integer, name Text, executor Text, host_selector Json, max_concurrent Integer, paused Flag,
        ageing Span, epoch Integer, created_at Moment, on_host_lost Text),
    table!(host by 1:
        id Integer, executor Text, identity Text, boot_id Text, name Text, labels Json, slots Integer,
        weight Integer, enabled Flag, last_seen_at Moment, memory_bytes Integer, millicpus Integer,
        problem Text, forgotten_at Moment),
    table!(worker by 1:
        id Integer, started_at Moment, heartbeat_at Moment, stopped_at Moment, lease_ttl Span, pid Integer,
        capacity Integer, draining Flag, fenced Flag, name Text, hostname Text, boot_id Text, version Text,
        queue_ids Numbers, host_ids Numbers),
    table!(template by 2: name Text, version Integer, body Text, created_at Moment),
    table!(api_token by 1:
        id Integer, name Text, role Text, hash Bytes, created_at Moment, expires_at Moment,
        revoked_at Moment, last_used_at Moment),
    table!(audit by 1:
        id Integer, at Moment, who Text, token Integer, address Text, action Text, subject Text,
        status Integer),
    table!(job by 1:
        id Integer, created_at Moment, queue_id Integer, priority Integer, idem_key Text, spec Json),
    table!(attempt by 2:
        job_id Integer, attempt Integer, token Integer, worker_id Integer, host_id Integer,
        claimed_at Moment, started_at Moment, ended_at Moment, cpu_micros Integer,
        peak_memory_bytes Integer, omitted_stdout_bytes Integer, omitted_stderr_bytes Integer,
        outcome Word, error_class Word, exit_code Integer, signal Integer, oom_killed Flag, handle Text,
        error_text Text, template_versions Json),
    table!(attempt_usage by 2: job_id Integer, attempt Integer, points Json),
    table!(log_chunk by 4:
        job_id Integer, attempt Integer, token Integer, seq Integer, stored_at Moment, position Integer,
        stream Integer, bytes Bytes, resume Text),
    table!(aged by 1: job_id Integer, lane Integer),
    table!(ageing_mark by 2: queue_id Integer, seq Integer, at Moment),
    table!(waiting_deadline by 1: job_id Integer, expires_at Moment, allowed Span),
    table!(settled by 1:
        job_id Integer, at Moment, queue_id Integer, attempt Integer, exit_code Integer, state Word),
    table!(scheduled by 1:
        job_id Integer, due_at Moment, queue_id Integer, attempt Integer, reason Word, lane Integer,
        tries Integer, losses Integer),
    table!(ready by 3:
        queue_id Integer, lane Integer, seq Integer, job_id Integer, attempt Integer, reason Word,
        tries Integer, losses Integer),
    table!(webhook by 1:
        id Integer, name Text, url Text, states Json, queue Text, key Text, enabled Flag,
        created_at Moment),
    table!(delivery by 1:
        id Integer, webhook_id Integer, job_id Integer, at Moment, next_at Moment, ended_at Moment,
        tries Integer, status Integer, job_state Word, is_delivered Flag, problem Text),
];

/// The last number that was given out of each kind: a database that goes on with the jobs of another
/// gives none of its numbers again. Fencing tokens above all (promise S1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Jobs.
    pub job: i64,
    /// Places in lines.
    pub ready_seq: i64,
    /// Fencing tokens.
    pub lease_token: i64,
    /// Slots.
    pub lease_slot: i64,
    /// Queues.
    pub queue: i64,
    /// Workers.
    pub worker: i64,
    /// Hosts.
    pub host: i64,
    /// API tokens.
    pub api_token: i64,
    /// Lines of the audit log.
    pub audit: i64,
    /// Webhooks.
    pub webhook: i64,
    /// Their deliveries.
    pub delivery: i64,
}

/// What came of closing a database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Closing {
    /// It is closed.
    Closed,
    /// Nothing was changed: so many jobs are live.
    InUse {
        /// Its leases.
        leases: u64,
    },
}

/// A database that may be closed, read whole, and filled.
///
/// A closed database refuses whatever would add, move or end a job, with the reason, until it is opened
/// again; it can be read. Only who owns its tables can close it.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Closes it for this reason, unless a job is live. One that is closed is closed for this reason from
    /// now on.
    async fn close_to_jobs(&self, why: &str) -> StoreResult<Closing>;

    /// Opens it again; nothing where it is open.
    async fn reopen_to_jobs(&self) -> StoreResult<()>;

    /// Makes deliveries of what webhooks were not told of yet: the feed stays behind. The database is
    /// closed, so that there is an end of it.
    async fn note_rest(&self) -> StoreResult<()>;

    /// Reads the feed for webhooks from here on: nothing that came before is told ([`super::begin_noting`]).
    /// Called before the first webhook comes in, and again by a transfer that goes on.
    async fn begin_noting(&self) -> StoreResult<()>;

    /// Why it is closed, if it is.
    async fn closed_to_jobs(&self) -> StoreResult<Option<String>>;

    /// Whether there is nothing in it but what migrating put there.
    async fn is_untouched(&self) -> StoreResult<bool>;

    /// Up to `limit` rows of a table with keys behind `after` (none: from the first), in their order. The
    /// database is closed, so that the pages are of one state.
    async fn export_rows(
        &self,
        table: &'static Table,
        after: Option<Cells>,
        limit: u32,
    ) -> StoreResult<Vec<Cells>>;

    /// Writes rows of a table, closed though it is; those that are there already are left as they are, but
    /// for queues, which migrating makes.
    async fn import_rows(&self, table: &'static Table, rows: Vec<Cells>) -> StoreResult<()>;

    /// How many rows of a table move, or have come.
    async fn count_rows(&self, table: &'static Table) -> StoreResult<u64>;

    /// The last numbers that were given out.
    async fn export_counters(&self) -> StoreResult<Counters>;

    /// Goes on from these numbers.
    async fn import_counters(&self, counters: Counters) -> StoreResult<()>;
}
