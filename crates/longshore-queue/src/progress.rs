//! How far an attempt has come, kept outside the task that brings it forward: so that when that
//! task panics, others still know what there is to clean up and to record.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use longshore_core::executor::Handle;

/// How far an attempt has come. Each fact is set once.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    handle: OnceLock<Handle>,
    may_run: AtomicBool,
    removed: AtomicBool,
    templates: OnceLock<BTreeMap<String, i32>>,
}

impl Progress {
    /// There is a container.
    pub fn created(&self, handle: &Handle) {
        let _ = self.handle.set(handle.clone());
    }

    /// From now on its container may run.
    pub fn starting(&self) {
        self.may_run.store(true, Ordering::Release);
    }

    /// There is no container any more.
    pub fn removed(&self) {
        self.removed.store(true, Ordering::Release);
    }

    /// These versions of its templates were used.
    pub fn resolved(&self, versions: BTreeMap<String, i32>) {
        let _ = self.templates.set(versions);
    }

    /// Its container, if there is one.
    pub fn handle(&self) -> Option<&Handle> {
        let is_removed = self.removed.load(Ordering::Acquire);
        self.handle.get().filter(|_| !is_removed)
    }

    /// Whether its container may run or have run.
    pub fn may_run(&self) -> bool {
        self.may_run.load(Ordering::Acquire)
    }

    /// The versions of its templates.
    pub fn templates(&self) -> BTreeMap<String, i32> {
        self.templates.get().cloned().unwrap_or_default()
    }
}
