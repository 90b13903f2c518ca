//! How long a statement waits for a lock that another process holds.
//!
//! SQLite's own busy handler backs off up to 100 ms, so that of several processes the one that
//! waits longest gets the lock last (worst wait measured: 2.3 s). Ours looks again every 1 to 5 ms,
//! jittered, until the budget of its thread is spent.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rusqlite::Connection;

thread_local! {
    /// SQLite hands the handler nothing but a count, so its state lies with the thread. Each
    /// connection of ours belongs to one thread.
    static BUDGET: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static WAITING_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
    static LOOKS: RefCell<Option<Arc<AtomicU64>>> = const { RefCell::new(None) };
}

/// Counts in `looks`, from now on, how often this thread finds a lock taken.
pub(crate) fn count_in(looks: Arc<AtomicU64>) {
    LOOKS.set(Some(looks));
}

/// Gives `connection`, used by this thread alone from now on, our busy handler.
pub(crate) fn install(connection: &Connection, budget: Duration) -> rusqlite::Result<()> {
    BUDGET.set(budget);
    connection.busy_handler(Some(wait_again))
}

/// Runs `work` with another budget.
pub(crate) fn with_budget<T>(budget: Duration, work: impl FnOnce() -> T) -> T {
    let usual = BUDGET.replace(budget);
    let result = work();
    BUDGET.set(usual);
    result
}

/// Sleeps a little; for loops that can't leave the waiting to SQLite. False when `since` is
/// longer ago than this thread's budget.
pub(crate) fn pause(since: Instant) -> bool {
    if since.elapsed() >= BUDGET.get() {
        return false;
    }
    std::thread::sleep(Duration::from_micros(rand::rng().random_range(1000..=5000)));
    true
}

/// SQLite calls it each time it finds the lock taken; `calls` counts from 0 for each lock.
fn wait_again(calls: i32) -> bool {
    LOOKS.with_borrow(|looks| {
        if let Some(looks) = looks {
            looks.fetch_add(1, Ordering::Relaxed);
        }
    });
    let since = match WAITING_SINCE.get() {
        Some(since) if calls > 0 => since,
        _ => {
            let now = Instant::now();
            WAITING_SINCE.set(Some(now));
            now
        }
    };
    pause(since)
}
