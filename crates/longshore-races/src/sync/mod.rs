//! What the sources find under `tokio::sync`: the part of it that they use, no more.
//!
//! Owns the scheduling points. Each operation that another task could notice stops once before it
//! takes effect, and takes effect in one step.

mod notify;
mod semaphore;
pub mod watch;

use shuttle::sync::atomic::{AtomicBool, Ordering};

pub use semaphore::{OwnedSemaphorePermit, Semaphore};

/// Lets the scheduler choose who goes on. Unlike a yield it does not ask for anybody else.
fn point() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}
