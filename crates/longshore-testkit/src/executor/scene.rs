//! What cases are written with: launching jobs, collecting what they say, waiting with deadlines.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use longshore_core::executor::{
    Capability, ContainerIdentity, Ended, Ensured, Executor, ExecutorError, Handle, LaunchRequest,
    Listed, Phase,
};
use longshore_core::output::{OutputChunk, Stream};
use longshore_core::spec::JobSpec;
use longshore_core::{AttemptNumber, InstanceId, JobId, Token};
use tokio::time::timeout;

use super::ExecutorHarness;
use crate::wait::{PATIENCE, eventually};

/// The environment variable by which a case's processes are found.
const MARK: &str = "LONGSHORE_TEST_SCENE";

/// One case's executor, with an instance of its own.
pub struct Scene {
    harness: Box<dyn ExecutorHarness>,
    /// The executor.
    pub executor: Arc<dyn Executor>,
    /// Whose containers the case's are.
    pub instance: InstanceId,
    next_job: AtomicI64,
}

/// A job on its way.
pub struct Launched {
    /// Its container.
    pub handle: Handle,
    /// Whose it is.
    pub identity: ContainerIdentity,
    /// What it writes.
    pub output: BoxStream<'static, Result<OutputChunk, ExecutorError>>,
    /// Its end.
    pub end: BoxFuture<'static, Result<Ended, ExecutorError>>,
}

/// A job that has ended.
pub struct Finished {
    /// Its container.
    pub handle: Handle,
    /// Everything that it wrote to standard output.
    pub stdout: Vec<u8>,
    /// … and to standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub ended: Ended,
}

impl Scene {
    /// A scene with nothing in it.
    pub fn new(harness: Box<dyn ExecutorHarness>) -> Self {
        let instance = InstanceId(format!("test{:016x}", rand::random::<u64>()));
        let executor = harness.executor();
        Self {
            harness,
            executor,
            instance,
            next_job: AtomicI64::new(1),
        }
    }

    /// Whether the executor declares that.
    pub fn can(&self, capability: Capability) -> bool {
        self.executor.capabilities().has(capability)
    }

    /// Another executor of the same host, as another worker has it.
    pub fn another_executor(&self) -> Arc<dyn Executor> {
        self.harness.executor()
    }

    /// A job that runs a shell script.
    pub fn shell(&self, script: &str) -> JobSpec {
        self.harness.shell(script)
    }

    /// A job that runs a program.
    pub fn command(&self, argv: &[&str]) -> JobSpec {
        self.harness.command(argv)
    }

    /// A launch of the first attempt of a new job.
    pub fn request(&self, spec: JobSpec) -> LaunchRequest {
        let job = JobId(self.next_job.fetch_add(1, Ordering::Relaxed));
        let identity = ContainerIdentity {
            instance: self.instance.clone(),
            job,
            attempt: AttemptNumber(1),
            token: Token(100),
        };
        let mut env = spec.env.clone();
        env.insert(MARK.to_owned(), self.instance.0.clone().into());
        LaunchRequest {
            identity,
            spec,
            env,
        }
    }

    /// Creates a container that is not there yet.
    pub async fn create(&self, request: &LaunchRequest) -> Handle {
        match in_time("ensure", self.executor.ensure(request)).await {
            Ok(Ensured::Created(handle)) => handle,
            other => panic!("not created: {other:?}"),
        }
    }

    /// Creates and watches, without starting.
    pub async fn prepare(&self, spec: JobSpec) -> Launched {
        let request = self.request(spec);
        let handle = self.create(&request).await;
        self.watch(handle, request.identity).await
    }

    /// Watches a container.
    pub async fn watch(&self, handle: Handle, identity: ContainerIdentity) -> Launched {
        let watch = in_time("watch", self.executor.watch(&handle, None)).await;
        let watch = watch.unwrap_or_else(|error| panic!("{error}"));
        Launched {
            handle,
            identity,
            output: watch.output,
            end: watch.end,
        }
    }

    /// Creates, watches and starts.
    pub async fn launch(&self, spec: JobSpec) -> Launched {
        let launched = self.prepare(spec).await;
        self.start(&launched.handle).await;
        launched
    }

    /// Launches a job and follows it to its end.
    pub async fn run(&self, spec: JobSpec) -> Finished {
        self.launch(spec).await.finish().await
    }

    /// Launches a job that is to fail at its start; what its start says.
    pub async fn fail_to_start(&self, spec: JobSpec) -> ExecutorError {
        let launched = self.prepare(spec).await;
        match in_time("start", self.executor.start(&launched.handle)).await {
            Ok(()) => panic!("it started"),
            Err(error) => {
                self.forget(&launched.handle).await;
                error
            }
        }
    }

    /// Starts a container.
    pub async fn start(&self, handle: &Handle) {
        let started = in_time("start", self.executor.start(handle)).await;
        started.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Stops a container.
    pub async fn stop(&self, handle: &Handle, grace: Duration) {
        let stopped = in_time("stop", self.executor.stop(handle, grace)).await;
        stopped.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Removes a container.
    pub async fn forget(&self, handle: &Handle) {
        let forgotten = in_time("forget", self.executor.forget(handle)).await;
        forgotten.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The case's containers.
    pub async fn list(&self) -> Vec<Listed> {
        let listed = in_time("list", self.executor.list(&self.instance)).await;
        listed.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Where a container is in its life; none if it is not listed.
    pub async fn phase(&self, handle: &Handle) -> Option<Phase> {
        self.list()
            .await
            .into_iter()
            .find(|found| found.handle == *handle)
            .map(|found| found.phase)
    }

    /// What each process of the case has in its environment: `NAME=value`.
    pub fn mark(&self) -> String {
        format!("{MARK}={}", self.instance)
    }

    /// How many processes of the case live.
    pub fn live_processes(&self) -> usize {
        self.harness.live_processes(&self.mark())
    }

    /// Waits until at least so many processes of the case live. At least: an executor may add
    /// one of its own to each job (an init).
    pub async fn await_live_processes(&self, count: usize) {
        let what = format!("{count} live processes");
        eventually(&what, async || {
            (self.live_processes() >= count).then_some(())
        })
        .await;
    }

    /// Removes everything, and looks whether it is gone.
    pub async fn clear(&self) {
        for listed in self.list().await {
            self.stop(&listed.handle, Duration::ZERO).await;
            self.forget(&listed.handle).await;
        }
        assert_eq!(
            self.list().await,
            [],
            "forgotten containers are listed no more"
        );
        assert_eq!(
            self.live_processes(),
            0,
            "nothing may outlive its container"
        );
    }
}

impl Launched {
    /// Follows it to the end of its output and its own.
    pub async fn finish(self) -> Finished {
        let Self {
            handle,
            identity: _,
            mut output,
            end,
        } = self;
        let (stdout, stderr) = in_time("the whole output", collect(&mut output)).await;
        let ended = in_time("the end", end)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Finished {
            handle,
            stdout,
            stderr,
            ended,
        }
    }

    /// Pulls the first line of standard output (and whatever came with it).
    pub async fn await_line(&mut self) -> String {
        let seen = self.await_output("\n").await;
        seen.lines().next().unwrap_or_default().to_owned()
    }

    /// Pulls until standard output holds `text`; what was pulled.
    pub async fn await_output(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let pull = async {
            while !String::from_utf8_lossy(&seen).contains(text) {
                match self.output.next().await {
                    Some(Ok(chunk)) if chunk.stream == Stream::Stdout => seen.extend(chunk.bytes),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => panic!("{error}"),
                    None => panic!("the output ended without {text:?}"),
                }
            }
        };
        in_time(text, pull).await;
        String::from_utf8_lossy(&seen).into_owned()
    }
}

impl Finished {
    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the case's job writes text")
    }

    /// Its exit code, or 128 + the signal: executors differ in which of the two they can see.
    pub fn code(&self) -> i32 {
        self.ended
            .exit
            .shell_code()
            .expect("a job that ended has a code or a signal")
    }
}

/// Both streams whole.
pub async fn collect(
    output: &mut BoxStream<'static, Result<OutputChunk, ExecutorError>>,
) -> (Vec<u8>, Vec<u8>) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(chunk) = output.next().await {
        let chunk = chunk.unwrap_or_else(|error| panic!("{error}"));
        match chunk.stream {
            Stream::Stdout => stdout.extend(chunk.bytes),
            Stream::Stderr => stderr.extend(chunk.bytes),
        }
    }
    (stdout, stderr)
}

/// The result, or a panic that says what did not come.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_late| panic!("waited {PATIENCE:?} in vain: {what}"))
}
