//! What happens at once, and what must hold in every order of it.
//!
//! Each scenario is one execution: it begins from nothing, lets tasks run, and panics where something
//! does not hold. Tasks that would wait for ever are found by the scheduler, so "nobody waits for
//! ever" is claimed by every one of them. A scenario counts by itself what is true, in variables that
//! no task can see half-changed, and holds the product's answers against that.

#![expect(
    clippy::missing_panics_doc,
    reason = "panicking where something does not hold is what each is for"
)]

pub mod bell;
pub mod orders;
pub mod permits;
pub mod pump;
pub mod shutdown;
pub mod slots;
pub mod tracker;

use shuttle::future::JoinHandle;

/// Waits until all of these have ended.
pub(crate) async fn all<T>(tasks: impl IntoIterator<Item = JoinHandle<T>>) {
    for task in tasks {
        task.await.expect("nobody cancels it");
    }
}

/// A number that the scenario keeps itself, changed in steps that nobody sees the middle of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Count {
    pub fn add(&self, more: usize) -> usize {
        self.0.fetch_add(more, std::sync::atomic::Ordering::SeqCst) + more
    }

    pub fn take(&self, less: usize) {
        self.0.fetch_sub(less, std::sync::atomic::Ordering::SeqCst);
    }

    pub fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
