//! Acquisition under every plan that the server could choose for it. The functions switch some of the
//! planner's choices off for themselves; that is for speed. Here they lose these settings, sessions
//! are told others, and what is acquired must stay the same: the first jobs of the line, in order,
//! none twice, within the limit.

mod scene;

use std::fmt::Write as _;

use longshore_core::store::{Lease, Store, Submissions, Upkeep};
use longshore_core::{JobId, QueueId};
use longshore_postgres::PostgresStore;
use longshore_postgres::testing::TestClient;
use scene::{Scene, acquire, by_hand, job, scene};

/// Jobs of one trial, spread over three lanes; every tenth is due and not yet in its line.
const JOBS: usize = 200;

/// What is asked for in turn, first without a limit, then with one that leaves [`ROOM`].
const WANTS: [usize; 3] = [1, 7, 50];

/// What the limit leaves beside what was acquired before it was set: less than is asked for.
const ROOM: usize = 40;

/// Which way of joining and reading there is, beside those that always remain.
const WAYS: [&str; 6] = [
    "enable_nestloop",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_seqscan",
    "enable_indexscan",
    "enable_bitmapscan",
];

/// What makes the server use several processes for any statement that may have them.
const PARALLEL: &str = "parallel_setup_cost=0 parallel_tuple_cost=0 min_parallel_table_scan_size=0 \
                        min_parallel_index_scan_size=0 max_parallel_workers_per_gather=2";

/// The settings of one trial, as `name=value` words.
fn settings(ways: usize, is_parallel: bool, version: i32) -> String {
    let mut settings = String::new();
    for (bit, way) in WAYS.iter().enumerate() {
        let word = if ways >> bit & 1 == 1 { "on" } else { "off" };
        _ = write!(settings, "{way}={word} ");
    }
    if ways & 0b10 == 0 {
        // Without hash joins, nothing is gathered before a join either: what stands on the inner side
        // of a loop is run again for each row of the outer one.
        let kept = ["material", "hashagg", "memoize", "sort"];
        settings.extend(kept.map(|what| format!("enable_{what}=off ")));
    }
    if is_parallel {
        let force = if version < 160_000 {
            "force_parallel_mode"
        } else {
            "debug_parallel_query"
        };
        _ = write!(settings, "{PARALLEL} {force}=on ");
    } else {
        settings.push_str("max_parallel_workers_per_gather=0 ");
    }
    settings
}

/// The functions without settings of their own, so that those of the session reach them.
async fn unprotected() -> (Scene, TestClient) {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    for function in ["acquire", "stage", "probe_line"] {
        let reset = format!(
            "ALTER FUNCTION {function} RESET enable_seqscan;
             ALTER FUNCTION {function} RESET enable_bitmapscan"
        );
        client
            .batch_execute(&reset)
            .await
            .expect("a function of ours");
    }
    (scene, client)
}

async fn version(client: &TestClient) -> i32 {
    let sql = "SELECT current_setting('server_version_num')::integer";
    client.query_one(sql, &[]).await.expect("a number").get(0)
}

/// A store whose sessions have these settings.
async fn store_with(scene: &Scene, settings: &str) -> PostgresStore {
    let url = scene.database.url();
    let joint = if url.contains('?') { '&' } else { '?' };
    let words = settings.split_whitespace();
    let options: Vec<String> = words
        .map(|word| format!("-c%20{}", word.replace('=', "%3D")))
        .collect();
    let url = format!("{url}{joint}options={}", options.join("%20"));
    PostgresStore::connect(&url, by_hand())
        .await
        .expect("migrated")
}

/// Jobs that wait, in the order in which they are to be acquired.
async fn line(scene: &Scene, client: &TestClient) -> Vec<JobId> {
    let empty = "DELETE FROM ready; DELETE FROM scheduled; DELETE FROM lease; DELETE FROM job";
    client
        .batch_execute(empty)
        .await
        .expect("nothing is going on");
    let priorities = [20, 80, 50];
    let jobs: Vec<_> = (0..JOBS).map(|n| job(priorities[n % 3])).collect();
    let submitted = scene.store.submit(&jobs).await.expect("valid");
    // Every tenth came due meanwhile: it goes behind those of its lane that are there.
    let put_off = "WITH due AS (DELETE FROM ready WHERE job_id % 10 = 9 RETURNING *)
                   INSERT INTO scheduled (job_id, due_at, queue_id, attempt, reason, lane, tries, losses)
                   SELECT job_id, now() - make_interval(secs => 1000) + job_id * '1ms'::interval,
                          queue_id, attempt, 'delayed', lane, tries, losses FROM due";
    client
        .batch_execute(put_off)
        .await
        .expect("they were in line");
    let mut line: Vec<_> = submitted
        .iter()
        .map(|answer| answer.job)
        .enumerate()
        .collect();
    line.sort_by_key(|(n, job)| (-priorities[n % 3], job.0 % 10 == 9, *job));
    line.into_iter().map(|(_, job)| job).collect()
}

/// Acquires as [`WANTS`] says, and compares with the line; what is wrong is said.
async fn trial(scene: &Scene, client: &TestClient, settings: &str) -> Result<(), String> {
    scene.set_limit(None).await;
    let line = line(scene, client).await;
    let store = store_with(scene, settings).await;
    let outcome = take_turns(scene, &store, &line).await;
    store.close().await;
    outcome.map_err(|wrong| format!("{wrong}\nunder {settings}"))?;
    // Asked by a session that is left as it is: what auditing costs under them is of no interest.
    let breaches = scene.store.audit().await.expect("audit");
    if breaches.is_empty() {
        Ok(())
    } else {
        Err(format!("the audit found {breaches:?}\nunder {settings}"))
    }
}

async fn take_turns(scene: &Scene, store: &PostgresStore, line: &[JobId]) -> Result<(), String> {
    let mut taken = 0;
    for want in WANTS {
        taken += take(store, scene.queue, want, &line[taken..][..want]).await?;
    }
    // What was proved of the line changes what a statement is given.
    for _ in 0..2 {
        let looked = store.look_at_line(scene.queue).await;
        looked.map_err(|error| format!("a look failed: {error:?}"))?;
    }
    let limit = taken + ROOM;
    scene.set_limit(u32::try_from(limit).ok()).await;
    for want in WANTS.into_iter().chain([1]) {
        let expected = want.min(limit - taken);
        taken += take(store, scene.queue, want, &line[taken..][..expected]).await?;
    }
    Ok(())
}

/// One acquisition, which must give just these; how many they are.
async fn take(
    store: &PostgresStore,
    queue: QueueId,
    want: usize,
    expected: &[JobId],
) -> Result<usize, String> {
    let wanted = u32::try_from(want).expect("small");
    let leases = acquire(store, queue, wanted).await;
    let leases = leases.map_err(|error| format!("acquiring {want} failed: {error:?}"))?;
    let given: Vec<JobId> = leases.iter().map(|lease: &Lease| lease.key.job).collect();
    if given == expected {
        return Ok(expected.len());
    }
    Err(format!(
        "{want} were asked for, {} are next, and {} were given: {given:?} instead of {expected:?}",
        expected.len(),
        given.len(),
    ))
}

/// How often tables of ours were read whole, and how often by an index.
async fn scans(client: &TestClient) -> (i64, i64) {
    let sql = "SELECT pg_stat_clear_snapshot(), sum(seq_scan)::bigint, sum(idx_scan)::bigint
               FROM pg_stat_user_tables WHERE relname IN ('ready', 'scheduled', 'lease', 'queue')";
    let row = client.query_one(sql, &[]).await.expect("statistics");
    (row.get(1), row.get(2))
}

/// Every way of joining and reading, on or off; each with the plan made for its values and with one
/// made for any.
async fn every_plan(is_parallel: bool) {
    let (scene, client) = unprotected().await;
    let version = version(&client).await;
    let (mut by_table, mut by_index) = (false, false);
    let before = scans(&client).await;
    for ways in 0..1 << WAYS.len() {
        for cache in ["force_custom_plan", "force_generic_plan"] {
            let settings = settings(ways, is_parallel, version);
            let settings = format!("{settings}plan_cache_mode={cache}");
            if let Err(wrong) = trial(&scene, &client, &settings).await {
                panic!("{wrong}");
            }
        }
        let now = scans(&client).await;
        by_table |= now.0 > before.0;
        by_index |= now.1 > before.1;
    }
    assert!(
        by_table && by_index,
        "the settings never reached the functions"
    );
    scene.store.close().await;
}

#[tokio::test]
async fn any_plan_acquires_the_first_jobs_once_and_within_the_limit() {
    every_plan(false).await;
}

#[tokio::test]
async fn any_parallel_plan_acquires_the_first_jobs_once_and_within_the_limit() {
    every_plan(true).await;
}

/// A test of the test: the statement that looks right and is not (PROTOCOL, section 3) takes more
/// than was asked for once the planner runs its subselect for each row of a loop.
#[tokio::test]
async fn a_subselect_that_may_run_twice_is_found_out_under_a_nested_loop() {
    let (scene, client) = unprotected().await;
    plant_a_subselect_that_may_run_twice(&client).await;
    let version = version(&client).await;
    let mut kinds = (false, false);
    for ways in 0..1 << WAYS.len() {
        match trial(&scene, &client, &settings(ways, false, version)).await {
            Ok(()) => kinds.0 = true,
            Err(wrong) => {
                // How many depends on the order in which the outer side is read.
                assert!(
                    wrong.contains("1 were asked for, 1 are next, and "),
                    "{wrong}"
                );
                assert!(!wrong.contains("and 0 were given"), "{wrong}");
                assert!(wrong.contains("enable_hashjoin=off"), "{wrong}");
                kinds.1 = true;
            }
        }
    }
    assert_eq!(
        kinds,
        (true, true),
        "right under some plans, wrong under others"
    );
    scene.store.close().await;
}

/// Replaces the array, which runs once, by a plain subselect; and takes away the check of the count,
/// which would turn the wrong answer into an error.
async fn plant_a_subselect_that_may_run_twice(client: &TestClient) {
    let sql = "SELECT pg_get_functiondef('acquire'::regproc)";
    let mut body: String = client
        .query_one(sql, &[])
        .await
        .expect("it is there")
        .get(0);
    for (was, is) in [
        ("ctid = ANY (ARRAY(", "ctid IN ("),
        ("LIMIT room))", "LIMIT room)"),
        ("IF cardinality(job_ids) > room THEN", "IF false THEN"),
    ] {
        assert_eq!(
            body.matches(was).count(),
            1,
            "{was:?} is what the function says"
        );
        body = body.replace(was, is);
    }
    client.batch_execute(&body).await.expect("a function");
}
