//! Containers go on without their worker: another finds and continues them.

use std::fmt::Write as _;

use longshore::{JobId, JobSpec, State, Store};
use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::disposition::Disposition;
use longshore_core::output::Stream;
use longshore_core::spec::{Mount, MountKind};
use longshore_core::state::TerminalState;
use longshore_core::store::{Finish, FinishOutcome, LeaseKey, OutputRequest};

use crate::scene::{Scene, on_both_databases};
use crate::support::engine::{self, Engine};

on_both_databases!(
    a_container_whose_worker_was_killed_goes_on_under_another,
    a_container_that_ended_meanwhile_is_harvested,
    a_container_is_handed_over_alive_at_a_shutdown,
    a_worker_that_stalled_past_its_lease_changes_nothing,
    a_container_that_no_lease_stands_for_is_stopped,
);

const QUEUE: &str = "default";

/// Writes a line each 20 ms until the gate is open, then some more; ends with 7.
const SCRIPT: &str = r#"
echo "START $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT" >>/witness/witness.log
n=0
while [ ! -e /witness/gate ]; do n=$((n + 1)); echo "line $n"; echo "$n" >/witness/written; sleep 0.02; done
for i in 1 2 3 4 5; do n=$((n + 1)); echo "line $n"; done
echo "$n" >/witness/written
echo "END $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT" >>/witness/witness.log
exit 7
"#;

fn job(scene: &Scene, engine: &Engine) -> JobSpec {
    let folder = scene
        .home
        .path()
        .to_str()
        .expect("temporary paths are UTF-8");
    JobSpec {
        image: Some(engine.image.clone()),
        mounts: vec![Mount {
            kind: MountKind::Bind,
            source: Some(folder.to_owned()),
            target: "/witness".to_owned(),
            read_only: false,
        }],
        ..JobSpec::process(["sh", "-c", SCRIPT])
    }
}

/// The flags of a worker that reaches the engine.
fn on_engine(scene: &Scene, engine: &Engine) -> Vec<String> {
    let folder = scene
        .home
        .path()
        .to_str()
        .expect("temporary paths are UTF-8");
    let config = format!("[docker]\nbinds = [{folder:?}]\n");
    let config = scene.home.file("engine.toml", &config);
    ["--config", &config, "--docker-host", &engine.address]
        .map(str::to_owned)
        .to_vec()
}

struct Stage {
    scene: Scene,
    store: std::sync::Arc<dyn Store>,
    engine: Engine,
    flags: Vec<String>,
}

impl Stage {
    async fn new(scene: Scene) -> Option<Self> {
        let engine = engine::or_skip()?;
        let store = scene.store().await;
        let flags = on_engine(&scene, &engine);
        Some(Self {
            scene,
            store,
            engine,
            flags,
        })
    }

    fn worker(&self, more: &[&str]) -> crate::support::Running {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.scene.worker(QUEUE, &[&flags[..], more].concat())
    }

    /// A job that runs and has written something that is stored.
    async fn running_job(&self) -> JobId {
        let spec = job(&self.scene, &self.engine);
        let job = self.scene.submit(&*self.store, spec).await;
        self.scene
            .reached(&*self.store, job, |state| state == State::Running)
            .await;
        let begun = std::time::Instant::now();
        while self.stdout(job).await.is_empty() {
            assert!(
                begun.elapsed() < crate::support::DEADLINE,
                "it wrote nothing"
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        job
    }

    async fn stdout(&self, job: JobId) -> String {
        let mut after = None;
        let mut bytes = Vec::new();
        loop {
            let request = OutputRequest {
                job,
                attempt: None,
                after,
                max_bytes: 1 << 20,
            };
            let page = self.store.read_output(request).await.expect("output");
            let Some(last) = page.chunks.last() else {
                return String::from_utf8(bytes).expect("it writes text");
            };
            after = Some(last.cursor);
            for chunk in &page.chunks {
                if chunk.stream == Stream::Stdout {
                    assert_eq!(chunk.position, bytes.len() as u64, "no hole, no repeat");
                    bytes.extend_from_slice(&chunk.bytes);
                }
            }
        }
    }

    /// What `docker` says.
    fn docker(&self, args: &[&str]) -> String {
        let mut docker = std::process::Command::new("docker");
        let ran = docker
            .arg("--host")
            .arg(&self.engine.address)
            .args(args)
            .output();
        let ran = ran.expect("there is a docker");
        assert!(ran.status.success(), "{args:?}: {ran:?}");
        String::from_utf8(ran.stdout)
            .expect("it speaks text")
            .trim()
            .to_owned()
    }

    /// The containers of this database that run.
    async fn running_containers(&self) -> Vec<String> {
        let instance = self.store.instance().await.expect("the store answers");
        let filter = format!("name=longshore-{instance}-");
        let said = self.docker(&["ps", "-q", "--filter", &filter]);
        said.lines().map(str::to_owned).collect()
    }

    /// A container of another database, which runs.
    async fn foreign_container(&self) -> String {
        let instance = self.store.instance().await.expect("the store answers");
        let other: String = instance.0.chars().rev().collect();
        let name = format!("longshore-{other}-1-1");
        let sleeps = ["sleep", "600"];
        let run = [
            "run",
            "-d",
            "--network",
            "none",
            "--name",
            &name,
            &self.engine.image,
        ];
        self.docker(&[&run[..], &sleeps].concat())
    }

    /// Waits until more of it is stored than by now: somebody has taken it over.
    async fn until_its_output_goes_on(&self, job: JobId) {
        let before = self.stdout(job).await.len();
        let begun = std::time::Instant::now();
        while self.stdout(job).await.len() <= before {
            assert!(
                begun.elapsed() < crate::support::DEADLINE,
                "nobody took it over"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// It ran once, as one attempt, and all that it wrote is stored, in order and once.
    async fn assert_it_ran_once(&self, job: JobId) {
        let detail = self.scene.ended(&*self.store, job).await;
        assert_eq!(detail.summary.state, State::Failed);
        let last = detail.attempts_made.last().expect("an attempt");
        let record = format!("{detail:#?}");
        assert_eq!(detail.attempts_made.len(), 1, "{record}");
        assert_eq!(
            last.record.as_ref().and_then(|record| record.exit?.code),
            Some(7),
            "{record}"
        );
        assert_eq!(self.scene.count("START"), 1, "{:?}", self.scene.lines());
        assert_eq!(self.scene.count("END"), 1);
        let written = std::fs::read_to_string(self.scene.home.path().join("written"));
        let written: u32 = written.expect("it wrote").trim().parse().expect("a number");
        let mut all = String::new();
        for n in 1..=written {
            writeln!(all, "line {n}").expect("writing to a string succeeds");
        }
        assert_eq!(self.stdout(job).await, all);
    }

    async fn conclude(self, mut workers: Vec<crate::support::Running>) {
        for worker in &workers {
            worker.signal("TERM");
        }
        for worker in workers.drain(..) {
            let ran = worker.finish();
            assert_eq!(ran.code, 0, "{}", ran.report());
        }
        self.scene.conclude(&*self.store).await;
    }
}

async fn a_container_whose_worker_was_killed_goes_on_under_another(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    first.signal("KILL");
    first.finish();
    let second = stage.worker(&[]);
    stage.until_its_output_goes_on(job).await;
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn a_container_that_ended_meanwhile_is_harvested(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    first.signal("KILL");
    first.finish();
    stage.scene.open_the_gate();
    stage
        .scene
        .until("it ends", |scene| scene.count("END") == 1)
        .await;
    let second = stage.worker(&[]);
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn a_container_is_handed_over_alive_at_a_shutdown(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&["--shutdown-timeout", "0s"]);
    let job = stage.running_job().await;
    first.signal("TERM");
    let ran = first.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    assert!(ran.stderr.contains("1 left running"), "{}", ran.report());
    let second = stage.worker(&[]);
    stage.until_its_output_goes_on(job).await;
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn a_worker_that_stalled_past_its_lease_changes_nothing(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let mut first = stage.worker(&[]);
    let mut said = first.stderr_lines();
    let job = stage.running_job().await;
    stage.scene.stall(&first).await;
    let second = stage.worker(&[]);
    stage.until_its_output_goes_on(job).await;
    first.signal("CONT");
    let told = tokio::task::spawn_blocking(move || {
        said.wait_for("fenced");
        said
    });
    let _said = told.await.expect("it says so");
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![first, second]).await;
}

/// Its lease is ended behind its back, as by a word that its host is gone; then its host is reached again.
async fn a_container_that_no_lease_stands_for_is_stopped(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    first.signal("KILL");
    first.finish();
    let detail = stage.store.show_job(job).await.expect("the store answers");
    let attempt = detail.attempts_made.last().expect("it runs");
    let lease = LeaseKey {
        job,
        attempt: attempt.attempt,
        token: attempt.token,
    };
    let finish = Finish {
        lease,
        record: AttemptRecord::of(Outcome::HostLost),
        then: Disposition::Settle(TerminalState::Failed),
    };
    let ended = stage
        .store
        .finish(&[finish])
        .await
        .expect("the store answers");
    assert_eq!(ended, [FinishOutcome::Finished]);
    assert_eq!(
        stage.running_containers().await.len(),
        1,
        "it runs, and nobody minds it"
    );
    let foreign = stage.foreign_container().await;

    let second = stage.worker(&[]);
    let begun = std::time::Instant::now();
    while !stage.running_containers().await.is_empty() {
        assert!(begun.elapsed() < crate::support::DEADLINE, "it goes on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(stage.scene.count("END"), 0);
    assert!(stage.docker(&["ps", "-q", "--no-trunc"]).contains(&foreign));
    stage.docker(&["rm", "-f", &foreign]);
    stage.conclude(vec![second]).await;
}
