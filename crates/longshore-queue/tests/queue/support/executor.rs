//! An executor that does what a test's scripts say, and witnesses what ran when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use longshore_core::InstanceId;
use longshore_core::attempt::{Exit, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Capability, Ended, Ensured, Executor, ExecutorError, Handle, LaunchRequest,
    Listed, Phase, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::{OutputChunk, ResumePoint, Stream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

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
            capabilities: Capabilities::of([Capability::Commands]),
        }
    }

    /// One whose containers go on when the worker dies.
    pub fn surviving(journal: Journal) -> Self {
        Self {
            capabilities: Capabilities::of([Capability::Commands, Capability::SurvivesWorker]),
            ..Self::new(journal)
        }
    }

    pub fn script(&self, job: i64, script: Script) {
        self.lock().scripts.insert(job, script);
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

/// What the container writes, until it ends.
fn output(
    container: Arc<Container>,
) -> stream::BoxStream<'static, Result<OutputChunk, ExecutorError>> {
    let writes = container.script.writes.clone().into_iter().enumerate();
    let ended = container.exit.subscribe();
    stream::unfold(
        (writes, ended, container),
        |(mut writes, mut ended, container)| async move {
            assert!(!container.script.panics, "the script panics");
            let Some((index, (pause, stream, bytes))) = writes.next() else {
                let _ = ended.wait_for(Option::is_some).await;
                return None;
            };
            if !pause.is_zero()
                && timeout(pause, ended.wait_for(Option::is_some))
                    .await
                    .is_ok()
            {
                return None;
            }
            container.written.send_replace(index + 1);
            let chunk = OutputChunk {
                stream,
                bytes,
                resume: Some(ResumePoint(index.to_string())),
            };
            Some((Ok(chunk), (writes, ended, container)))
        },
    )
    .boxed()
}

fn error(class: ErrorClass, attempted: &str) -> ExecutorError {
    ExecutorError::new(class, attempted, "as the script says")
}

#[async_trait]
impl Executor for ScriptedExecutor {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        Ok(HostFacts {
            executor: "scripted".to_owned(),
            identity: "one".to_owned(),
            boot_id: "boot".to_owned(),
            name: "here".to_owned(),
        })
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        let job = request.identity.job.0;
        let script = {
            let mut inner = self.lock();
            let script = inner.scripts.entry(job).or_default();
            let now = script.clone();
            script.superseded = false;
            script.finds = None;
            if !script.ensure_errors.is_empty() {
                let class = script.ensure_errors.remove(0);
                return Err(error(class, "create"));
            }
            now
        };
        sleep(script.ensure_takes).await;
        if script.superseded {
            return Ok(Ensured::Superseded);
        }
        let handle = Handle(request.identity.container_name());
        let finds = script.finds;
        let container = Arc::new(Container {
            request: request.clone(),
            script,
            phase: Mutex::new(Phase::Created),
            exit: watch::Sender::new(None),
            written: watch::Sender::new(0),
        });
        let revealed = request
            .env
            .iter()
            .map(|(key, value)| (key.clone(), value.reveal().to_owned()));
        let mut inner = self.lock();
        inner.env.insert(job, revealed.collect());
        inner
            .containers
            .insert(handle.clone(), Arc::clone(&container));
        drop(inner);
        let Some(phase) = finds else {
            self.journal.note(format!("create {job}"));
            return Ok(Ensured::Created(handle));
        };
        self.run(&container);
        if phase == Phase::Exited {
            self.ended(&container, container.script.exit);
            return Ok(Ensured::Exited(handle));
        }
        Ok(Ensured::Running(handle))
    }

    async fn watch(
        &self,
        handle: &Handle,
        _from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        let container = self.container(handle, "watch")?;
        self.journal.note(format!("watch {}", container.job()));
        let mut exit = container.exit.subscribe();
        let script = container.script.clone();
        let end = async move {
            let ended = async {
                let exit = exit
                    .wait_for(Option::is_some)
                    .await
                    .expect("the container is kept");
                exit.expect("it was waited for")
            };
            let usage = Usage::default();
            match script.watch_breaks_after {
                None => Ok(Ended {
                    exit: ended.await,
                    usage,
                }),
                Some(time) => match timeout(time, ended).await {
                    Ok(exit) => Ok(Ended { exit, usage }),
                    Err(_) => Err(error(ErrorClass::Transient, "wait")),
                },
            }
        };
        Ok(Watch {
            output: output(container),
            end: end.boxed(),
        })
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let container = self.container(handle, "start")?;
        let (job, script) = (container.job(), container.script.clone());
        self.journal.note(format!("start {job}"));
        if let Some(class) = script.start_error {
            self.lock().scripts.entry(job).or_default().start_error = None;
            if !script.starts_all_the_same {
                return Err(error(class, "start"));
            }
        }
        self.run(&container);
        match script.start_error {
            Some(class) => Err(error(class, "start")),
            None => Ok(()),
        }
    }

    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
        let container = self.container(handle, "stop")?;
        let job = container.job();
        self.journal
            .note(format!("stop {job} {}s", grace.as_secs()));
        {
            let mut inner = self.lock();
            let script = inner.scripts.entry(job).or_default();
            if script.stop_errors > 0 {
                script.stop_errors -= 1;
                return Err(error(ErrorClass::Transient, "stop"));
            }
        }
        if container.script.ignores_term {
            let mut exit = container.exit.subscribe();
            let _ = timeout(grace, exit.wait_for(Option::is_some)).await;
            self.ended(&container, Exit::by_signal(9));
        } else {
            self.ended(&container, Exit::by_signal(15));
        }
        Ok(())
    }

    async fn usage(&self, _handle: &Handle) -> Result<Usage, ExecutorError> {
        Ok(Usage::default())
    }

    async fn list(&self, _instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        let inner = self.lock();
        let listed = inner.containers.iter().map(|(handle, container)| Listed {
            handle: handle.clone(),
            identity: container.request.identity.clone(),
            phase: container.phase(),
        });
        Ok(listed.collect())
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let container = self.container(handle, "remove")?;
        if container.phase() == Phase::Running {
            return Err(error(ErrorClass::Permanent, "remove a running container"));
        }
        self.journal.note(format!("forget {}", container.job()));
        self.lock().containers.remove(handle);
        Ok(())
    }
}
