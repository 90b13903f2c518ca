//! How far an attempt has come, kept outside the task that brings it forward: so that when that
//! task panics, others still know what there is to clean up and to record.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::machines::{Placed, Room};

/// How far an attempt has come.
#[derive(Default)]
pub(crate) struct Progress {
    container: Mutex<Option<Placed>>,
    /// What it takes of its host, once that is stored or need not be.
    room: Mutex<Option<Room>>,
    may_run: AtomicBool,
    templates: OnceLock<BTreeMap<String, i32>>,
}

impl Progress {
    /// There is a container.
    pub fn created(&self, placed: &Placed) {
        *lock(&self.container) = Some(placed.clone());
    }

    /// The store counts it on its host from now on.
    pub fn counted(&self, mut room: Room) {
        room.stored();
        *lock(&self.room) = Some(room);
    }

    /// It takes this room, and the store counts nothing there.
    pub fn takes(&self, room: Room) {
        *lock(&self.room) = Some(room);
    }

    /// The store counts it no more.
    pub fn leaves_its_room(&self) {
        drop(lock(&self.room).take());
    }

    /// From now on its container may run.
    pub fn starting(&self) {
        self.may_run.store(true, Ordering::Release);
    }

    /// Its container was never started after all.
    pub fn not_starting(&self) {
        self.may_run.store(false, Ordering::Release);
    }

    /// There is no container any more.
    pub fn removed(&self) {
        *lock(&self.container) = None;
    }

    /// These versions of its templates were used.
    pub fn resolved(&self, versions: BTreeMap<String, i32>) {
        let _ = self.templates.set(versions);
    }

    /// Its container, if there is one.
    pub fn container(&self) -> Option<Placed> {
        lock(&self.container).clone()
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
