//! The twin of `test_concurrent_launch_batch_operations` whose limit changes: eight workers over a
//! recorded store while somebody lowers and raises the limit, judged by the whole checker.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore::{Executor, GracefulShutdown, JobId, QueueManager, Store, WorkerConfig};
use longshore_core::QueueId;
use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_history::{self as history, Exercise, Expectation, Verdict};
use longshore_testkit::judged::{Judged, conclude};
use longshore_testkit::recording::{Journal, Recording};
use longshore_testkit::scripted::{Gate, Script, ScriptedExecutor};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ledger;
use crate::scene::Scene;
use crate::stored;
use crate::workplace::{PATIENCE, QUEUE, job, make_queue, submit};

on_both_stores!(a_limit_that_is_lowered_and_raised_under_load_is_never_passed);

const JOBS: usize = 150;
const WORKERS: usize = 8;
/// The greatest of the limits, and the first.
const GREATEST: u32 = 4;

async fn a_limit_that_is_lowered_and_raised_under_load_is_never_passed(scene: Scene) {
    let journal = Arc::new(Journal::in_memory());
    let own = recorded(&scene, &journal).await;
    own.note_queues().await.expect("the store answers");
    let store: Arc<dyn Store> = Arc::new(own.clone());
    make_queue(&*store, Some(GREATEST)).await;
    let queue = store.queue(QUEUE).await.expect("it was made").id;
    // One by one: so it is certain which was queued first.
    let mut jobs = Vec::new();
    for _ in 0..JOBS {
        jobs.extend(submit(&*store, [job(50)]).await);
    }
    let gate = Arc::new(Mutex::new(Gate::closed()));
    let executor = ScriptedExecutor::scripted({
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = gate.lock().expect("nobody panics with it").clone();
            Script::exits(0)
                .lasting(Duration::from_millis(4))
                .ends_behind(gate)
        }
    })
    .witnessed_by(Arc::clone(&journal));
    let mut managers = Vec::new();
    let mut tasks = JoinSet::new();
    for _ in 0..WORKERS {
        let handle: Arc<dyn Store> = Arc::new(recorded(&scene, &journal).await);
        let executors: Vec<Arc<dyn Executor>> = vec![Arc::new(executor.clone())];
        let manager = QueueManager::new(handle, executors, WorkerConfig::default());
        let manager = Arc::new(manager.expect("the defaults are accepted"));
        managers.push(Arc::clone(&manager));
        tasks.spawn(async move {
            let shutdown = GracefulShutdown::new();
            let processed = manager.process_queue(QUEUE, 100, &shutdown).await;
            assert_eq!(processed.expect("no call fails").errors, []);
        });
    }
    let changes = change_the_limit(&*store, &executor, &gate);
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no panic");
        }
    };
    let ((), ()) = timeout(2 * PATIENCE, async { tokio::join!(all, changes) })
        .await
        .expect("the line is emptied");
    for manager in &managers {
        manager.close().await;
    }
    own.look_at_rest(true).await.expect("a look");
    let expectation = expectation(&*store, queue, &jobs).await;
    let verdict = history::check(&journal.read_back().expect("whole lines"), &expectation);
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    conclude(&judgement(&verdict).and(|| at_rest));
}

async fn recorded(scene: &Scene, journal: &Arc<Journal>) -> Recording {
    Recording::new(scene.store().await, Arc::clone(journal))
}

/// Lowers and raises it, each time once as many jobs have started since as show that it holds; and ends
/// with the greatest, until everything has started.
///
/// What starts under a limit ends only once as many are live as it allows: on a machine where a launch
/// takes longer than a job, none of them would ever be reached else.
async fn change_the_limit(store: &dyn Store, executor: &ScriptedExecutor, gate: &Mutex<Gate>) {
    let mut started = 0;
    for limit in [4, 1, 3, 2, 4, 1, 2, 4] {
        let reached = Gate::closed();
        let before = std::mem::replace(&mut *gate.lock().expect("nobody panics"), reached.clone());
        before.open();
        let change = QueueChange {
            max_concurrent: Some(Some(Limit(limit))),
            ..QueueChange::default()
        };
        store
            .change_queue(QUEUE, &change)
            .await
            .expect("it is there");
        let full = |executor: &ScriptedExecutor| executor.live().len() >= limit as usize;
        executor.wait_until(full).await;
        reached.open();
        started += JOBS / 10;
        let enough = |executor: &ScriptedExecutor| executor.starts().len() >= started;
        executor.wait_until(enough).await;
    }
}

/// Each job once, the limit as the recorded changes say, and that all of it was put to the test.
async fn expectation(store: &dyn Store, queue: QueueId, jobs: &[JobId]) -> Expectation {
    let details = ledger::read(store, jobs).await;
    let ids = jobs.iter().map(|job| history::JobId(job.0));
    let limit = history::Limit {
        name: format!("queue {QUEUE}"),
        max: GREATEST,
        jobs: ids.clone().collect(),
        must_reach: true,
        queue: Some(history::QueueId(queue.0)),
    };
    let must = Exercise {
        contention: true,
        limit_changes: true,
        waiting_lines: true,
        rest: true,
        ..Exercise::default()
    };
    Expectation::each_once(ids)
        .with_limit(limit)
        .with_stored(details.iter().map(stored::stored))
        .exercising(must)
        .of_whole_store()
}

pub fn judgement(verdict: &Verdict) -> Judged {
    match verdict {
        Verdict::Passed { .. } => Judged::Passed,
        Verdict::Violated { violation, .. } => {
            Judged::violated(&violation.promise.to_string(), verdict.to_string())
        }
        Verdict::Unknown { .. } => Judged::unknown(verdict.to_string()),
    }
}
