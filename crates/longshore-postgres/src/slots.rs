//! What is remembered of a limited queue's live slots, so that counting its leases walks over no
//! dead entries (PROTOCOL section 3, "floor").
//!
//! Every lease has a slot, drawn from a sequence when it is inserted and never changed. While a queue
//! has a limit, every lease of it is inserted, and its slot drawn, under the queue's exclusive lock.
//! So a caller that holds the lock and sees the live slots knows: each live lease, now and for as
//! long as this goes on, either has one of these slots or one drawn later. The next count then looks
//! up these few slots one by one, and counts those above. It is exact, not a hint.
//!
//! "For as long as this goes on" is `epoch`: whoever changes limit or pause raises it under a lock
//! that waits for every inserter, those of an unlimited queue too. A queue without a limit teaches
//! nothing (its leases are inserted under a shared lock, so a lower slot may be committed after a
//! higher one): there a call with a limit of its own counts all leases. (What was learned in one
//! epoch would stay true in the next, since whatever is inserted later draws a later slot. The epoch
//! is checked all the same: the argument then needs no look at what happens between two limits.)
//!
//! PROTOCOL describes a *floor*, the smallest live slot, and notes that one long lease keeps it low,
//! so that dead entries above it are walked. Remembering the slots themselves does not decay so; the
//! floor remains as what is left when they are too many to send along.
//!
//! Forgotten: on any error (the call that would have taught may have been rolled back), on another
//! epoch, on another server process (a promoted standby may draw lower slots again).

/// More slots than this are not sent along: they are replaced by the floor below the smallest.
const MOST_SLOTS: usize = 512;

/// Every live slot is one of `slots` or above `above`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LiveSlots {
    pub epoch: i64,
    pub slots: Vec<i64>,
    pub above: i64,
}

impl LiveSlots {
    /// As the database told it.
    pub fn new(epoch: i64, slots: Vec<i64>, above: i64) -> Self {
        if slots.len() <= MOST_SLOTS {
            return Self {
                epoch,
                slots,
                above,
            };
        }
        let floor = slots.iter().min().map_or(above, |smallest| smallest - 1);
        Self {
            epoch,
            slots: Vec::new(),
            above: floor.min(above),
        }
    }

    /// Whether this was learned after `other`. Replies may arrive in another order than the lock
    /// was held in; each is true for good within its epoch, the later one is only cheaper.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.epoch, self.above) >= (other.epoch, other.above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_slots_become_a_floor_that_covers_them_all() {
        let known = LiveSlots::new(1, (500..1500).rev().collect(), 2000);
        assert_eq!(
            known,
            LiveSlots {
                epoch: 1,
                slots: Vec::new(),
                above: 499
            }
        );
        let few = LiveSlots::new(1, vec![3, 7], 9);
        assert_eq!(
            few,
            LiveSlots {
                epoch: 1,
                slots: vec![3, 7],
                above: 9
            }
        );
    }

    #[test]
    fn what_an_older_epoch_taught_never_replaces_a_newer_one() {
        let old = LiveSlots::new(1, vec![], 900);
        let new = LiveSlots::new(2, vec![], 5);
        assert!(new.is_newer_than(&old) && !old.is_newer_than(&new));
    }
}
