//! The launch slots: never more than there are, and never one less.

use std::sync::Arc;

use shuttle::future::{spawn, yield_now};

use super::{Count, all};
use crate::chance;
use crate::explore::reached;
use crate::select;
use crate::shutdown::GracefulShutdown;
use crate::slots::Slots;

const MOST: u32 = 3;

/// Slots, and how many are in somebody's hands. A slot is counted after it was taken and uncounted
/// before it is given back: the count is never above the truth.
#[derive(Clone)]
struct Counted {
    slots: Arc<Slots>,
    held: Count,
}

impl Counted {
    fn new() -> Self {
        Self {
            slots: Arc::new(Slots::new(MOST)),
            held: Count::default(),
        }
    }

    /// A round as the worker makes it: takes all that are free, hands some to jobs, which run in
    /// tasks of their own, and gives back the rest.
    async fn round(&self) {
        let mut free = self.slots.all_free().await;
        let count = free.count();
        assert!(count >= 1, "it waited for one");
        let held = self.held.add(count);
        assert!(held <= MOST as usize, "{held} slots of {MOST} are held");
        if count > 1 {
            reached("several were free at once");
        }
        let jobs = chance::below(MOST + 1) as usize;
        let mut running = Vec::new();
        for job in 0..jobs {
            let slot = free.take_one();
            assert_eq!(slot.is_some(), job < count, "a slot for each job");
            let Some(slot) = slot else {
                reached("more jobs than slots");
                break;
            };
            let held = self.held.clone();
            running.push(spawn(async move {
                yield_now().await;
                held.take(1);
                drop(slot);
            }));
        }
        self.held.take(free.count());
        drop(free);
        all(running).await;
    }

    /// At the end everything is there again.
    async fn check_at_rest(&self) {
        assert_eq!(self.held.get(), 0);
        let free = self.slots.all_free().await;
        assert_eq!(free.count(), MOST as usize, "slots were lost, or made");
    }
}

/// Rounds at once, more than a worker ever makes.
pub async fn no_more_are_held_than_there_are() {
    let counted = Counted::new();
    let workers = [0, 1, 2].map(|_| {
        let counted = counted.clone();
        spawn(async move {
            for _ in 0..2 {
                counted.round().await;
            }
        })
    });
    all(workers).await;
    counted.check_at_rest().await;
}

/// The wait for a slot is cut short, by a drain as in the worker's loop and by its task's end, before,
/// while and after the slot is its own.
pub async fn a_wait_that_is_cut_short_takes_no_slot_along() {
    let counted = Counted::new();
    let shutdown = GracefulShutdown::new();
    let loops = [0, 1].map(|_| {
        let (counted, shutdown) = (counted.clone(), shutdown.clone());
        spawn(async move {
            for _ in 0..2 {
                let free = select! {
                    biased;
                    () = shutdown.draining() => {
                        reached("a drain came before a slot");
                        return;
                    }
                    free = counted.slots.all_free() => free,
                };
                let held = counted.held.add(free.count());
                assert!(held <= MOST as usize, "{held} slots of {MOST} are held");
                yield_now().await;
                counted.held.take(free.count());
                drop(free);
                reached("a slot came before the drain");
            }
        })
    });
    let cut = {
        let slots = Arc::clone(&counted.slots);
        spawn(async move {
            let free = slots.all_free().await;
            yield_now().await;
            drop(free);
        })
    };
    let round = {
        let counted = counted.clone();
        spawn(async move { counted.round().await })
    };
    // Ends at its next await: while it waits, or while it holds what it was given.
    cut.abort();
    shutdown.drain();
    if cut.await.is_err() {
        reached("a wait was cut short");
    }
    all(loops).await;
    all([round]).await;
    counted.check_at_rest().await;
}
