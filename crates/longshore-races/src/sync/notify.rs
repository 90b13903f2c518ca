//! Waking all who wait: the part of tokio's `Notify` on which its `watch` rests.
//!
//! A waiter counts from the moment at which it noted how often was notified, not from its first
//! poll: so what comes between a look at the value and the wait is not missed.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::point;

#[derive(Debug, Default)]
pub(super) struct Notify {
    /// Never held over a scheduling point: a lock of `std` would stop every task.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often was notified.
    calls: u64,
    next_key: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl Notify {
    /// A wait for whatever is notified from now on.
    pub fn notified(&self) -> Notified<'_> {
        point();
        Notified {
            notify: self,
            calls: self.state().calls,
            key: None,
        }
    }

    /// Wakes all who wait.
    pub fn notify_waiters(&self) {
        point();
        self.notify_at_once();
    }

    /// The same without a scheduling point, for destructors.
    pub fn notify_at_once(&self) {
        let woken = {
            let mut state = self.state();
            state.calls += 1;
            std::mem::take(&mut state.waiting)
        };
        woken.into_values().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits to be notified.
#[derive(Debug)]
pub(super) struct Notified<'a> {
    notify: &'a Notify,
    calls: u64,
    key: Option<u64>,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        point();
        let notify = self.notify;
        let mut state = notify.state();
        if state.calls != self.calls {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or(state.next_key);
        if self.key.is_none() {
            state.next_key += 1;
            self.key = Some(key);
        }
        state.waiting.insert(key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.notify.state().waiting.remove(&key);
        }
    }
}
