//! A value that is watched, after tokio's `watch`.
//!
//! The version changes under the value's lock and the waiters are woken after it: exactly there lie
//! the races that whoever uses it can run into.

use std::ops::Deref;
use std::sync::{Arc, PoisonError};

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{RwLock, RwLockReadGuard};

use super::notify::Notify;

/// Set in the state when the sender is gone.
const CLOSED: usize = 1;
/// A version is an even number, so that the bit above stays out of it.
const STEP: usize = 2;

#[derive(Debug)]
struct Shared<T> {
    value: RwLock<T>,
    state: AtomicUsize,
    changed: Notify,
}

/// Changes the value.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Sees the value, and waits for its changes.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    version: usize,
}

/// The value, locked against changes.
#[derive(Debug)]
pub struct Ref<'a, T>(RwLockReadGuard<'a, T>);

/// The sender is gone.
#[derive(Debug)]
pub struct RecvError(());

/// A sender and its first receiver.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// A value that nobody watches yet.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared {
            value: RwLock::new(value),
            state: AtomicUsize::new(0),
            changed: Notify::default(),
        }))
    }

    /// Changes the value and wakes all who wait for that.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value, and wakes all who wait for that if the closure says that it did.
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        {
            let mut value = (self.0.value.write()).unwrap_or_else(PoisonError::into_inner);
            if !modify(&mut value) {
                return false;
            }
            self.0.state.fetch_add(STEP, Ordering::SeqCst);
        }
        self.0.changed.notify_waiters();
        true
    }

    /// The value now.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.0.borrow()
    }

    /// One who has seen the value as it is now.
    pub fn subscribe(&self) -> Receiver<T> {
        let version = self.0.state.load(Ordering::SeqCst) & !CLOSED;
        Receiver {
            shared: Arc::clone(&self.0),
            version,
        }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state.fetch_or(CLOSED, Ordering::SeqCst);
        self.0.changed.notify_at_once();
    }
}

impl<T> Receiver<T> {
    /// The value now.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow()
    }

    /// The value now, which is taken for seen.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.borrow();
        self.version = self.shared.state.load(Ordering::SeqCst) & !CLOSED;
        value
    }

    /// Waits for a version that was not seen yet.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        self.shared.changed_from(&mut self.version).await
    }

    /// Waits until the value is as wanted.
    pub async fn wait_for(
        &mut self,
        mut is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let mut is_closed = false;
        loop {
            {
                let value = self.shared.borrow();
                let version = self.shared.state.load(Ordering::SeqCst) & !CLOSED;
                let is_new = self.version != version;
                self.version = version;
                if (!is_closed || is_new) && is_wanted(&value) {
                    return Ok(value);
                }
            }
            if is_closed {
                return Err(RecvError(()));
            }
            is_closed = self.shared.changed_from(&mut self.version).await.is_err();
        }
    }
}

impl<T> Shared<T> {
    fn borrow(&self) -> Ref<'_, T> {
        Ref(self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn changed_from(&self, version: &mut usize) -> Result<(), RecvError> {
        loop {
            // In this order: a change after the look is notified after the wait began.
            let notified = self.changed.notified();
            let state = self.state.load(Ordering::SeqCst);
            if state & !CLOSED != *version {
                *version = state & !CLOSED;
                return Ok(());
            }
            if state & CLOSED != 0 {
                return Err(RecvError(()));
            }
            notified.await;
        }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
