//! Watching a container: its output, its end, what it uses.

mod attached;
mod cursor;
mod end;
mod log;
pub(crate) mod meter;
mod missing;
mod oom;
mod output;
mod verdict;

use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ended, ExecutorError, Handle, Watch};
use longshore_core::output::ResumePoint;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::config::DockerConfig;
use crate::engine::{Engine, short};
use attached::Pressure;
use cursor::Cursor;
use end::Follower;
use meter::Meter;
use output::Feed;

/// What the one that waits for the end tells the one that reads the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Nothing was seen yet.
    NotSeen,
    /// It is there, started or not.
    Running,
    /// The engine does not answer, or a connection to it broke.
    OutOfSight,
    /// It has ended; whether the engine was in sight all the time.
    Ended { seen: bool },
}

/// What a watch has from the executor.
pub(crate) struct Hints {
    /// Told when a start was sent.
    pub look: Arc<Notify>,
    pub meter: Arc<Meter>,
    /// How many samples are taken of the engine at once.
    pub samples: Arc<Semaphore>,
}

/// Begins to watch: when this returns the engine has been asked for its next exit, and its output
/// is attached if it has not been started yet.
pub(crate) async fn watch(
    engine: &Engine,
    config: &DockerConfig,
    handle: &Handle,
    from: Option<&ResumePoint>,
    hints: Hints,
) -> Result<Watch, ExecutorError> {
    let attempted = || format!("watch container {}", short(&handle.0));
    let cursor = match from {
        None => Cursor::default(),
        Some(point) => Cursor::parse(point).ok_or_else(|| {
            let problem = format!("{:?} is no place in an engine's output", point.0);
            ExecutorError::new(ErrorClass::Permanent, attempted(), problem)
        })?,
    };
    let (standing, mut seen) = watch::channel(Standing::NotSeen);
    let (pressure, stuck) = Pressure::new();
    // Before the look, so that what is not started now is attached before it is.
    let feed = Feed::open(
        engine,
        config,
        &handle.0,
        cursor,
        from.is_some(),
        (seen.clone(), stuck),
    )
    .await?;
    let follower = Follower {
        engine: engine.clone(),
        id: handle.0.clone(),
        hints,
        standing,
        pressure,
        process: OnceLock::new(),
        killed: AtomicBool::new(false),
    };
    let end = End {
        task: tokio::spawn(follower.run()),
        attempted: attempted(),
    };
    // An error: it ended before it was seen; the end says why.
    let _ = seen
        .wait_for(|standing| *standing != Standing::NotSeen)
        .await;
    Ok(Watch {
        output: feed.into_stream(),
        end: Box::pin(end),
    })
}

/// The end, followed in a task of its own so that it is seen whoever polls; dropped with this.
struct End {
    task: JoinHandle<Result<Ended, ExecutorError>>,
    attempted: String,
}

impl Future for End {
    type Output = Result<Ended, ExecutorError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx).map(|joined| {
            joined.unwrap_or_else(|error| {
                let attempted = self.attempted.clone();
                Err(ExecutorError::new(
                    ErrorClass::Unknown,
                    attempted,
                    error.to_string(),
                ))
            })
        })
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.task.abort();
    }
}
