//! What this process remembers of each queue's line: the frontier and the live slots.
//!
//! Owns that memory and the looks that feed it. It holds no truth: everything here can be forgotten
//! at any time, and is when an error leaves it open what happened, and when a connection is made: a
//! server that crashed comes back under the same start time, and may draw again what was drawn by
//! transactions that it lost. What was asked for before then teaches nothing after.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longshore_core::QueueId;
use longshore_core::store::{StoreError, StoreResult};

use crate::db::Db;
use crate::frontier::{Asked, Frontier, Look, Segment};
use crate::slots::LiveSlots;
use crate::timestamps::At;

/// A queue that nothing was acquired from for this long is not looked at any more.
const IN_USE: Duration = Duration::from_secs(5);

/// After so many jobs that this process took from a line it is looked at: they left as many dead entries.
const MANY: u64 = 500;

/// A queue that gives fewer is looked at only so often: whoever else takes its jobs leaves dead entries too,
/// but a worker with little work, or with many queues, must not keep the database busy.
const SELDOM: Duration = Duration::from_secs(10);

/// What is remembered of every queue.
#[derive(Debug)]
pub(crate) struct Lines {
    db: Db,
    started: Instant,
    memory: Mutex<Memory>,
    hints: AtomicU64,
}

#[derive(Debug, Default)]
struct Memory {
    /// How many connections had been made when it began.
    made: u64,
    queues: HashMap<QueueId, Line>,
}

#[derive(Debug)]
struct Line {
    /// The start of the server process that it was learned from.
    server: Timestamp,
    frontier: Frontier,
    live: Option<LiveSlots>,
    used_at: Instant,
    /// How many jobs acquisitions brought since the last look.
    taken: u64,
    looked_at: Instant,
}

/// What an acquisition takes along.
#[derive(Debug)]
pub(crate) struct Known {
    pub server: Option<Timestamp>,
    pub segments: Vec<Segment>,
    pub live: Option<LiveSlots>,
    /// How many connections had been made: what follows from this knowledge is of that time.
    pub made: u64,
}

impl Line {
    fn new(server: Timestamp, now: Instant) -> Self {
        Self {
            server,
            frontier: Frontier::default(),
            live: None,
            used_at: now,
            taken: 0,
            looked_at: now,
        }
    }

    fn is_to_be_looked_at(&self, now: Instant) -> bool {
        let for_long = |since: Instant, time: Duration| now.duration_since(since) >= time;
        !for_long(self.used_at, IN_USE) && (self.taken >= MANY || for_long(self.looked_at, SELDOM))
    }
}

impl Lines {
    pub fn new(db: Db) -> Self {
        Self {
            db,
            started: Instant::now(),
            memory: Mutex::default(),
            hints: AtomicU64::new(0),
        }
    }

    /// What is known of a queue, for an acquisition over a connection that the caller has already.
    pub fn known(&self, queue: QueueId) -> Known {
        let mut memory = self.memory();
        let made = memory.made;
        let Some(line) = memory.queues.get_mut(&queue) else {
            return Known {
                server: None,
                segments: Frontier::default().segments(),
                live: None,
                made,
            };
        };
        line.used_at = Instant::now();
        Known {
            server: Some(line.server),
            segments: line.frontier.segments(),
            live: line.live.clone(),
            made,
        }
    }

    /// Learns from an acquisition that was committed, and that took along what was known when `made`
    /// connections had been made: the live slots, and the lanes that it took from.
    pub fn learn(
        &self,
        queue: QueueId,
        made: u64,
        server: Timestamp,
        live: Option<LiveSlots>,
        lanes: impl IntoIterator<Item = i16>,
    ) {
        self.with(queue, made, server, |line| {
            line.used_at = Instant::now();
            for lane in lanes {
                line.frontier.note(lane);
                line.taken += 1;
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
        if let Some(line) = self.memory().queues.get_mut(&queue) {
            line.live = None;
        }
    }

    /// How often a frontier moved on unproved.
    pub fn hints(&self) -> u64 {
        self.hints.load(Ordering::Relaxed)
    }

    /// Looks at the lines in use, over and over. Ends only by being aborted, between two looks or
    /// within one: a look changes nothing.
    pub async fn keep_looking(self: Arc<Self>, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let in_use: Vec<QueueId> = self
                .memory()
                .queues
                .iter()
                .filter(|(_, line)| line.is_to_be_looked_at(Instant::now()))
                .map(|(queue, _)| *queue)
                .collect();
            for queue in in_use {
                if let Err(error) = self.look(queue, Duration::ZERO).await {
                    tracing::debug!(%error, queue = queue.0, "a look at the line failed");
                }
            }
        }
    }

    /// Looks at a queue's line once, and learns; as if it were `later` than it is, for tests of what
    /// patience does.
    pub async fn look(&self, queue: QueueId, later: Duration) -> StoreResult<()> {
        const VERB: &str = "look at the line";
        let client = self.db.client(VERB).await?;
        let (made, before, asked) = self.asked(queue);
        let lanes: Vec<i16> = asked.iter().map(|a| a.segment.lane).collect();
        let seqs: Vec<i64> = asked.iter().map(|a| a.segment.seq).collect();
        let next_lanes: Vec<i16> = asked.iter().map(|a| a.segment.next_lane).collect();
        let covered: Vec<i64> = asked.iter().map(|a| a.covered).collect();
        let row = self
            .db
            .one_over(
                VERB,
                client,
                include_str!("../sql/acquire_probe.sql"),
                &[&queue.0, &lanes, &seqs, &next_lanes, &covered],
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
            at: self.started.elapsed() + later,
        };
        if before.is_some_and(|before| before != server) {
            // The segments were another server's: what was found behind them proves nothing here.
            self.with(queue, made, server, |_| ());
            return Ok(());
        }
        let mut hints = 0;
        self.with(queue, made, server, |line| {
            line.looked_at = Instant::now();
            line.taken = 0;
            hints = line.frontier.learn(&look);
        });
        if hints > 0 {
            let before = self.hints.fetch_add(hints as u64, Ordering::Relaxed);
            tracing::warn!(
                queue = queue.0,
                hints = before + hints as u64,
                "a transaction has been open for more than 10 s: jobs that it submits may be overtaken"
            );
        }
        Ok(())
    }

    /// Where a look begins: connections made so far, the server that taught it, and the segments.
    pub fn asked(&self, queue: QueueId) -> (u64, Option<Timestamp>, Vec<Asked>) {
        let memory = self.memory();
        match memory.queues.get(&queue) {
            Some(line) => (memory.made, Some(line.server), line.frontier.asked()),
            None => (memory.made, None, Frontier::default().asked()),
        }
    }

    /// Works on what is known of a queue by this server process, unless a connection was made since
    /// `made` was read; what another server process taught is forgotten.
    fn with(&self, queue: QueueId, made: u64, server: Timestamp, work: impl FnOnce(&mut Line)) {
        let mut memory = self.memory();
        if memory.made != made {
            return;
        }
        let fresh = || Line::new(server, Instant::now());
        let line = memory.queues.entry(queue).or_insert_with(fresh);
        if line.server != server {
            *line = fresh();
        }
        work(line);
    }

    /// What is remembered since a connection was made last.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing in here can be half-changed in a way that matters: at worst it is forgotten.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let made = self.db.connections_made();
        if memory.made != made {
            *memory = Memory {
                made,
                queues: HashMap::new(),
            };
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_gives_little_is_looked_at_seldom_and_one_that_nobody_asks_not_at_all() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut line = Line::new(Timestamp::UNIX_EPOCH, begin);
        assert!(!line.is_to_be_looked_at(after(1)), "it gave nothing");
        line.taken = MANY;
        assert!(line.is_to_be_looked_at(after(1)), "it gave many");
        assert!(!line.is_to_be_looked_at(after(5)), "nobody asked since");
        line.taken = MANY - 1;
        line.used_at = after(9);
        assert!(!line.is_to_be_looked_at(after(9)), "it gave few");
        line.used_at = after(10);
        assert!(line.is_to_be_looked_at(after(10)), "not looked at for long");
        line.looked_at = after(10);
        assert!(!line.is_to_be_looked_at(after(11)));
    }
}
