//! A database, an engine, and jobs in containers that write down what they do.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore::{JobId, JobSpec, State, Store};
use longshore_core::output::Stream;
use longshore_core::spec::{Mount, MountKind};
use longshore_core::store::OutputRequest;

use crate::scene::Scene;
use crate::support::engine::{self, Engine};
use crate::support::{DEADLINE, Running};

/// The queue that an image goes to by itself.
pub const QUEUE: &str = "default";

/// Writes a line each 20 ms until the gate is open, then some more; ends with 7.
const SCRIPT: &str = r#"
echo "START $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT" >>/witness/witness.log
n=0
while [ ! -e /witness/gate ]; do n=$((n + 1)); echo "line $n"; echo "$n" >/witness/written.$LONGSHORE_JOB_ID; sleep 0.02; done
for i in 1 2 3 4 5; do n=$((n + 1)); echo "line $n"; done
echo "$n" >/witness/written.$LONGSHORE_JOB_ID
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

/// Workers, the engine, and jobs that run there until a gate is open.
pub struct Stage {
    pub scene: Scene,
    pub store: Arc<dyn Store>,
    engine: Engine,
    flags: Vec<String>,
}

impl Stage {
    /// On the tests' engine; none where there is none: then it says which test is skipped.
    pub async fn new(scene: Scene) -> Option<Self> {
        Some(Self::on(scene, engine::or_skip()?).await)
    }

    /// On this engine.
    pub async fn on(scene: Scene, engine: Engine) -> Self {
        let store = scene.store().await;
        let flags = on_engine(&scene, &engine);
        Self {
            scene,
            store,
            engine,
            flags,
        }
    }

    /// A worker that reaches the engine.
    pub fn worker(&self, more: &[&str]) -> Running {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.scene.worker(QUEUE, &[&flags[..], more].concat())
    }

    /// A job that runs until the gate is open.
    pub fn job(&self) -> JobSpec {
        job(&self.scene, &self.engine)
    }

    /// A job that runs and has written something that is stored.
    pub async fn running_job(&self) -> JobId {
        let job = self.scene.submit(&*self.store, self.job()).await;
        self.scene
            .reached(&*self.store, job, |state| state == State::Running)
            .await;
        let begun = Instant::now();
        while self.stdout(job).await.is_empty() {
            assert!(begun.elapsed() < DEADLINE, "it wrote nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        job
    }

    /// What it wrote to standard output, as it is stored.
    pub async fn stdout(&self, job: JobId) -> String {
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
    pub fn docker(&self, args: &[&str]) -> String {
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
    pub async fn running_containers(&self) -> Vec<String> {
        let instance = self.store.instance().await.expect("the store answers");
        let filter = format!("name=longshore-{instance}-");
        let said = self.docker(&["ps", "-q", "--filter", &filter]);
        said.lines().map(str::to_owned).collect()
    }

    /// A container of another database, which runs.
    pub async fn foreign_container(&self) -> String {
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
    pub async fn until_its_output_goes_on(&self, job: JobId) {
        let before = self.stdout(job).await.len();
        let begun = Instant::now();
        while self.stdout(job).await.len() <= before {
            assert!(begun.elapsed() < DEADLINE, "nobody took it over");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// It ran once, as one attempt, and all that it wrote is stored, in order and once.
    pub async fn assert_it_ran_once(&self, job: JobId) {
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
        for mark in ["START", "END"] {
            let marks = self.scene.count(&format!("{mark} {job} "));
            assert_eq!(marks, 1, "job {job}: {:?}", self.scene.lines());
        }
        let written = self.scene.home.path().join(format!("written.{job}"));
        let written = std::fs::read_to_string(written);
        let written: u32 = written.expect("it wrote").trim().parse().expect("a number");
        let mut all = String::new();
        for n in 1..=written {
            writeln!(all, "line {n}").expect("writing to a string succeeds");
        }
        assert_eq!(self.stdout(job).await, all);
    }

    /// Ends the workers, which must end well, and looks at the tables.
    pub async fn conclude(self, mut workers: Vec<Running>) {
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
