//! A container's output: attached while that holds, from the engine's log after a break.
//!
//! Attached before the start, a connection brings every byte as it was written, and slows the
//! container down when it is not read: nothing is lost. The log does neither, so it is read only
//! when there is no such connection any more: after a break, or by another worker. It is followed
//! while the container runs, and read once more after the end, because following can miss the last
//! lines (moby#43860).
//!
//! Next to nothing is read ahead, so memory does not grow.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ExecutorError, Phase};
use longshore_core::output::OutputChunk;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Standing;
use super::attached::Attached;
use super::cursor::Cursor;
use super::log::{Log, Parts, split, stream_of};
use super::missing::Breaks;
use crate::body::{LogDriver, LogFiles};
use crate::config::DockerConfig;
use crate::engine::{Answer, Engine, short};
use crate::error::{executor_error, no_answer};

/// After the end a connection that is left open (bollard#251) is listened to for this long after
/// its last byte. The engine itself gives up copying after 2 s. Quiet is not the end of the output:
/// an engine that hangs is quiet too. So after it the log is asked, or asked again.
const QUIET: Duration = Duration::from_secs(3);
/// A connection that ends while the container runs: for this long its end may still be on its way.
const END_IS_NEAR: Duration = Duration::from_secs(3);
/// Between two tries to read the log.
const AGAIN: Duration = Duration::from_millis(500);
/// How often the log is tried after the end: with the quiet before each, for about a minute.
const LAST_TRIES: u32 = 20;

/// One container's output, on its way.
pub(super) struct Feed {
    log: Log,
    cursor: Cursor,
    standing: watch::Receiver<Standing>,
    source: Source,
    tries: u32,
    /// The attached connection ended by itself: by the engine's word there is no more.
    said_end: bool,
    breaks: Breaks,
}

/// What came of listening to a source.
enum Heard {
    Part(LogOutput),
    /// It has no more.
    End,
    Broke(EngineError),
    /// Nothing for [`QUIET`] although the container has ended.
    Quiet,
}

enum Source {
    Attached(Attached),
    /// The log is to be opened.
    Log,
    Following(Parts),
    /// After the end: what is still there.
    Rest(Parts),
    Done,
}

impl Feed {
    pub async fn open(
        engine: &Engine,
        config: &DockerConfig,
        id: &str,
        cursor: Cursor,
        resumes: bool,
        (standing, stuck): (watch::Receiver<Standing>, watch::Receiver<bool>),
    ) -> Result<Self, ExecutorError> {
        let attempted = || format!("attach to container {}", short(id));
        let Some(seen) = engine.inspect(id).await? else {
            // Somebody's `prune` took it, which says nothing of the job.
            return Err(ExecutorError::new(
                ErrorClass::Transient,
                attempted(),
                "it is gone",
            ));
        };
        let cursor = cursor.mending_lines(engine.log_driver().await? == LogDriver::Local);
        let mut breaks = Breaks::default();
        let source = if seen.phase == Some(Phase::Created) && !resumes {
            let options = AttachContainerOptionsBuilder::new()
                .stream(true)
                .stdout(true)
                .stderr(true)
                .build();
            let call = engine.docker.attach_container(id, Some(options));
            match engine.call(attempted(), call).await? {
                Answer::Done(attached) => Source::Attached(Attached::read(attached.output, stuck)),
                Answer::Absent(error) | Answer::Conflict(error) => return Err(error),
            }
        } else {
            breaks.may_be_earlier(seen.started_at);
            Source::Log
        };
        Ok(Self {
            log: Log {
                engine: engine.clone(),
                id: id.to_owned(),
                files: LogFiles::of(config),
                patience: config.deadline,
            },
            cursor,
            standing,
            source,
            tries: 0,
            said_end: false,
            breaks,
        })
    }

    pub fn into_stream(self) -> BoxStream<'static, Result<OutputChunk, ExecutorError>> {
        stream::unfold(self, |mut feed| async move {
            let next = feed.next().await?;
            Some((next, feed))
        })
        .boxed()
    }

    /// What comes next; at last what is missing.
    async fn next(&mut self) -> Option<Result<OutputChunk, ExecutorError>> {
        if let Some(next) = self.next_heard().await {
            return Some(next);
        }
        self.breaks.take_error(&self.log.id).map(Err)
    }

    async fn next_heard(&mut self) -> Option<Result<OutputChunk, ExecutorError>> {
        loop {
            let asked_at = Instant::now();
            let heard = match &mut self.source {
                Source::Attached(attached) => {
                    until_quiet(attached.next(), &mut self.standing).await
                }
                Source::Following(parts) => {
                    let next = until_quiet(parts.next(), &mut self.standing);
                    match timeout(self.log.patience, next).await {
                        Ok(heard) => heard,
                        // Silent: the job, or a connection that is dead without a word.
                        Err(_) if self.log.is_behind(&self.cursor).await => Heard::Quiet,
                        Err(_) => continue,
                    }
                }
                Source::Rest(parts) => until_quiet(parts.next(), &mut self.standing).await,
                Source::Log => {
                    let Err(error) = self.open_log().await else {
                        continue;
                    };
                    // A job that closed its output long before its end: the log would only have
                    // confirmed it.
                    if self.said_end && self.ended_in_sight().await {
                        self.source = Source::Done;
                        return None;
                    }
                    if error.class == ErrorClass::Transient && self.may_try_again().await {
                        continue;
                    }
                    self.source = Source::Done;
                    return Some(Err(error));
                }
                Source::Done => return None,
            };
            if let Heard::Part(part) = heard {
                self.breaks.heard();
                if let Some(chunk) = self.take(&part) {
                    return Some(Ok(chunk));
                }
            } else {
                if matches!(heard, Heard::End | Heard::Broke(_)) {
                    self.breaks.note(asked_at);
                }
                if let Some(error) = self.after_break(&heard).await {
                    return Some(Err(error));
                }
            }
        }
    }

    /// What of a part is new.
    fn take(&mut self, part: &LogOutput) -> Option<OutputChunk> {
        let (stream, bytes) = match &self.source {
            Source::Attached(_) => {
                let (stream, message) = stream_of(part)?;
                self.cursor.delivered(stream, message.len());
                (stream, message.to_vec())
            }
            Source::Log | Source::Following(_) | Source::Rest(_) | Source::Done => {
                let (stream, time, bytes) = split(part)?;
                (stream, self.cursor.entry(stream, time, bytes))
            }
        };
        (!bytes.is_empty()).then(|| OutputChunk {
            stream,
            bytes,
            resume: Some(self.cursor.resume_point()),
        })
    }

    /// The source has no more, broke or is quiet: what is next.
    async fn after_break(&mut self, heard: &Heard) -> Option<ExecutorError> {
        let source = std::mem::replace(&mut self.source, Source::Log);
        let near = async {
            let ended = |standing: &Standing| matches!(standing, Standing::Ended { .. });
            // An error: nobody waits for the end any more.
            self.standing
                .wait_for(ended)
                .await
                .map(|standing| *standing)
        };
        let standing = timeout(END_IS_NEAR, near).await;
        let is_end = matches!(heard, Heard::End);
        match source {
            Source::Attached(attached) => {
                let whole = is_end && !attached.was_given_up();
                self.said_end |= whole;
                // Whole: it was attached from the start, nothing broke, and the container has ended.
                if whole && matches!(standing, Ok(Ok(Standing::Ended { seen: true }) | Err(_))) {
                    self.source = Source::Done;
                }
            }
            Source::Rest(_) if is_end => {
                self.source = Source::Done;
                if !self.cursor.is_reached() {
                    return Some(self.log.does_not_reach_back());
                }
            }
            Source::Rest(_) => return self.try_the_log_again(heard).await,
            // From the log then, from the place that was reached.
            Source::Following(_) | Source::Log | Source::Done => {}
        }
        None
    }

    /// The log could not be read to its end: after a pause it is opened again, at the place that was
    /// reached; the error when that was tried often enough.
    async fn try_the_log_again(&mut self, heard: &Heard) -> Option<ExecutorError> {
        if self.may_try_again().await {
            return None;
        }
        self.source = Source::Done;
        let attempted = format!("read the log of container {}", short(&self.log.id));
        Some(match heard {
            Heard::Broke(error) => executor_error(attempted, error),
            Heard::Quiet | Heard::End | Heard::Part(_) => no_answer(attempted),
        })
    }

    /// Pauses before the log is opened again, unless that was done often enough. While the
    /// container runs there is no bound: its end is still to come, and output with it.
    async fn may_try_again(&mut self) -> bool {
        if matches!(*self.standing.borrow(), Standing::Ended { .. }) {
            self.tries += 1;
        }
        if self.tries > LAST_TRIES {
            return false;
        }
        sleep(AGAIN).await;
        true
    }

    /// Waits for the container's end. Whether the engine was in sight all the time.
    async fn ended_in_sight(&mut self) -> bool {
        let ended = |standing: &Standing| matches!(standing, Standing::Ended { .. });
        let standing = self.standing.wait_for(ended).await;
        standing.is_ok_and(|standing| *standing == Standing::Ended { seen: true })
    }

    /// Opens the log at the place that was reached: to be followed, or after the end for the rest.
    async fn open_log(&mut self) -> Result<(), ExecutorError> {
        self.breaks.judge(&self.log.engine, &self.log.id).await?;
        self.log.check_is_whole(&self.cursor).await?;
        let ended = matches!(*self.standing.borrow(), Standing::Ended { .. });
        let gone = self.standing.has_changed().is_err();
        let follow = !ended && !gone;
        if follow {
            // Followed, the log has no end at which a place would prove to be missing.
            self.log.check_has_the_place(&self.cursor).await?;
        }
        let parts = self.log.read(follow, "all");
        self.cursor.begin_log();
        self.source = if follow {
            Source::Following(parts)
        } else {
            Source::Rest(parts)
        };
        Ok(())
    }
}

/// The next part of a source, unless it is quiet for too long after the container's end.
async fn until_quiet(
    part: impl Future<Output = Option<Result<LogOutput, EngineError>>>,
    standing: &mut watch::Receiver<Standing>,
) -> Heard {
    let quiet = async {
        let ended = |standing: &Standing| matches!(standing, Standing::Ended { .. });
        // An error: nobody waits for the end, so this goes on to the end of the connection.
        if standing.wait_for(ended).await.is_err() {
            std::future::pending::<()>().await;
        }
        sleep(QUIET).await;
    };
    tokio::select! {
        biased;
        part = part => match part {
            Some(Ok(part)) => Heard::Part(part),
            Some(Err(error)) => Heard::Broke(error),
            None => Heard::End,
        },
        () = quiet => Heard::Quiet,
    }
}
