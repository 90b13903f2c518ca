//! What a job costs the server on its way: records of its log for each, counted, not timed. A bound is what
//! the statement needs, and a half for what it writes once for all of its jobs.

mod scene;

use longshore_core::store::Lease;
use longshore_postgres::testing::TestClient;
use scene::{Scene, scene};
use tokio_postgres::types::ToSql;

/// Jobs of one statement.
const JOBS: usize = 256;

/// Runs a statement of the product, and says how many records of the log it wrote for each job.
async fn records_per_job(client: &TestClient, sql: &str, params: &[&(dyn ToSql + Sync)]) -> f64 {
    let explain = format!("EXPLAIN (ANALYZE, WAL, FORMAT JSON) {sql}");
    let row = client.query_one(&explain, params).await.expect("a plan");
    let plan: serde_json::Value = row.get(0);
    let records = u32::try_from(records(&plan[0]["Plan"])).expect("not that many");
    f64::from(records) / f64::from(u32::try_from(JOBS).expect("a few"))
}

/// Of those parts of a plan that write, none of which has another within: a function, or the changes of a
/// statement, of which those that nobody reads run when the rest is done.
fn records(plan: &serde_json::Value) -> u64 {
    match plan["Node Type"].as_str() {
        Some("Function Scan" | "ModifyTable") => {
            plan["WAL Records"].as_u64().expect("the log is counted")
        }
        _ => (plan["Plans"].as_array().into_iter().flatten())
            .map(records)
            .sum(),
    }
}

async fn with_leases() -> (Scene, TestClient, Vec<Lease>) {
    let scene = scene(None).await;
    scene.submit(JOBS).await;
    let leases = scene.acquire(u32::try_from(JOBS).expect("a few")).await;
    assert_eq!(leases.len(), JOBS);
    let client = scene.database.client().await;
    (scene, client, leases)
}

#[tokio::test]
async fn an_acquisition_writes_a_lock_a_job_out_of_the_line_and_a_lease_with_two_entries() {
    let scene = scene(None).await;
    scene.submit(JOBS).await;
    let client = scene.database.client().await;
    let want = i32::try_from(JOBS).expect("a few");
    let call = include_str!("../sql/acquire.sql");
    let (cap, server) = (None::<i32>, None::<std::time::SystemTime>);
    let (epoch, slots, above) = (None::<i64>, None::<Vec<i64>>, None::<i64>);
    let (lanes, seqs, next) = (vec![0_i16], vec![-1_i64], vec![202_i16]);
    let params: &[&(dyn ToSql + Sync)] = &[
        &scene.queue.0,
        &want,
        &scene.worker.0,
        &1_i64,
        &cap,
        &server,
        &epoch,
        &slots,
        &above,
        &lanes,
        &seqs,
        &next,
    ];
    let records = records_per_job(&client, call, params).await;
    assert!((5.0..5.5).contains(&records), "{records}");
}

#[tokio::test]
async fn an_end_writes_a_lease_away_an_attempt_with_one_entry_and_a_place_with_two() {
    let (_scene, client, leases) = with_leases().await;
    let jobs: Vec<i64> = leases.iter().map(|lease| lease.key.job.0).collect();
    let attempts: Vec<i32> = leases.iter().map(|lease| lease.key.attempt.0).collect();
    let tokens: Vec<i64> = leases.iter().map(|lease| lease.key.token.0).collect();
    let outcomes = vec!["exited"; JOBS];
    let (started, oom_killed) = (vec![true; JOBS], vec![false; JOBS]);
    let exit_codes = vec![0_i32; JOBS];
    let states = vec!["completed"; JOBS];
    let (small, text, long) = (None::<Vec<i16>>, None::<Vec<&str>>, None::<Vec<i64>>);
    let params: &[&(dyn ToSql + Sync)] = &[
        &jobs,
        &attempts,
        &tokens,
        &outcomes,
        &started,
        &exit_codes,
        &small,
        &oom_killed,
        &text,
        &text,
        &long,
        &long,
        &long,
        &long,
        &text,
        &states,
    ];
    let sql = include_str!("../sql/finish_settled.sql");
    let records = records_per_job(&client, sql, params).await;
    assert!((6.0..6.5).contains(&records), "{records}");
}
