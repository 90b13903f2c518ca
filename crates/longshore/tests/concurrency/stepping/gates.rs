//! Gates in the product's SQL, at which a session waits until the controller lets it go.
//!
//! A gate is a lock that the controller holds and the session asks for and gives back at once: it
//! holds nothing, changes nothing, and is passed by any session that was not told to be stepped.
//! Inside `acquire` and `stage` gates stand between statements, each of which takes a snapshot of its
//! own. Verbs of one statement have theirs in triggers of the statement: *began* when it has its
//! snapshot and has written nothing, *written* at its end, also where it found nothing. As such a
//! statement is the whole transaction, *written* means: all locks held, not yet committed.

use std::fmt::Write as _;

use longshore_postgres::testing::TestClient;

/// A place at which a session waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(i32)]
pub enum Gate {
    /// `stage`: what is due was seen, nothing is locked.
    StageRead = 1,
    /// `stage`: moved, not committed.
    StageMoved,
    /// `acquire`: what is due was staged.
    Staged,
    /// `acquire`: it was seen that something waits, and whether there is a limit; nothing is locked.
    Looked,
    /// `acquire`: the queue's row is locked.
    Locked,
    /// `acquire`: the leases were counted.
    Counted,
    /// `acquire`: leased, not committed.
    Leased,
    /// `take_over`: the caller is one that may; nothing is locked.
    TakeBegan,
    /// `take_over`: whose time is over is fenced, not committed.
    TakeFenced,
    /// `take_over`: the leases that it found are locked. Moved they are at `LeaseUpdateWritten`.
    TakeLocked,
    ReadyDeleteBegan,
    ReadyDeleteWritten,
    /// By then `finish` has locked the leases whose jobs go on: a statement's changes come after what it reads.
    LeaseDeleteBegan,
    LeaseDeleteWritten,
    LeaseUpdateWritten,
    QueueUpdateBegan,
    QueueUpdateWritten,
    WorkerUpdateBegan,
    WorkerUpdateWritten,
}

/// Gates within functions: (function, what stands behind the gate, the gate). Each text must be
/// there exactly once.
const WITHIN: [(&str, &str, Gate); 10] = [
    ("stage", "PERFORM pg_current_xact_id();", Gate::StageRead),
    ("stage", "RETURN staged;", Gate::StageMoved),
    (
        "acquire",
        "SELECT q.epoch, q.paused OR NOT may_acquire(p_worker),",
        Gate::Staged,
    ),
    (
        "acquire",
        "IF is_limited THEN\n        PERFORM FROM queue",
        Gate::Looked,
    ),
    (
        "acquire",
        "SELECT q.max_concurrent, q.paused OR NOT may_acquire(p_worker), q.epoch",
        Gate::Locked,
    ),
    ("acquire", "IF room > 0 THEN", Gate::Counted),
    (
        "acquire",
        "IF above IS NULL THEN\n        slots := NULL;",
        Gate::Leased,
    ),
    ("take_over", "WITH stale AS MATERIALIZED (", Gate::TakeBegan),
    (
        "take_over",
        "WITH locked AS MATERIALIZED (",
        Gate::TakeFenced,
    ),
    (
        "take_over",
        "v_taken_at := clock_timestamp();",
        Gate::TakeLocked,
    ),
];

/// The functions that have gates.
const GATED: [&str; 3] = ["stage", "acquire", "take_over"];

/// Gates of statements: (gate, when, table).
const AROUND: [(Gate, &str, &str); 9] = [
    (Gate::ReadyDeleteBegan, "BEFORE DELETE", "ready"),
    (Gate::ReadyDeleteWritten, "AFTER DELETE", "ready"),
    (Gate::LeaseDeleteBegan, "BEFORE DELETE", "lease"),
    (Gate::LeaseDeleteWritten, "AFTER DELETE", "lease"),
    (Gate::LeaseUpdateWritten, "AFTER UPDATE", "lease"),
    (Gate::QueueUpdateBegan, "BEFORE UPDATE", "queue"),
    (Gate::QueueUpdateWritten, "AFTER UPDATE", "queue"),
    (Gate::WorkerUpdateBegan, "BEFORE UPDATE", "worker"),
    (Gate::WorkerUpdateWritten, "AFTER UPDATE", "worker"),
];

const FAULT_POINT: &str = "
CREATE FUNCTION longshore.fault_point(p integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s text := current_setting('longshore.step', true);
BEGIN
    IF coalesce(s, '') <> '' THEN
        PERFORM pg_advisory_lock_shared(s::integer, p);
        PERFORM pg_advisory_unlock_shared(s::integer, p);
    END IF;
END $$;
CREATE FUNCTION longshore.fault_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longshore.fault_point(TG_ARGV[0]::integer);
    RETURN NULL;
END $$;";

/// A bug planted in a function of the scratch database, to see that it is caught.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    pub function: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

/// Puts every gate into a database.
pub async fn install(client: &TestClient, bug: Option<Bug>) {
    let mut sql = FAULT_POINT.to_owned();
    for (gate, when, table) in AROUND {
        let number = gate as i32;
        write!(
            sql,
            "CREATE TRIGGER fault_{number} {when} ON longshore.{table} FOR EACH STATEMENT \
             EXECUTE FUNCTION longshore.fault_trigger({number});"
        )
        .expect("a string takes it");
    }
    for function in GATED {
        let mut definition = with_gates(function, &definition_of(client, function).await);
        if let Some(bug) = bug.filter(|bug| bug.function == function) {
            definition = definition.replacen(only(&definition, bug.from), bug.to, 1);
        }
        sql += &definition;
        sql += ";";
    }
    client.batch_execute(&sql).await.expect("gates");
}

/// What the database says that a function is.
async fn definition_of(client: &TestClient, function: &str) -> String {
    let sql = "SELECT pg_get_functiondef(('longshore.' || $1::text)::regproc)";
    let row = client.query_one(sql, &[&function]).await;
    row.expect("the function is there, once").get(0)
}

fn call(gate: Gate) -> String {
    format!("PERFORM longshore.fault_point({});\n    ", gate as i32)
}

fn with_gates(function: &str, definition: &str) -> String {
    let mut gated = definition.to_owned();
    for (_, behind, gate) in WITHIN.iter().filter(|(within, ..)| *within == function) {
        only(&gated, behind);
        gated = gated.replacen(behind, &format!("{}{behind}", call(*gate)), 1);
    }
    gated
}

/// The text itself, which must be there exactly once.
fn only<'t>(definition: &str, text: &'t str) -> &'t str {
    let times = definition.matches(text).count();
    assert_eq!(times, 1, "{text:?} marks one place of the function");
    text
}

mod tests {
    use longshore_core::store::Leases as _;
    use longshore_core::store::{AcquireRequest, Registry as _, Submissions as _, Upkeep as _};
    use longshore_postgres::testing::TestDatabase;
    use longshore_testkit::store::scene::{new_queue, new_worker};
    use longshore_testkit::store::seed::Seed;

    use super::*;

    #[tokio::test]
    async fn without_its_gates_the_sql_is_the_products() {
        let database = TestDatabase::create().await;
        let client = database.client().await;
        let mut before = Vec::new();
        for function in GATED {
            before.push(definition_of(&client, function).await);
        }
        install(&client, None).await;
        for (function, before) in GATED.into_iter().zip(before) {
            let mut after = definition_of(&client, function).await;
            for (_, _, gate) in WITHIN.iter().filter(|(within, ..)| *within == function) {
                after = after.replacen(only(&after, &call(*gate)), "", 1);
            }
            assert_eq!(after, before, "{function}");
        }
    }

    #[tokio::test]
    async fn who_is_not_stepped_passes_every_gate() {
        let database = TestDatabase::create().await;
        let controller = database.client().await;
        install(&controller, None).await;
        // Whatever number a session might have been given: all gates are shut.
        for (.., gate) in WITHIN {
            let shut = format!("SELECT pg_advisory_lock(1, {})", gate as i32);
            controller.batch_execute(&shut).await.expect("a free lock");
        }
        let store = database.store().await.expect("migrated");
        let queue = store.create_queue(&new_queue("free")).await.expect("new");
        let worker = new_worker(&[queue.id]);
        let worker = store.register_worker(&worker).await.expect("a worker");
        let job = [Seed::job().build_in("free")];
        let job = store.submit(&job).await.expect("valid")[0].job;
        let request = AcquireRequest {
            queue: queue.id,
            want: 1,
            worker,
            acquire_number: 1,
            max_concurrent: None,
        };
        let leases = store.acquire(request).await.expect("acquire").leases;
        assert_eq!(leases[0].key.job, job);
        assert_eq!(store.audit().await.expect("audit"), [""; 0]);
    }
}
