//! The engine's log of one container: reading it, and whether a place is still in it.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use longshore_core::output::Stream;
use tokio::time::timeout;

use super::cursor::Cursor;
use crate::body::LogFiles;
use crate::engine::{Engine, short};
use crate::error::{executor_error, no_answer};

/// What the engine sends of a container's output.
pub(super) type Parts = BoxStream<'static, Result<LogOutput, EngineError>>;

/// One container's log.
pub(super) struct Log {
    pub engine: Engine,
    pub id: String,
    pub files: LogFiles,
    /// How long the engine may be silent before it is asked, or given up.
    pub patience: Duration,
}

impl Log {
    /// Its entries with their times, up to now or as they come.
    pub fn read(&self, follow: bool, tail: &str) -> Parts {
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(follow)
            .tail(tail)
            .build();
        self.engine.docker.logs(&self.id, Some(options)).boxed()
    }

    /// Whether the log has more than what is followed has brought. An engine that does not answer
    /// says nothing of that; it is asked again after the next silence.
    pub async fn is_behind(&self, cursor: &Cursor) -> bool {
        let mut last = self.read(false, "1");
        while let Ok(Some(Ok(part))) = timeout(self.patience, last.next()).await {
            let news = split(&part).is_some_and(|(stream, time, _)| cursor.lacks(stream, time));
            if news {
                return true;
            }
        }
        false
    }

    /// A place that is counted from the log's beginning can be found only while the log has its
    /// beginning. The engine drops the oldest file only when all the others are full; so as long as
    /// what is there is surely smaller than that, nothing was dropped.
    pub async fn check_is_whole(&self, cursor: &Cursor) -> Result<(), ExecutorError> {
        if !cursor.needs_whole_log() {
            return Ok(());
        }
        let attempted = || format!("go on with the output of container {}", short(&self.id));
        let whole_bytes = self.engine.log_driver().await?.surely_keeps(&self.files);
        let mut parts = self.read(false, "all");
        let mut bytes = 0;
        loop {
            let part = match timeout(self.patience, parts.next()).await {
                Ok(Some(part)) => part.map_err(|error| executor_error(attempted(), &error))?,
                Ok(None) => return Ok(()),
                Err(_late) => return Err(no_answer(attempted())),
            };
            bytes += part.as_ref().len() as u64;
            if bytes >= whole_bytes {
                return Err(self.does_not_reach_back());
            }
        }
    }

    /// Whether the entries at which each stream was left are still in the log.
    pub async fn check_has_the_place(&self, cursor: &Cursor) -> Result<(), ExecutorError> {
        let mut cursor = cursor.clone();
        cursor.begin_log();
        if cursor.is_reached() {
            return Ok(());
        }
        let attempted = || {
            format!(
                "find the place in the output of container {}",
                short(&self.id)
            )
        };
        let mut parts = self.read(false, "all");
        loop {
            let part = match timeout(self.patience, parts.next()).await {
                Ok(Some(part)) => part.map_err(|error| executor_error(attempted(), &error))?,
                Ok(None) => return Err(self.does_not_reach_back()),
                Err(_late) => return Err(no_answer(attempted())),
            };
            if let Some((stream, time, bytes)) = split(&part) {
                cursor.entry(stream, time, bytes);
            }
            if cursor.is_reached() {
                return Ok(());
            }
        }
    }

    /// What is said where the place is not in it any more.
    pub fn does_not_reach_back(&self) -> ExecutorError {
        let attempted = format!("go on with the output of container {}", short(&self.id));
        let problem = "the engine's log does not reach back to where it was left";
        ExecutorError::new(ErrorClass::Unknown, attempted, problem)
    }
}

/// What of a container's output a part is.
pub(super) fn stream_of(part: &LogOutput) -> Option<(Stream, &[u8])> {
    match part {
        LogOutput::StdOut { message } => Some((Stream::Stdout, message)),
        LogOutput::StdErr { message } => Some((Stream::Stderr, message)),
        // What a connection that broke inside a part leaves over: it is in the log, whole.
        LogOutput::StdIn { .. } | LogOutput::Console { .. } => None,
    }
}

/// An entry of the log: its time, a space, the bytes.
pub(super) fn split(part: &LogOutput) -> Option<(Stream, &str, &[u8])> {
    let (stream, message) = stream_of(part)?;
    let space = message.iter().position(|byte| *byte == b' ')?;
    let time = str::from_utf8(&message[..space]).ok()?;
    Some((stream, time, &message[space + 1..]))
}
