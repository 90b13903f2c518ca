//! What became of everything: [`WorkerReport`], a worker's last line.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::disposition::Disposition;
use longshore_core::spec::format_duration;
use longshore_core::state::TerminalState;
use longshore_core::store::{Finish, FinishOutcome};

use crate::retrying::ContentionCounts;

/// Why a worker ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum EndedBy {
    /// It was told to.
    #[default]
    Drained,
    /// Nothing waited or ran in its queues.
    Empty,
    /// Its one batch had ended.
    OneBatch,
    /// It could not go on: a schema from another version, a defect. What ran was drained.
    Fault(String),
}

/// What became of everything that a worker acquired.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkerReport {
    /// Why it ended.
    pub ended_by: EndedBy,
    /// For how long it worked.
    pub elapsed: Duration,
    /// Attempts acquired, or taken over.
    pub acquired: u64,
    /// Of these, attempts that another worker had before.
    pub taken_over: u64,
    /// Attempts whose container ran.
    pub launched: u64,
    /// The most attempts at once.
    pub peak: u64,
    /// Jobs that ended `completed`.
    pub completed: u64,
    /// Jobs that ended `failed`.
    pub failed: u64,
    /// Jobs that ended `timed_out`.
    pub timed_out: u64,
    /// Jobs that ended `cancelled`.
    pub cancelled: u64,
    /// Attempts that another one follows after a delay.
    pub retried: u64,
    /// Attempts that were given back to their line, uncounted.
    pub handed_back: u64,
    /// Attempts lost to a host or a defect, back in their line against the crash budget.
    pub lost: u64,
    /// Attempts left alive for another worker to take over.
    pub left_alive: u64,
    /// Leases that had become another's: nothing was written for them.
    pub lost_leases: u64,
    /// Attempts whose end could not be told to the database before the time was up; their leases
    /// stand until recovery.
    pub unfinished: u64,
    /// Of all attempts, those whose container never started.
    pub launch_failures: u64,
    /// Leases that a lost reply had left unknown, given back.
    pub reconciled: u64,
    /// How often it was fenced, and started over under a new id.
    pub fenced: u64,
    /// Collisions in the database, by kind.
    pub contention: ContentionCounts,
}

impl fmt::Display for WorkerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ended_by {
            EndedBy::Drained => f.write_str("drained")?,
            EndedBy::Empty => f.write_str("nothing left to do")?,
            EndedBy::OneBatch => f.write_str("one batch done")?,
            EndedBy::Fault(why) => write!(f, "stopped: {why}")?,
        }
        let elapsed = format_duration(self.elapsed);
        write!(f, " after {elapsed}: {} acquired", self.acquired)?;
        for (count, name) in [
            (self.completed, "completed"),
            (self.failed, "failed"),
            (self.timed_out, "timed out"),
            (self.cancelled, "cancelled"),
            (self.retried, "to be retried"),
            (self.handed_back, "handed back"),
            (self.lost, "lost and queued again"),
            (self.left_alive, "left running"),
            (self.lost_leases, "taken over by others"),
            (self.unfinished, "left to recovery"),
        ] {
            if count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        let asides = [
            (self.taken_over, "taken over from others"),
            (self.launch_failures, "failed launches"),
            (self.reconciled, "unknown leases given back"),
            (self.fenced, "times fenced"),
            (self.contention.total(), "database collisions"),
        ];
        let asides: Vec<String> = asides
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        if !asides.is_empty() {
            write!(f, " ({})", asides.join(", "))?;
        }
        Ok(())
    }
}

impl WorkerReport {
    /// Everything that was acquired and is accounted for. At the end of a worker this equals
    /// `acquired`: nothing is forgotten.
    pub fn accounted(&self) -> u64 {
        self.completed
            + self.failed
            + self.timed_out
            + self.cancelled
            + self.retried
            + self.handed_back
            + self.lost
            + self.left_alive
            + self.lost_leases
            + self.unfinished
    }

    /// Adds what another shift of the same worker did.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            ended_by: _,
            elapsed: _,
            acquired,
            taken_over,
            launched,
            peak,
            completed,
            failed,
            timed_out,
            cancelled,
            retried,
            handed_back,
            lost,
            left_alive,
            lost_leases,
            unfinished,
            launch_failures,
            reconciled,
            fenced,
            contention,
        } = other;
        self.acquired += acquired;
        self.taken_over += taken_over;
        self.launched += launched;
        self.peak = self.peak.max(*peak);
        self.completed += completed;
        self.failed += failed;
        self.timed_out += timed_out;
        self.cancelled += cancelled;
        self.retried += retried;
        self.handed_back += handed_back;
        self.lost += lost;
        self.left_alive += left_alive;
        self.lost_leases += lost_leases;
        self.unfinished += unfinished;
        self.launch_failures += launch_failures;
        self.reconciled += reconciled;
        self.fenced += fenced;
        self.contention = *contention; // Counted by the store for the whole process.
    }

    fn count_finish(&mut self, finish: &Finish, told: FinishOutcome) {
        match finish.record.outcome {
            Outcome::LaunchFailed => self.launch_failures += 1,
            Outcome::Exited
            | Outcome::RunTimeout
            | Outcome::OutputTimeout
            | Outcome::Cancelled
            | Outcome::HandedBack
            | Outcome::HostLost
            | Outcome::Vanished => {}
        }
        // A job whose end was asked for in the meantime did not go where we said.
        let then = if told == FinishOutcome::Cancelled {
            Disposition::Settle(TerminalState::Cancelled)
        } else {
            finish.then
        };
        let counter = match then {
            Disposition::Settle(TerminalState::Completed) => &mut self.completed,
            Disposition::Settle(TerminalState::Failed) => &mut self.failed,
            Disposition::Settle(TerminalState::TimedOut) => &mut self.timed_out,
            Disposition::Settle(TerminalState::Cancelled) => &mut self.cancelled,
            Disposition::RetryAfter(_) => &mut self.retried,
            Disposition::HandBack => &mut self.handed_back,
            Disposition::Lost => &mut self.lost,
        };
        *counter += 1;
    }
}

/// The counters of a working worker. The lock is held for a few additions, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<WorkerReport>);

impl Tally {
    /// The counters as they stand.
    pub fn read(&self) -> WorkerReport {
        self.lock().clone()
    }

    /// Changes some of them.
    pub fn change(&self, change: impl FnOnce(&mut WorkerReport)) {
        change(&mut self.lock());
    }

    /// An attempt's end was stored, as the store said.
    pub fn finished(&self, finish: &Finish, told: FinishOutcome) {
        self.lock().count_finish(finish, told);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, WorkerReport> {
        // Additions can't leave a report half-changed, so a poisoned one is as good as any.
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_names_what_happened_and_leaves_out_what_did_not() {
        let report = WorkerReport {
            elapsed: Duration::from_secs(65),
            acquired: 4,
            completed: 3,
            handed_back: 1,
            contention: ContentionCounts {
                busy: 2,
                ..ContentionCounts::default()
            },
            ..WorkerReport::default()
        };
        assert_eq!(
            report.to_string(),
            "drained after 1m5s: 4 acquired, 3 completed, 1 handed back (2 database collisions)"
        );
        assert_eq!(report.accounted(), report.acquired);
    }
}
