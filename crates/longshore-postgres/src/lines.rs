//! What this process remembers of each queue's line: the frontier and the live slots.
//!
//! Owns that memory and the looks that feed it. It holds no truth: everything here can be forgotten
//! at any time, and is when an error leaves it open what happened.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_core::QueueId;
use longshore_core::store::{StoreError, StoreResult};

use crate::db::Db;
use crate::frontier::{Frontier, Look, Segment};
use crate::slots::LiveSlots;
use crate::timestamps::At;

/// A queue that nothing was acquired from for this long is not looked at any more.
const IN_USE: Duration = Duration::from_secs(5);

/// What is remembered of every queue.
#[derive(Debug)]
pub(crate) struct Lines {
    started: Instant,
    queues: Mutex<HashMap<QueueId, Line>>,
    hints: AtomicU64,
}

#[derive(Debug)]
struct Line {
    /// The start of the server process that it was learned from.
    server: Timestamp,
    frontier: Frontier,
    live: Option<LiveSlots>,
    used_at: Instant,
}

/// What an acquisition takes along.
#[derive(Debug)]
pub(crate) struct Known {
    pub server: Option<Timestamp>,
    pub segments: Vec<Segment>,
    pub live: Option<LiveSlots>,
}

impl Known {
    fn of(line: Option<&Line>) -> Self {
        match line {
            Some(line) => {
                let segments = line.frontier.segments();
                Self {
                    server: Some(line.server),
                    segments,
                    live: line.live.clone(),
                }
            }
            None => Self {
                server: None,
                segments: Frontier::default().segments(),
                live: None,
            },
        }
    }
}

impl Lines {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            queues: Mutex::default(),
            hints: AtomicU64::new(0),
        }
    }

    /// What is known of a queue, for an acquisition.
    pub fn known(&self, queue: QueueId) -> Known {
        let mut queues = self.queues();
        if let Some(line) = queues.get_mut(&queue) {
            line.used_at = Instant::now();
        }
        Known::of(queues.get(&queue))
    }

    /// Learns from an acquisition that was committed: the live slots, and the lanes that it took from.
    pub fn learn(
        &self,
        queue: QueueId,
        server: Timestamp,
        live: Option<LiveSlots>,
        lanes: impl IntoIterator<Item = i16>,
    ) {
        self.with(queue, server, |line| {
            line.used_at = Instant::now();
            for lane in lanes {
                line.frontier.note(lane);
            }
            if let Some(live) = live
                && line
                    .live
                    .as_ref()
                    .is_none_or(|known| live.is_newer_than(known))
            {
                line.live = Some(live);
            }
        });
    }

    /// Forgets the live slots: an acquisition failed, perhaps after it had been committed.
    pub fn forget_slots(&self, queue: QueueId) {
        if let Some(line) = self.queues().get_mut(&queue) {
            line.live = None;
        }
    }

    /// How often a frontier moved on unproved.
    pub fn hints(&self) -> u64 {
        self.hints.load(Ordering::Relaxed)
    }

    /// Looks at the lines in use, over and over. Ends only by being aborted, between two looks or
    /// within one: a look changes nothing.
    pub async fn keep_looking(self: Arc<Self>, db: Db, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let in_use: Vec<QueueId> = self
                .queues()
                .iter()
                .filter(|(_, line)| line.used_at.elapsed() < IN_USE)
                .map(|(queue, _)| *queue)
                .collect();
            for queue in in_use {
                if let Err(error) = self.look(&db, queue).await {
                    tracing::debug!(%error, queue = queue.0, "a look at the line failed");
                }
            }
        }
    }

    /// Looks at a queue's line once, and learns.
    pub async fn look(&self, db: &Db, queue: QueueId) -> StoreResult<()> {
        const VERB: &str = "look at the line";
        let Known {
            server: before,
            segments,
            ..
        } = Known::of(self.queues().get(&queue));
        let lanes: Vec<i16> = segments.iter().map(|segment| segment.lane).collect();
        let seqs: Vec<i64> = segments.iter().map(|segment| segment.seq).collect();
        let next_lanes: Vec<i16> = segments.iter().map(|segment| segment.next_lane).collect();
        let row = db
            .one(
                VERB,
                include_str!("../sql/probe_line.sql"),
                &[&queue.0, &lanes, &seqs, &next_lanes],
            )
            .await?;
        let unreadable = |e| StoreError::unexpected(VERB, e);
        let At(server) = row.try_get("server").map_err(unreadable)?;
        let lanes: Vec<i16> = row.try_get("lanes").map_err(unreadable)?;
        let first_seqs: Vec<Option<i64>> = row.try_get("seqs").map_err(unreadable)?;
        let look = Look {
            lanes: lanes.into_iter().zip(first_seqs).collect(),
            drawn: row.try_get("drawn").map_err(unreadable)?,
            oldest_open: row.try_get("xmin").map_err(unreadable)?,
            drawn_xid: row.try_get("xid").map_err(unreadable)?,
            at: self.started.elapsed(),
        };
        if before.is_some_and(|before| before != server) {
            // The segments were another server's: what was found behind them proves nothing here.
            self.with(queue, server, |_| ());
            return Ok(());
        }
        let mut hints = 0;
        self.with(queue, server, |line| hints = line.frontier.learn(&look));
        if hints > 0 {
            self.hints.fetch_add(hints as u64, Ordering::Relaxed);
            tracing::debug!(
                queue = queue.0,
                "a writer is open for long: the frontier is a hint"
            );
        }
        Ok(())
    }

    /// Works on what is known of a queue by this server process; what another taught is forgotten.
    fn with(&self, queue: QueueId, server: Timestamp, work: impl FnOnce(&mut Line)) {
        let mut queues = self.queues();
        let fresh = || Line {
            server,
            frontier: Frontier::default(),
            live: None,
            used_at: Instant::now(),
        };
        let line = queues.entry(queue).or_insert_with(fresh);
        if line.server != server {
            *line = fresh();
        }
        work(line);
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<QueueId, Line>> {
        // Nothing in here can be half-changed in a way that matters: at worst it is forgotten.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
