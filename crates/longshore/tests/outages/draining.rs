//! A drain while the database is away: it ends in its time, and says what became of everything.

use std::time::{Duration, Instant};

use longshore_testkit::proxy::{Direction, Which};

use crate::network::Away;
use crate::trial::{LIMIT, Trial, assert_accounted};

/// What a drain takes at most: its grace time, the stop grace of the jobs, and 25 s; twice that.
const AT_MOST: Duration = Duration::from_secs(2 * (1 + 10 + 25));

const PACE: &[&str] = &["--poll-interval", "200ms", "--heartbeat", "1s"];
const GRACE: &[&str] = &["--shutdown-timeout", "1s"];

async fn running(away: &Away) -> Trial {
    let mut trial = away.trial().await;
    trial.start_worker(&away.address, &[PACE, GRACE].concat());
    trial.running().await;
    trial
}

/// Ends the worker while its jobs run and the database stays away.
async fn drain(mut trial: Trial, away: &Away) {
    let begun = Instant::now();
    let ended = trial.end_workers().await;
    let took = begun.elapsed();
    assert!(took < AT_MOST, "{took:?}");
    for ran in ended {
        assert_eq!(ran.code, 0, "{}", ran.report());
        assert_accounted(&ran.stderr);
        let last = ran.stderr.lines().last().unwrap_or_default();
        assert!(last.contains("3 left to recovery"), "{}", ran.report());
    }
    away.proxy.resume();
    let audited = audit(&trial).await;
    assert_eq!(audited, Vec::<String>::new());
    assert_eq!(trial.marks("START"), LIMIT as usize, "nothing was started");
    assert_eq!(trial.marks("END"), 0, "they were stopped");
}

async fn audit(trial: &Trial) -> Vec<String> {
    let store = trial.store().await;
    let audited = store.audit().await.expect("the audit runs");
    store.close().await;
    audited
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_in_its_time_though_the_database_takes_no_connection() {
    let away = Away::new().await;
    let trial = running(&away).await;
    away.proxy.refuse();
    drain(trial, &away).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_in_its_time_though_every_connection_hangs() {
    let away = Away::new().await;
    let trial = running(&away).await;
    let both = [Direction::ToServer, Direction::ToClient];
    away.proxy.stall(&both, Which::All);
    drain(trial, &away).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_tells_the_ends_of_its_jobs_once_the_database_is_back() {
    let away = Away::new().await;
    let mut trial = away.trial().await;
    // Its jobs end by themselves, long before the grace time does.
    trial.start_worker(
        &away.address,
        &[PACE, &["--shutdown-timeout", "1m"]].concat(),
    );
    trial.running().await;
    away.proxy.refuse();
    let ending = trial.begin_end_of_workers();
    trial.end_of_first().await;
    away.proxy.resume();
    for ran in ending.await.expect("they end") {
        assert_eq!(ran.code, 0, "{}", ran.report());
        assert_accounted(&ran.stderr);
        let last = ran.stderr.lines().last().unwrap_or_default();
        let all = format!(
            "drained after {}",
            last.split("after ").nth(1).unwrap_or_default()
        );
        assert!(
            last.contains(&all) && !last.contains("left to recovery"),
            "{last}"
        );
    }
    // Others do the rest; what was told is not done again.
    trial.start_workers(&away.address);
    trial.passes().await;
}
