//! The connection that brings a container's output as it is written.
//!
//! It is read by a task of its own, no further ahead than a little: what nobody takes stays with
//! the engine, and slows the container down. An engine does not see the end of a container whose
//! output is not taken, though, and does not even answer questions about it. When that shows
//! ([`Pressure::unstick`]) some more is read: a container that has ended left no more than the
//! engine's own buffers hold. Should there be more, the connection is given up, and the output goes
//! on from the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// So many bytes are read ahead.
const AHEAD_BYTES: usize = 256 * 1024;
/// So many are, when the engine is stuck: its own buffers hold 1 MiB, those on the way some more.
const SPARE_BYTES: usize = 4 * 1024 * 1024;
/// An engine that takes this long over a question about a container may be stuck with its output.
const STUCK: Duration = Duration::from_secs(3);

type Part = Result<LogOutput, EngineError>;

/// An attached connection.
pub(super) struct Attached {
    parts: mpsc::Receiver<Part>,
    given_up: Arc<AtomicBool>,
}

/// Told when the engine seems to be stuck with what nobody takes.
#[derive(Debug)]
pub(super) struct Pressure(watch::Sender<bool>);

impl Attached {
    pub fn read(parts: BoxStream<'static, Part>, stuck: watch::Receiver<bool>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let given_up = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&given_up);
        // Ends with the connection, or when nobody is left to take what it brings.
        tokio::spawn(async move {
            if pump(parts, stuck, sender).await == Pumped::GaveUp {
                flag.store(true, Ordering::Release);
            }
        });
        Self {
            parts: receiver,
            given_up,
        }
    }

    pub async fn next(&mut self) -> Option<Part> {
        self.parts.recv().await
    }

    /// Whether it ended before the output did. Known once it has no more.
    pub fn was_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

impl Pressure {
    pub fn new() -> (Self, watch::Receiver<bool>) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), receiver)
    }

    /// Asks the engine about the container; if the answer takes long, output that nobody takes is
    /// let go.
    pub async fn unstick<T>(&self, question: impl Future<Output = T>) -> T {
        tokio::pin!(question);
        if let Ok(answer) = timeout(STUCK, &mut question).await {
            return answer;
        }
        self.0.send_replace(true);
        let answer = question.await;
        self.0.send_replace(false);
        answer
    }
}

#[derive(PartialEq, Eq)]
enum Pumped {
    Everything,
    GaveUp,
}

/// Moves parts from the connection to whoever takes them.
async fn pump(
    mut parts: BoxStream<'static, Part>,
    mut stuck: watch::Receiver<bool>,
    sender: mpsc::Sender<Part>,
) -> Pumped {
    let mut backlog: VecDeque<Part> = VecDeque::new();
    let (mut bytes, mut is_open, mut may_get_stuck) = (0, true, true);
    while is_open || !backlog.is_empty() {
        let is_stuck = *stuck.borrow_and_update();
        if is_stuck && bytes >= SPARE_BYTES {
            return Pumped::GaveUp;
        }
        let limit = if is_stuck { SPARE_BYTES } else { AHEAD_BYTES };
        tokio::select! {
            permit = sender.reserve() , if !backlog.is_empty() => {
                let (Ok(permit), Some(part)) = (permit, backlog.pop_front()) else {
                    return Pumped::Everything; // nobody wants it
                };
                bytes -= size(&part);
                permit.send(part);
            }
            part = parts.next(), if is_open && bytes < limit => match part {
                Some(part) => {
                    bytes += size(&part);
                    backlog.push_back(part);
                }
                None => is_open = false,
            },
            // An error: nobody waits for the end any more, so nobody is stuck.
            changed = stuck.changed(), if may_get_stuck => may_get_stuck = changed.is_ok(),
            () = sender.closed() => return Pumped::Everything,
        }
    }
    Pumped::Everything
}

fn size(part: &Part) -> usize {
    part.as_ref().map_or(0, |part| part.as_ref().len())
}
