//! One container: a shim and, once it is started, its job.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use longshore_core::attempt::Usage;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ContainerIdentity, Ended, ExecutorError, Handle, Listed, Watch};
use longshore_core::usage::Sample;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::blocking::WALKS;
use crate::deadlines;
use crate::labels;
use crate::launch::{describe, permanent};
use crate::output::OutputPlace;
use crate::procfs;
use crate::remains::MARK;
use crate::spawn::{ShimCommand, Spawned, spawn};
use crate::supervise::{Status, Supervision};
use crate::usage;
use crate::wire::{Launch, Order, Role, VERSION, encode};

/// A container of this executor. Dropping it ends its job: the shim sees the channel close.
pub struct Container {
    identity: ContainerIdentity,
    handle: Handle,
    shim_pid: procfs::Pid,
    /// Taken by whoever starts it, or makes sure that nobody will: so at most one start is sent.
    launch: Mutex<Option<Launch>>,
    /// None once closed. Held while a message is written, so that messages stay whole.
    control: tokio::sync::Mutex<Option<OwnedWriteHalf>>,
    status: watch::Receiver<Status>,
    /// Has the shim killed.
    given_up: Arc<Notify>,
    output: OutputPlace,
    /// The most memory that [`Container::usage`] saw so far.
    peak_memory_bytes: AtomicU64,
    /// The most CPU time that it saw: a child that is waited for while `/proc` is read is in neither place.
    cpu_micros: AtomicU64,
}

impl Container {
    /// Creates it; nothing of the job runs.
    pub async fn create(
        shim: &ShimCommand,
        identity: ContainerIdentity,
        mut launch: Launch,
    ) -> Result<Self, ExecutorError> {
        let what = describe("create", &identity);
        let spawned = spawn(shim, &labels::of_shim(&identity));
        let Spawned {
            child,
            id,
            control,
            stdout,
            stderr,
        } = spawned.map_err(|error| ExecutorError::io(&what, &error))?;
        let handle = id.handle();
        launch.env.insert(MARK.to_owned(), handle.0.clone().into());
        let label = labels::write(&identity);
        launch
            .env
            .insert(labels::CONTAINER.to_owned(), label.into());

        let (reports, orders) = control.into_split();
        let (sender, status) = watch::channel(Status::Preparing);
        let shim_pid = id.pid;
        let supervision = Supervision {
            child,
            id,
            reports,
            status: sender,
            given_up: Arc::default(),
        };
        let given_up = Arc::clone(&supervision.given_up);
        // Ends with the shim, which ends with this container; a panic in it closes `status`.
        drop(tokio::spawn(supervision.run()));

        let container = Self {
            identity,
            handle,
            shim_pid,
            launch: Mutex::new(Some(launch)),
            control: tokio::sync::Mutex::new(Some(orders)),
            status,
            given_up,
            output: OutputPlace::new(stdout, stderr),
            peak_memory_bytes: AtomicU64::new(0),
            cpu_micros: AtomicU64::new(0),
        };
        // If this can't be sent the shim has ended, and its end says more.
        let version = VERSION.to_owned();
        let sent = container.send(&what, &Role::Supervise { version }).await;
        let ready = |status: &Status| *status != Status::Preparing;
        let answer = container.wait_for(&what, deadlines::READY, ready).await;
        if answer.is_err() {
            container.given_up.notify_one();
        }
        match answer.map_err(|late| sent.err().unwrap_or(late))? {
            Status::Created => Ok(container),
            Status::Lost(problem) => {
                let problem = format!("{problem}; {}", container.output.peek_stderr());
                Err(ExecutorError::new(ErrorClass::Unknown, what, problem))
            }
            Status::Preparing
            | Status::Running
            | Status::Refused(_)
            | Status::NeverStarted
            | Status::Exited(_) => Err(permanent(what, "its shim broke the protocol")),
        }
    }

    /// Whose it is.
    pub fn identity(&self) -> &ContainerIdentity {
        &self.identity
    }

    /// Its handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What is known of it now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Its entry in a listing.
    pub fn listed(&self) -> Listed {
        Listed {
            handle: self.handle.clone(),
            identity: self.identity.clone(),
            phase: self.status().phase(),
        }
    }

    /// Starts the job; when this returns, its program runs, ran, or never will.
    pub async fn start(&self) -> Result<(), ExecutorError> {
        let what = describe("start", &self.identity);
        let Some(launch) = self.take_launch() else {
            return Err(permanent(what, "it was started or ended before"));
        };
        let decided = |status: &Status| *status != Status::Created;
        let outcome = match self.send(&what, &Order::Start(launch)).await {
            Ok(()) => self.wait_for(&what, deadlines::START, decided).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(Status::Running | Status::Exited(_)) => Ok(()),
            Ok(Status::Refused(failure)) => {
                let what = format!("{what}: {}", failure.step);
                Err(ExecutorError::io(what, &failure.io_error()))
            }
            Ok(Status::Lost(problem)) => {
                Err(ExecutorError::new(ErrorClass::Unknown, what, problem))
            }
            Ok(Status::NeverStarted) => Err(permanent(what, "it was ended before it was started")),
            Ok(Status::Preparing | Status::Created) => Err(permanent(what, "it is not decided")),
            // Unanswered or unsent: it must not start later, when nobody expects it.
            Err(error) => {
                self.close().await;
                self.wait_for_end(&what, deadlines::SHIM_EXIT).await?;
                Err(error)
            }
        }
    }

    /// TERM, then KILL after `grace`; returns when nothing of it is left.
    pub async fn stop(&self, grace: Duration) -> Result<(), ExecutorError> {
        if self.status().is_over() {
            return Ok(());
        }
        let what = describe("stop", &self.identity);
        let millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let limit = grace.saturating_add(deadlines::KILL);
        // It may end at any moment; then the order can't be sent, and need not be.
        let sent = self.send(&what, &Order::Stop(millis)).await;
        match (self.wait_for_end(&what, limit).await, sent) {
            (Ok(()), _) => Ok(()),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    /// Ends a container that was never started. True: it never ran and never will. False: a start
    /// was sent.
    pub async fn end_unstarted(&self) -> Result<bool, ExecutorError> {
        // Whoever takes the launch decides: nobody can start it any more.
        if self.take_launch().is_none() {
            return Ok(false);
        }
        self.close().await;
        let what = describe("remove", &self.identity);
        self.wait_for_end(&what, deadlines::SHIM_EXIT).await?;
        Ok(true)
    }

    /// Waits until a start that was sent is decided one way or the other.
    pub async fn settled_start(&self) -> Result<Status, ExecutorError> {
        let what = describe("look at", &self.identity);
        self.wait_for(&what, deadlines::START, |status| *status != Status::Created)
            .await
    }

    /// Its output and its end.
    pub fn watch(&self) -> Result<Watch, ExecutorError> {
        let what = describe("watch", &self.identity);
        let Some(output) = self.output.read(self.status.clone()) else {
            return Err(permanent(what, "it is being watched already"));
        };
        Ok(Watch {
            output,
            end: end(self.status.clone(), what).boxed(),
        })
    }

    /// What it has used up to now. While it runs: what its live processes and their reaped
    /// children used, and the largest peak among those seen alive. Looks through `/proc`.
    pub async fn usage(&self) -> Result<Sample, ExecutorError> {
        let ended = |usage| Sample {
            usage,
            memory_bytes: None,
        };
        if let Some(usage) = self.known_usage() {
            return Ok(ended(usage));
        }
        let shim = self.shim_pid;
        let what = describe("measure", &self.identity);
        let walk = WALKS.run(&what, deadlines::WALK, move || usage::below(shim));
        let used = walk
            .await?
            .map_err(|error| ExecutorError::io(&what, &error))?;
        // It may have ended meanwhile: then `/proc` showed too little.
        if let Some(usage) = self.known_usage() {
            return Ok(ended(usage));
        }
        let earlier = self
            .peak_memory_bytes
            .fetch_max(used.peak_memory_bytes, Ordering::Relaxed);
        let cpu = self
            .cpu_micros
            .fetch_max(used.cpu_micros, Ordering::Relaxed);
        let usage = Usage {
            cpu_micros: Some(cpu.max(used.cpu_micros)),
            peak_memory_bytes: Some(earlier.max(used.peak_memory_bytes)),
        };
        Ok(Sample {
            usage,
            memory_bytes: Some(used.memory_bytes),
        })
    }

    /// Its usage, unless it runs.
    fn known_usage(&self) -> Option<Usage> {
        match self.status() {
            Status::Running => None,
            Status::Exited(ended) => Some(ended.usage),
            Status::Preparing
            | Status::Created
            | Status::Refused(_)
            | Status::NeverStarted
            | Status::Lost(_) => Some(Usage::default()),
        }
    }

    fn take_launch(&self) -> Option<Launch> {
        self.launch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Closes the channel: the shim ends the job, if there is one, and itself.
    async fn close(&self) {
        drop(self.control.lock().await.take());
    }

    async fn send<M: serde::Serialize>(
        &self,
        what: &str,
        message: &M,
    ) -> Result<(), ExecutorError> {
        let line = encode(message).map_err(|error| permanent(what, error.to_string()))?;
        let mut control = self.control.lock().await;
        let Some(writer) = control.as_mut() else {
            return Err(permanent(what, "it was ended before"));
        };
        match timeout(deadlines::SEND, writer.write_all(&line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ExecutorError::io(what, &error)),
            Err(_late) => {
                // Half a message may be on its way: nothing more can be said on this channel.
                *control = None;
                Err(late(what, "the shim takes no message", deadlines::SEND))
            }
        }
    }

    /// Waits until nothing of it is left. A shim that does not get there in time (somebody
    /// suspended it) is killed, and what it leaves behind swept.
    async fn wait_for_end(&self, what: &str, limit: Duration) -> Result<(), ExecutorError> {
        if self.wait_for(what, limit, Status::is_over).await.is_err() {
            self.given_up.notify_one();
            self.wait_for(what, deadlines::SHIM_EXIT, Status::is_over)
                .await?;
        }
        Ok(())
    }

    async fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        is_it: impl FnMut(&Status) -> bool,
    ) -> Result<Status, ExecutorError> {
        let mut status = self.status.clone();
        match timeout(limit, status.wait_for(is_it)).await {
            Ok(Ok(status)) => Ok(status.clone()),
            Ok(Err(_closed)) => Err(unsupervised(what)),
            Err(_elapsed) => Err(late(what, "no answer from the shim", limit)),
        }
    }
}

async fn end(mut status: watch::Receiver<Status>, what: String) -> Result<Ended, ExecutorError> {
    let unknown = |problem: &str| ExecutorError::new(ErrorClass::Unknown, &what, problem);
    match status.wait_for(Status::is_over).await.as_deref() {
        Ok(Status::Exited(ended)) => Ok(*ended),
        Ok(Status::Lost(problem)) => Err(unknown(problem)),
        Ok(Status::Refused(_) | Status::NeverStarted) => Err(unknown("it never ran")),
        Ok(Status::Preparing | Status::Created | Status::Running) => Err(unknown("it is not over")),
        Err(_closed) => Err(unsupervised(&what)),
    }
}

fn unsupervised(what: &str) -> ExecutorError {
    ExecutorError::new(
        ErrorClass::Unknown,
        what,
        "the task that supervises it is gone",
    )
}

fn late(what: &str, problem: &str, limit: Duration) -> ExecutorError {
    ExecutorError::new(
        ErrorClass::Transient,
        what,
        format!("{problem} within {limit:?}"),
    )
}
