//! All workers are replaced, one after the other, while jobs run and wait: no container notices.

use std::collections::BTreeSet;

use longshore::{JobId, JobSpec, State};
use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;

use crate::scene::{Scene, on_both_databases};
use crate::stage::{QUEUE, Stage};
use crate::support::Running;

on_both_databases!(a_rolling_restart_under_load_leaves_no_gap);

const WORKERS: usize = 3;
/// Those that run all the time, and so many at once in all.
const LONG: usize = 3;
const LIMIT: u32 = 5;
/// Those that come and go beside them.
const SHORT: usize = 10;

const BRIEF: &str = r#"
echo "START $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT" >>/witness/witness.log
sleep 0.2
echo "END $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT" >>/witness/witness.log
"#;

async fn a_rolling_restart_under_load_leaves_no_gap(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let change = QueueChange {
        max_concurrent: Some(Some(Limit(LIMIT))),
        ..QueueChange::default()
    };
    let changed = stage.store.change_queue(QUEUE, &change).await;
    changed.expect("it is there from the first");
    let start = || stage.worker(&["--shutdown-timeout", "0s", "--max-concurrent", "4"]);
    let mut workers: Vec<Running> = (0..WORKERS).map(|_| start()).collect();
    let mut long = Vec::new();
    for _ in 0..LONG {
        long.push(stage.running_job().await);
    }
    let before = stage.running_containers().await;
    assert_eq!(before.len(), LONG);
    let mut short = Vec::new();
    for _ in 0..SHORT {
        let spec = JobSpec {
            command: ["sh", "-c", BRIEF].map(str::to_owned).to_vec(),
            ..stage.job()
        };
        short.push(stage.scene.submit(&*stage.store, spec).await);
    }

    let mut left = 0;
    for old in std::mem::take(&mut workers) {
        workers.push(start());
        old.signal("TERM");
        let ran = tokio::task::spawn_blocking(move || old.finish());
        let ran = ran.await.expect("it ends");
        assert_eq!(ran.code, 0, "{}", ran.report());
        left += usize::from(ran.stderr.contains(" left running"));
        // The same containers, by their ids: none was started in another's place.
        assert_all_run(&stage, &before).await;
        for job in &long {
            stage.until_its_output_goes_on(*job).await;
        }
        assert_all_run(&stage, &before).await;
    }
    assert!(left > 0, "no worker had anything to hand over");

    for job in &short {
        let detail = stage.scene.ended(&*stage.store, *job).await;
        assert_eq!(detail.summary.state, State::Completed, "{detail:#?}");
        // One that was on its way when its worker left goes back to its line: nothing of it had run.
        let (last, before) = detail.attempts_made.split_last().expect("it ran");
        let outcomes = before.iter().map(|attempt| attempt.record.as_ref());
        let handed_back = |record: Option<&AttemptRecord>| {
            record.is_some_and(|record| record.outcome == Outcome::HandedBack && !record.started)
        };
        assert!(outcomes.into_iter().all(handed_back), "{detail:#?}");
        let outcome = last.record.as_ref().map(|record| record.outcome);
        assert_eq!(outcome, Some(Outcome::Exited), "{detail:#?}");
    }
    stage.scene.open_the_gate();
    for job in &long {
        stage.assert_it_ran_once(*job).await;
    }
    assert_each_ran_once(&stage, &short);
    stage.conclude(workers).await;
}

async fn assert_all_run(stage: &Stage, before: &[String]) {
    let now: BTreeSet<String> = stage.running_containers().await.into_iter().collect();
    let gone: Vec<_> = before.iter().filter(|id| !now.contains(*id)).collect();
    assert!(gone.is_empty(), "{gone:?} do not run any more");
}

fn assert_each_ran_once(stage: &Stage, jobs: &[JobId]) {
    for job in jobs {
        for mark in ["START", "END"] {
            let marks = stage.scene.count(&format!("{mark} {job} "));
            assert_eq!(marks, 1, "job {job}: {:?}", stage.scene.lines());
        }
    }
}
