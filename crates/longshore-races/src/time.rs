//! What the sources find under `tokio::time`: time as one more choice of the scheduler.
//!
//! Owns the clock of an execution. It stands still until its own task is let run, and then goes on
//! to the next deadline that somebody waits for: no earlier one is passed over, and nobody knows how
//! much else has happened by then. Never reads the machine's clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::{Add, AddAssign};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

thread_local! {
    /// The clock of the execution that runs on this thread. All its tasks do.
    static CLOCK: RefCell<Arc<Clock>> = RefCell::default();
}

#[derive(Debug, Default)]
struct Clock(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    now: Duration,
    next_key: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
    /// The clock's own task, while nobody waits for anything.
    idle: Option<Waker>,
}

/// A moment of the execution.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(Duration);

/// The time was up.
#[derive(Debug)]
pub struct Elapsed(());

/// Begins an execution's time: at nothing, with a task that moves it.
pub(crate) fn begin() {
    let clock = Arc::new(Clock::default());
    CLOCK.replace(Arc::clone(&clock));
    // Nobody waits for it: an execution ends when all others have ended.
    drop(shuttle::future::spawn(async move {
        loop {
            poll_fn(|cx| clock.poll_timers(cx)).await;
            shuttle::future::yield_now().await;
            clock.advance();
        }
    }));
}

fn clock() -> Arc<Clock> {
    CLOCK.with_borrow(Arc::clone)
}

impl Clock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_timers(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.timers.is_empty() {
            state.idle = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// On to the next deadline.
    fn advance(&self) {
        let due = {
            let mut state = self.state();
            let Some(((deadline, _), waker)) = state.timers.pop_first() else {
                return;
            };
            state.now = state.now.max(deadline);
            waker
        };
        due.wake();
    }
}

impl Instant {
    /// This moment.
    pub fn now() -> Self {
        Self(clock().state().now)
    }

    /// How long ago it was.
    pub fn elapsed(&self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        self.0 += duration;
    }
}

/// Waits for a moment.
#[derive(Debug)]
#[must_use]
pub struct Sleep {
    clock: Arc<Clock>,
    deadline: Duration,
    key: Option<u64>,
}

/// Waits for so long.
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(Instant::now() + duration)
}

/// Waits until then.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        clock: clock(),
        deadline: deadline.0,
        key: None,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = Arc::clone(&self.clock);
        let mut state = clock.state();
        if state.now >= self.deadline {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or(state.next_key);
        if self.key.is_none() {
            state.next_key += 1;
            self.key = Some(key);
        }
        state
            .timers
            .insert((self.deadline, key), cx.waker().clone());
        let idle = state.idle.take();
        drop(state);
        if let Some(idle) = idle {
            idle.wake();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.state().timers.remove(&(self.deadline, key));
        }
    }
}

/// Waits for the future, but not past the time. What is ready is ready, even when the time is up.
pub async fn timeout<F: Future>(at_most: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut time = pin!(sleep(at_most));
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        time.as_mut().poll(cx).map(|()| Err(Elapsed(())))
    })
    .await
}
