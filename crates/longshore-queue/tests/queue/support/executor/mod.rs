//! An executor that does what a test's scripts say, and witnesses what ran when.

mod verbs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use longshore_core::attempt::Exit;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Capability, ExecutorError, Handle, LaunchRequest, Phase,
};
use longshore_core::output::Stream;
use longshore_core::usage::Sample;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Journal;

/// What the containers of one job do.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fault of its own, off unless named"
)]
#[derive(Clone)]
pub struct Script {
    /// How long they run; none is for ever.
    pub runs_for: Option<Duration>,
    pub exit: Exit,
    /// What they write: after a pause, on a stream.
    pub writes: Vec<(Duration, Stream, Vec<u8>)>,
    /// Errors of the first creates.
    pub ensure_errors: Vec<ErrorClass>,
    pub ensure_takes: Duration,
    /// The first create finds a container of a higher token.
    pub superseded: bool,
    /// The first create finds the attempt's container from an earlier token, in this phase.
    pub finds: Option<Phase>,
    /// The first start is answered with an error…
    pub start_error: Option<ErrorClass>,
    /// … although the container runs.
    pub starts_all_the_same: bool,
    pub ignores_term: bool,
    /// The output stream panics: a defect, as seen from a supervising task.
    pub panics: bool,
    /// The watch breaks after this time.
    pub watch_breaks_after: Option<Duration>,
    /// The first stops are answered with an error.
    pub stop_errors: u32,
    /// The first removals are answered with an error that passes.
    pub forget_errors: u32,
    /// Its end is never told to those who watch.
    pub end_is_never_told: bool,
    /// Its output stays open after its end.
    pub output_stays_open: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            runs_for: Some(Duration::ZERO),
            exit: Exit::with_code(0),
            writes: Vec::new(),
            ensure_errors: Vec::new(),
            ensure_takes: Duration::ZERO,
            superseded: false,
            finds: None,
            start_error: None,
            starts_all_the_same: false,
            ignores_term: false,
            panics: false,
            watch_breaks_after: None,
            stop_errors: 0,
            forget_errors: 0,
            end_is_never_told: false,
            output_stays_open: false,
        }
    }
}

impl Script {
    pub fn runs_for(time: Duration) -> Self {
        Self {
            runs_for: Some(time),
            ..Self::default()
        }
    }

    pub fn runs_for_ever() -> Self {
        Self {
            runs_for: None,
            ..Self::default()
        }
    }

    pub fn exits(code: i32) -> Self {
        Self {
            exit: Exit::with_code(code),
            ..Self::default()
        }
    }
}

pub struct ScriptedExecutor {
    inner: Arc<Mutex<Inner>>,
    pub journal: Journal,
    capabilities: Capabilities,
    host: String,
    kind: &'static str,
}

#[derive(Default)]
struct Inner {
    scripts: BTreeMap<i64, Script>,
    containers: BTreeMap<Handle, Arc<Container>>,
    live: usize,
    most_live: usize,
    starts: BTreeMap<i64, u32>,
    env: BTreeMap<i64, BTreeMap<String, String>>,
    doubled: Vec<i64>,
    /// Listings are answered with an error.
    blind: bool,
    /// Nobody answers when the host is asked for.
    silent: bool,
    /// The host takes a minute over any question about itself.
    hung: bool,
    /// What every container uses.
    sample: Sample,
}

struct Container {
    request: LaunchRequest,
    script: Script,
    phase: Mutex<Phase>,
    exit: watch::Sender<Option<Exit>>,
    written: watch::Sender<usize>,
}

impl ScriptedExecutor {
    pub fn new(journal: Journal) -> Self {
        Self {
            inner: Arc::default(),
            journal,
            capabilities: Capabilities::of([Capability::Commands, Capability::MemoryLimit]),
            host: "host-1".to_owned(),
            kind: "scripted",
        }
    }

    /// One of another kind, on a host of that name.
    pub fn of_kind(journal: Journal, kind: &'static str) -> Self {
        Self {
            kind,
            ..Self::on(journal, kind)
        }
    }

    /// One on a host of this name.
    pub fn on(journal: Journal, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..Self::new(journal)
        }
    }

    /// One whose containers go on when the worker dies.
    pub fn surviving(journal: Journal) -> Self {
        Self {
            capabilities: Capabilities::of([Capability::Commands, Capability::SurvivesWorker]),
            ..Self::new(journal)
        }
    }

    /// One whose jobs are code of the worker's own process.
    pub fn in_process(journal: Journal) -> Self {
        Self {
            capabilities: Capabilities::of([Capability::Commands, Capability::InProcess]),
            ..Self::new(journal)
        }
    }

    pub fn script(&self, job: i64, script: Script) {
        self.lock().scripts.insert(job, script);
    }

    /// From now on it can list its containers, or can't.
    pub fn set_blind(&self, blind: bool) {
        self.lock().blind = blind;
    }

    /// From now on each of its containers uses this.
    pub fn set_sample(&self, sample: Sample) {
        self.lock().sample = sample;
    }

    /// From now on its host answers, or does not.
    pub fn set_silent(&self, silent: bool) {
        self.lock().silent = silent;
    }

    /// From now on its host takes a minute over any question about itself, or does not.
    pub fn set_hung(&self, hung: bool) {
        self.lock().hung = hung;
    }

    /// How many containers run.
    pub fn live(&self) -> usize {
        self.lock().live
    }

    /// The most that ever ran at once.
    pub fn most_live(&self) -> usize {
        self.lock().most_live
    }

    /// How often containers of the job were started.
    pub fn starts(&self, job: i64) -> u32 {
        self.lock().starts.get(&job).copied().unwrap_or(0)
    }

    /// Jobs of which two containers ran at once.
    pub fn doubled(&self) -> Vec<i64> {
        self.lock().doubled.clone()
    }

    /// Containers that were not forgotten.
    pub fn left(&self) -> usize {
        self.lock().containers.len()
    }

    /// The environment that the job's last container was created with.
    pub fn env(&self, job: i64) -> BTreeMap<String, String> {
        self.lock().env.get(&job).cloned().unwrap_or_default()
    }

    /// How many pieces of output were pulled from the job's container.
    pub fn pulled(&self, job: i64) -> usize {
        let inner = self.lock();
        let of_job = |container: &&Arc<Container>| container.job() == job;
        inner
            .containers
            .values()
            .find(of_job)
            .map_or(0, |container| *container.written.borrow())
    }

    /// The job's container ends by itself.
    pub fn end(&self, job: i64) {
        let containers: Vec<_> = self.lock().containers.values().cloned().collect();
        for container in containers.iter().filter(|container| container.job() == job) {
            self.ended(container, container.script.exit);
        }
    }

    /// It begins to run.
    fn run(&self, container: &Arc<Container>) {
        let job = container.job();
        {
            let mut phase = container.phase.lock().expect("never poisoned");
            assert_eq!(*phase, Phase::Created, "at most one start per container");
            *phase = Phase::Running;
        }
        let mut inner = self.lock();
        inner.live += 1;
        inner.most_live = inner.most_live.max(inner.live);
        *inner.starts.entry(job).or_default() += 1;
        let of_job = |other: &&Arc<Container>| other.job() == job;
        let running = |other: &&Arc<Container>| other.phase() == Phase::Running;
        let same = inner.containers.values().filter(of_job).filter(running);
        if same.count() > 1 {
            inner.doubled.push(job);
        }
        drop(inner);
        if let Some(time) = container.script.runs_for {
            let (inner, journal) = (Arc::clone(&self.inner), self.journal.clone());
            let container = Arc::clone(container);
            // The container's own life: it ends with the test's runtime.
            tokio::spawn(async move {
                sleep(time).await;
                container.ended(&inner, &journal, container.script.exit);
            });
        }
    }

    fn ended(&self, container: &Container, exit: Exit) {
        container.ended(&self.inner, &self.journal, exit);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no call panics with the lock held")
    }

    fn container(&self, handle: &Handle, attempted: &str) -> Result<Arc<Container>, ExecutorError> {
        let found = self.lock().containers.get(handle).cloned();
        found.ok_or_else(|| {
            ExecutorError::new(ErrorClass::Permanent, attempted, "no such container")
        })
    }
}

impl Container {
    fn job(&self) -> i64 {
        self.request.identity.job.0
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().expect("never poisoned")
    }

    /// It ends, if it runs.
    fn ended(&self, inner: &Mutex<Inner>, journal: &Journal, exit: Exit) {
        let mut phase = self.phase.lock().expect("never poisoned");
        if *phase == Phase::Running {
            *phase = Phase::Exited;
            inner
                .lock()
                .expect("no call panics with the lock held")
                .live -= 1;
            journal.note(format!("exited {}", self.job()));
            self.exit.send_replace(Some(exit));
        }
    }
}
