//! Whether an engine that was away took output along.
//!
//! With live-restore a container goes on while its engine is down, and what it writes then is lost:
//! the pipes' other ends, and what was on its way to the log, died with the engine. So where a
//! connection broke it is asked whether this is still the run of the engine that started the
//! container. The engine's own memory of what happened tells: the last 256 events, which die with it.
//! An engine that remembers the start is the same. One that remembers less than it has room for, and
//! not the start, is another. (Podman's output is kept by a process of each container; without
//! live-restore a container ends with its engine, which is an end that is told apart by itself.)

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use longshore_core::Timestamp;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use tokio::time::Instant;

use crate::engine::{Answer, Engine, short};

/// So many events an engine remembers (`eventsLimit` in its source). A little less, for those that
/// are about to be forgotten while they are told.
const REMEMBERED: usize = 250;

/// What comes after so long a wait was waited for when it came.
const HEARD_AT_ONCE: Duration = Duration::from_secs(1);

/// The breaks of one watch, and what may be missing for them.
#[derive(Debug)]
pub(super) struct Breaks {
    /// When something was heard last.
    heard_at: Timestamp,
    /// What the engine was not asked about yet.
    unjudged: Option<Break>,
    missing: Option<Missing>,
}

/// Where output may be missing from.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Break {
    /// It was seen.
    Seen(Timestamp),
    /// Somewhere since the container's start: for whoever goes on with another's watch.
    Since(String),
}

/// Output that may be missing.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Missing {
    /// Since when, in the words of whoever's clock it is.
    from: String,
    /// Until when: the engine was there again.
    to: Timestamp,
}

impl Default for Breaks {
    fn default() -> Self {
        Self {
            heard_at: now(),
            unjudged: None,
            missing: None,
        }
    }
}

impl Breaks {
    /// There may have been one before this watch, since that start of the container; empty if it was
    /// not started.
    pub fn may_be_earlier(&mut self, started_at: String) {
        self.unjudged = (!started_at.is_empty()).then_some(Break::Since(started_at));
    }

    /// Something was heard.
    pub fn heard(&mut self) {
        self.heard_at = now();
    }

    /// A connection ended that was last listened to since `asked_at`: it may be the engine that did.
    pub fn note(&mut self, asked_at: Instant) {
        // Who was slow to ask hears late of it: then it may have been as early as what came last.
        let heard_at_once = asked_at.elapsed() >= HEARD_AT_ONCE;
        let at = if heard_at_once { now() } else { self.heard_at };
        self.unjudged.get_or_insert(Break::Seen(at));
    }

    /// Asks what a break means. An error: the engine does not answer, so ask again.
    pub async fn judge(&mut self, engine: &Engine, id: &str) -> Result<(), ExecutorError> {
        let Some(broke_at) = &self.unjudged else {
            return Ok(());
        };
        let memory = if can_lose(engine).await? {
            memory(engine, id).await?
        } else {
            Memory::Same
        };
        let from = match (memory, broke_at) {
            // Of another's watch only what is sure is said: an engine forgets in time.
            (Memory::Same, _) | (Memory::Unclear, Break::Since(_)) => None,
            (Memory::Another, Break::Since(start)) => Some(start.clone()),
            (Memory::Another | Memory::Unclear, Break::Seen(at)) => Some(at.to_string()),
        };
        if let Some(from) = from {
            let to = now();
            match &mut self.missing {
                // Another break: both as one.
                Some(missing) => missing.to = to,
                None => self.missing = Some(Missing { from, to }),
            }
        }
        self.unjudged = None;
        Ok(())
    }

    /// What is to be said once everything else was.
    pub fn take_error(&mut self, id: &str) -> Option<ExecutorError> {
        let Missing { from, to } = self.missing.take()?;
        Some(ExecutorError::new(
            ErrorClass::Unknown,
            format!("read the output of container {}", short(id)),
            format!(
                "what it wrote between {from} and {to} may be missing: its engine was down \
                 meanwhile, and keeps no output then"
            ),
        ))
    }
}

/// This worker's clock, for people.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or_default();
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// Whether the engine that runs now started the container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Memory {
    /// It remembers it.
    Same,
    /// It would remember it.
    Another,
    /// So much has happened since that it may have forgotten.
    Unclear,
}

/// Whether that engine can have lost output of a container that it did not end.
async fn can_lose(engine: &Engine) -> Result<bool, ExecutorError> {
    if engine.is_podman().await? {
        return Ok(false);
    }
    Ok(engine.info().await?.live_restore_enabled.unwrap_or(false))
}

/// Asks an engine for the start of a container.
async fn memory(engine: &Engine, id: &str) -> Result<Memory, ExecutorError> {
    // By the engine's own clock: a time in its future would be waited for.
    let now = engine.info().await?.system_time.unwrap_or_default();
    let until = match now.parse::<Timestamp>() {
        Ok(now) => now.as_second().to_string(),
        Err(_) => return Ok(Memory::Unclear),
    };
    let options = EventsOptionsBuilder::new().since("1").until(&until).build();
    let call = async {
        let mut events = engine.docker.events(Some(options)).boxed();
        let (mut count, mut remembers) = (0, false);
        while let Some(event) = events.next().await {
            let event = event?;
            count += 1;
            let is_start = event.action.as_deref() == Some("start");
            let actor = event.actor.and_then(|actor| actor.id);
            remembers |= is_start && actor.as_deref() == Some(id);
        }
        Ok((count, remembers))
    };
    let attempted = format!("ask for the start of container {}", short(id));
    match engine.call(attempted, call).await? {
        Answer::Done((_, true)) => Ok(Memory::Same),
        Answer::Done((count, false)) if count < REMEMBERED => Ok(Memory::Another),
        Answer::Done(_) => Ok(Memory::Unclear),
        Answer::Absent(error) | Answer::Conflict(error) => Err(error),
    }
}
