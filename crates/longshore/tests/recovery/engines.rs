//! What becomes of jobs whose engine dies, hangs, can't be reached or starts anew with its host, under a
//! real worker: what nobody knows has not failed, and what the engine did to a job is not its own end.

use longshore::{JobId, State};
use longshore_core::attempt::Outcome;
use longshore_core::store::JobDetail;
use longshore_testkit::servers;

use crate::scene::{Scene, on_both_databases};
use crate::stage::Stage;
use crate::support::engine::{self, Engine};

on_both_databases!(
    a_job_whose_host_was_rebooted_runs_again_uncounted,
    a_job_whose_engine_was_killed_under_its_worker_runs_again_uncounted,
    a_job_goes_on_while_nobody_can_reach_its_engine,
    a_job_goes_on_while_its_engine_hangs,
);

/// A stage on an engine of its own.
async fn on_own_engine(scene: Scene) -> Option<(Stage, servers::Engine)> {
    let shared = engine::or_skip()?;
    let own = servers::Engine::start(&shared.address, &shared.image, "").await?;
    let engine = Engine {
        address: own.address(),
        image: shared.image,
    };
    Some((Stage::on(scene, engine).await, own))
}

/// What the engine or the host did to the first attempt is recorded as that, and as no end of the job's;
/// the second ended by itself.
async fn assert_it_ran_again(stage: &Stage, job: JobId) {
    let detail: JobDetail = stage.scene.ended(&*stage.store, job).await;
    // Its own code, which is no success.
    assert_eq!(detail.summary.state, State::Failed, "{detail:#?}");
    assert_eq!(detail.summary.exit_code, Some(7), "{detail:#?}");
    let records = detail.attempts_made.iter();
    let records: Vec<_> = records
        .filter_map(|attempt| attempt.record.as_ref())
        .collect();
    let [first, second] = records[..] else {
        panic!("two attempts were to be made: {detail:#?}");
    };
    assert!(
        matches!(first.outcome, Outcome::HostLost | Outcome::Vanished),
        "{first:#?}"
    );
    assert_eq!(first.exit, None, "{first:#?}");
    assert_eq!(second.outcome, Outcome::Exited, "{second:#?}");
    let marks = |mark: &str| stage.scene.count(&format!("{mark} {job} "));
    assert_eq!((marks("START"), marks("END")), (2, 1));
}

async fn a_job_whose_host_was_rebooted_runs_again_uncounted(scene: Scene) {
    let Some((stage, mut engine)) = on_own_engine(scene).await else {
        return;
    };
    let worker = stage.worker(&[]);
    let job = stage.running_job().await;
    // The worker was on that host, too.
    worker.signal("KILL");
    worker.finish();
    engine.reboot().await;
    assert_eq!(stage.scene.count("END"), 0);
    stage.scene.open_the_gate();
    let worker = stage.worker(&[]);
    assert_it_ran_again(&stage, job).await;
    stage.conclude(vec![worker]).await;
}

async fn a_job_whose_engine_was_killed_under_its_worker_runs_again_uncounted(scene: Scene) {
    let Some((stage, engine)) = on_own_engine(scene).await else {
        return;
    };
    let worker = stage.worker(&[]);
    let job = stage.running_job().await;
    engine.end_by("KILL").await;
    // Its start ends what ran, and says 137 or 255 of it.
    engine.start_again().await;
    assert_eq!(stage.scene.count("END"), 0);
    stage.scene.open_the_gate();
    assert_it_ran_again(&stage, job).await;
    stage.conclude(vec![worker]).await;
}

/// It ends by itself while its engine is away.
async fn ends_meanwhile(stage: &Stage) {
    stage.scene.open_the_gate();
    stage
        .scene
        .until("it ends", |scene| scene.count("END") == 1)
        .await;
}

async fn a_job_goes_on_while_nobody_can_reach_its_engine(scene: Scene) {
    let Some((stage, engine)) = on_own_engine(scene).await else {
        return;
    };
    let worker = stage.worker(&[]);
    let job = stage.running_job().await;
    engine.hide_socket();
    ends_meanwhile(&stage).await;
    engine.show_socket();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![worker]).await;
}

async fn a_job_goes_on_while_its_engine_hangs(scene: Scene) {
    let Some((stage, engine)) = on_own_engine(scene).await else {
        return;
    };
    let worker = stage.worker(&[]);
    let job = stage.running_job().await;
    engine.signal("STOP");
    // Its daemon sleeps; what watches over the container itself does not.
    ends_meanwhile(&stage).await;
    engine.signal("CONT");
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![worker]).await;
}
