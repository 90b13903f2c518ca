//! Waiting for a container's end.
//!
//! The engine is asked to tell the next exit before the container is started. Whether that request
//! has reached the engine by then can't be told through the client library, so it is not relied
//! upon: the container is inspected too, right after its start and then at least every few seconds,
//! and what the inspection shows is the truth (level, not edge). Asked before the start, the engine
//! never takes *created* for *ended with 0*; and here neither.
//!
//! An exit that the engine itself inflicted is not the job's: when the engine was restarted and its
//! containers ended with it, the end is an error, not an exit code.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::query_parameters::WaitContainerOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use longshore_core::attempt::Exit;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ended, ExecutorError, Phase};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::attached::Pressure;
use super::verdict::{Since, doubt};
use super::{Hints, Standing};
use super::{meter, oom};
use crate::engine::{Engine, Seen, short};
use crate::host;
use crate::labels;

/// Between two samples: short at first, for short jobs, then a twentieth of its age…
const FIRST_SAMPLES: Duration = Duration::from_millis(150);
/// … up to this.
const LATER_SAMPLES: Duration = Duration::from_secs(1);
/// A start that was announced may take this long.
const STARTING: Duration = Duration::from_secs(30);
/// A container that was not started yet is looked at this often, should nobody tell of its start.
const UNTIL_STARTED: Duration = Duration::from_secs(2);
/// A running container is inspected this often, should its end not be told.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// Between two looks at an engine that does not answer; not bounded in number: nobody may say that
/// a container has ended while it can't be seen.
const SILENCE: Duration = Duration::from_secs(2);

/// Follows one container to its end.
pub(super) struct Follower {
    pub engine: Engine,
    pub id: String,
    pub hints: Hints,
    pub standing: watch::Sender<Standing>,
    pub pressure: Pressure,
    /// Where the engine is on this machine: the main process, once it is known.
    pub process: OnceLock<i64>,
    /// Something of it was killed for memory, by the kernel's word.
    pub killed: AtomicBool,
}

type Exits = BoxStream<'static, Result<bollard::models::ContainerWaitResponse, EngineError>>;

impl Follower {
    /// Returns when it has ended.
    pub async fn run(self) -> Result<Ended, ExecutorError> {
        let (mut alive, mut broke) = (false, false);
        loop {
            let Some(seen) = self.until_next_look(&mut alive).await else {
                broke = true;
                self.standing.send_replace(Standing::OutOfSight);
                sleep(SILENCE).await;
                continue;
            };
            let exit = match seen {
                Ok(Some(seen)) => self.exit_of(&seen, alive && !broke).await,
                Ok(None) => Err(self.lost("it is gone, and nobody saw it end")),
                Err(error) => Err(error),
            };
            let seen = exit.is_ok() && !broke;
            self.standing.send_replace(Standing::Ended { seen });
            let usage = self.hints.meter.read();
            return exit.map(|exit| Ended { exit, usage });
        }
    }

    /// Watches over one connection until the container has ended or is gone. None: the engine was
    /// lost sight of. Notes whether it was seen before its end.
    async fn until_next_look(
        &self,
        alive: &mut bool,
    ) -> Option<Result<Option<Seen>, ExecutorError>> {
        let mut exits = self.next_exit();
        let mut running_since: Option<Instant> = None;
        let mut looked = Instant::now();
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                exit = exits.next() => {
                    // The truth is in the inspection: the answer lacks whether memory was short.
                    // So a code that arrives as an error is no different from one that does not.
                    tracing::trace!(container = short(&self.id), ?exit, "the engine told of an exit");
                    return self.inspect_ended().await;
                }
                () = self.hints.look.notified() => {
                    // Probably it runs: measured at once, for the sake of short jobs.
                    running_since = Some(Instant::now());
                    looked = Instant::now();
                }
                () = sleep(pause) => {}
            }
            if let Some(since) = running_since
                && looked.elapsed() < LOOK_AGAIN
                && self.sample().await
            {
                pause = pause_at(since.elapsed());
                continue;
            }
            looked = Instant::now();
            match self.inspect().await {
                Ok(Some(seen)) => match seen.phase {
                    Some(Phase::Created) => {
                        *alive = true;
                        self.standing.send_replace(Standing::Running);
                        // Its start may be on its way.
                        pause = match running_since {
                            Some(since) if since.elapsed() < STARTING => FIRST_SAMPLES,
                            Some(_) | None => UNTIL_STARTED,
                        };
                    }
                    Some(Phase::Running) => {
                        *alive = true;
                        if let Some(pid) = seen.pid.filter(|_| self.engine.is_local()) {
                            self.process.get_or_init(|| pid);
                        }
                        self.standing.send_replace(Standing::Running);
                        let since = *running_since.get_or_insert_with(Instant::now);
                        self.sample().await;
                        // As rarely where samples show nothing, so that each look is an inspection.
                        pause = pause_at(since.elapsed());
                    }
                    Some(Phase::Exited) => return Some(Ok(Some(seen))),
                    None => return Some(Ok(None)),
                },
                Ok(None) => return Some(Ok(None)),
                Err(error) if error.class == ErrorClass::Permanent => return Some(Err(error)),
                Err(_) => return None,
            }
        }
    }

    /// The engine's word that it exits next. Issued at once: the stream sends its request when it
    /// is first polled, which is before the caller learns that the watch stands.
    fn next_exit(&self) -> Exits {
        let options = WaitContainerOptionsBuilder::new()
            .condition("next-exit")
            .build();
        Box::pin(self.engine.docker.wait_container(&self.id, Some(options)))
    }

    /// After an answer, or a broken connection. None: it can't be seen, or has not ended.
    async fn inspect_ended(&self) -> Option<Result<Option<Seen>, ExecutorError>> {
        match self.inspect().await {
            Ok(Some(seen)) => match seen.phase {
                Some(Phase::Exited) => Some(Ok(Some(seen))),
                Some(Phase::Created | Phase::Running) => None,
                None => Some(Ok(None)),
            },
            Ok(None) => Some(Ok(None)),
            Err(_) => None,
        }
    }

    async fn inspect(&self) -> Result<Option<Seen>, ExecutorError> {
        self.pressure.unstick(self.engine.inspect(&self.id)).await
    }

    /// While it runs: afterwards the kernel has forgotten it too.
    fn look_at_memory(&self) {
        if let Some(pid) = self.process.get()
            && oom::has_killed(&self.id, *pid)
        {
            self.killed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it runs, by what a sample shows. Few at once: samples wait, containers don't.
    async fn sample(&self) -> bool {
        let _few = self.hints.samples.acquire().await;
        let sample = meter::sample(&self.engine, &self.id);
        match self.pressure.unstick(sample).await {
            Ok(Some(sample)) => {
                self.hints.meter.add(sample.usage);
                self.look_at_memory();
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// The exit, if it is the job's own.
    async fn exit_of(&self, seen: &Seen, in_sight: bool) -> Result<Exit, ExecutorError> {
        let code = seen.exit_code.unwrap_or_default();
        let since = self.engine_since(seen, in_sight).await;
        if let Some(doubt) = doubt(since, code) {
            return Err(self.lost(doubt));
        }
        Ok(Exit {
            code: i32::try_from(code).ok(),
            signal: None,
            oom_killed: seen.oom_killed || self.killed.load(Ordering::Relaxed),
        })
    }

    /// Whether this is the run of the engine under which the container was started.
    async fn engine_since(&self, seen: &Seen, in_sight: bool) -> Since {
        let before = seen.labels.get(labels::EPOCH);
        loop {
            let look = async {
                let now = host::epoch(&self.engine).await?;
                Ok::<_, ExecutorError>(match before {
                    None if in_sight => Since::Same,
                    None => Since::Unclear,
                    Some(before) if now.as_ref() == Some(before) => Since::Same,
                    // It ends nothing with itself: the job ended while it was away, or the whole
                    // host did.
                    Some(_) if host::has_live_restore(&self.engine).await? => Since::Unclear,
                    Some(_) => Since::Restarted,
                })
            };
            match look.await {
                Ok(since) => return since,
                Err(_) => sleep(SILENCE).await, // it went silent just now
            }
        }
    }

    fn lost(&self, problem: &str) -> ExecutorError {
        let attempted = format!("wait for container {}", short(&self.id));
        ExecutorError::new(ErrorClass::Unknown, attempted, problem)
    }
}

/// Between two samples of a container of that age.
fn pause_at(age: Duration) -> Duration {
    (age / 20).clamp(FIRST_SAMPLES, LATER_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_a_container_is_the_more_rarely_it_is_looked_at() {
        assert_eq!(pause_at(Duration::ZERO), FIRST_SAMPLES);
        assert_eq!(
            pause_at(Duration::from_secs(10)),
            Duration::from_millis(500)
        );
        assert_eq!(pause_at(Duration::from_hours(1)), LATER_SAMPLES);
    }
}
