//! How long ago this worker's last answered heartbeat was *sent*.
//!
//! Owns the local guard of PROTOCOL section 4, step 1: a worker that slept through its lease must
//! not launch anything, although no answer has told it so yet. The age is measured from the
//! sending, because the store's clock started no later than that; and on a clock that runs
//! through suspend, because the others' clocks do.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use longshore_core::Timestamp;

/// A clock that runs through suspend: time since some fixed moment.
#[derive(Clone)]
pub struct BootClock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl BootClock {
    /// The machine's own.
    pub fn of_machine() -> Self {
        Self(Arc::new(time_since_boot))
    }

    /// Another source of time, for tests of suspends.
    pub fn from_fn(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for BootClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BootClock({:?})", self.now())
    }
}

#[cfg(target_os = "linux")]
fn time_since_boot() -> Duration {
    let clock = nix::time::ClockId::CLOCK_BOOTTIME;
    nix::time::clock_gettime(clock)
        .expect("Linux has had CLOCK_BOOTTIME since 2.6.39, and the call has no other way to fail")
        .into()
}

/// Elsewhere the monotonic clock is the nearest; on macOS it too runs through sleep.
#[cfg(not(target_os = "linux"))]
fn time_since_boot() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .expect("every POSIX system has a monotonic clock")
        .into()
}

/// When the last heartbeat that was answered had been sent.
#[derive(Debug)]
pub(crate) struct Liveness {
    clock: BootClock,
    lease_ttl: Duration,
    /// The longest time between two answered heartbeats that is not an outage.
    usual_gap: Duration,
    sent_micros: AtomicU64,
    /// When the database heard the newest of those that were answered, in microseconds since 1970.
    heard_micros: AtomicI64,
    /// Until when the others are given time to be heard of again.
    patient_until: AtomicU64,
}

impl Liveness {
    /// Registration counts as the first heartbeat; `sent` is when it was asked for.
    pub fn new(clock: BootClock, lease_ttl: Duration, interval: Duration, sent: Duration) -> Self {
        Self {
            clock,
            lease_ttl,
            usual_gap: (lease_ttl / 2).max(interval + interval / 2),
            sent_micros: AtomicU64::new(micros(sent)),
            heard_micros: AtomicI64::new(UNHEARD),
            patient_until: AtomicU64::new(0),
        }
    }

    /// To be read before a heartbeat is sent.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// When the database last heard of this worker, as far as an answer told; none before the first.
    pub fn heard_at(&self) -> Option<Timestamp> {
        let heard = self.heard_micros.load(Ordering::Acquire);
        Timestamp::from_microsecond(heard).ok()
    }

    /// The heartbeat that was sent at that time was answered: the database heard it then.
    pub fn answered(&self, sent: Duration, heard: Timestamp) {
        self.heard_micros
            .fetch_max(heard.as_microsecond(), Ordering::AcqRel);
        let before = self.sent_micros.fetch_max(micros(sent), Ordering::AcqRel);
        if sent.saturating_sub(Duration::from_micros(before)) >= self.usual_gap {
            let until = self.now() + self.lease_ttl / 2;
            self.patient_until
                .fetch_max(micros(until), Ordering::AcqRel);
        }
    }

    /// Whether the silence of others says something of them: not while this worker is not heard itself,
    /// nor just after. Whatever kept it away (the database, most of all) may have kept them away, too,
    /// and whoever is first back must not hold all the others for dead.
    pub fn may_judge(&self) -> bool {
        let until = Duration::from_micros(self.patient_until.load(Ordering::Acquire));
        !self.may_be_fenced() && self.now() >= until
    }

    /// Whether others may have taken over by now.
    pub fn may_be_fenced(&self) -> bool {
        let sent = Duration::from_micros(self.sent_micros.load(Ordering::Acquire));
        self.now().saturating_sub(sent) >= self.lease_ttl
    }
}

/// No time at all: before any that a timestamp can be.
const UNHEARD: i64 = i64::MIN;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(clock: BootClock, sent: u64) -> Liveness {
        let [lease, interval, sent] = [30, 10, sent].map(Duration::from_secs);
        Liveness::new(clock, lease, interval, sent)
    }

    fn heard(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn nobody_knows_when_it_was_heard_before_an_answer_and_then_it_is_the_newest() {
        let liveness = of(BootClock::of_machine(), 0);
        assert_eq!(liveness.heard_at(), None);
        liveness.answered(Duration::from_secs(20), heard(1020));
        liveness.answered(Duration::from_secs(10), heard(1010));
        assert_eq!(liveness.heard_at(), Some(heard(1020)));
    }

    #[test]
    fn after_an_outage_the_others_have_time_to_be_heard_of_again() {
        let time = Arc::new(AtomicU64::new(100));
        let read = Arc::clone(&time);
        let clock = BootClock::from_fn(move || Duration::from_secs(read.load(Ordering::Relaxed)));
        let liveness = of(clock, 100);
        let at = |now: u64| time.store(now, Ordering::Relaxed);
        assert!(liveness.may_judge(), "a new worker knows of no outage");
        at(113);
        liveness.answered(Duration::from_secs(113), heard(113));
        assert!(liveness.may_judge(), "a heartbeat that was late is none");
        at(128);
        liveness.answered(Duration::from_secs(128), heard(128));
        for (now, may) in [(128, false), (142, false), (143, true)] {
            at(now);
            assert_eq!(liveness.may_judge(), may, "at {now}");
        }
        at(158);
        assert!(!liveness.may_judge(), "it is not heard of itself");
    }

    #[test]
    fn the_age_counts_from_the_sending_of_the_last_answered_heartbeat() {
        let time = Arc::new(AtomicU64::new(100));
        let read = Arc::clone(&time);
        let clock = BootClock::from_fn(move || Duration::from_secs(read.load(Ordering::Relaxed)));
        let liveness = of(clock, 100);
        time.store(129, Ordering::Relaxed);
        assert!(!liveness.may_be_fenced());
        time.store(130, Ordering::Relaxed);
        assert!(liveness.may_be_fenced());
        liveness.answered(Duration::from_secs(110), heard(110));
        assert!(!liveness.may_be_fenced());
        liveness.answered(Duration::from_secs(105), heard(105));
        time.store(139, Ordering::Relaxed);
        assert!(
            !liveness.may_be_fenced(),
            "a late answer does not turn the time back"
        );
    }

    #[test]
    fn the_machines_clock_does_not_go_back() {
        let clock = BootClock::of_machine();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
