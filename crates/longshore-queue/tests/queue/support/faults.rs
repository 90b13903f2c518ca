//! Faults of a store, by verb and in order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use longshore_core::store::{Contention, StoreError};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What happens to one call.
pub enum Fault {
    /// It goes well. For the calls before the one that does not.
    None,
    /// It fails, and nothing has happened.
    Before(StoreError),
    /// It happens, and its reply is lost.
    After(StoreError),
    /// It happens, but only after this time: as one that waits for a lock.
    Late(Duration),
    /// It happens, and is never answered.
    Hang,
}

/// The faults to come.
#[derive(Default)]
pub struct Faults {
    once: BTreeMap<&'static str, VecDeque<Fault>>,
    /// Verbs that fail until further notice, as if the database were away.
    away: bool,
    /// Faults of every verb, by chance.
    chance: Option<StdRng>,
}

impl Faults {
    pub fn add(&mut self, verb: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.once.entry(verb).or_default().extend(faults);
    }

    pub fn set_away(&mut self, away: bool) {
        self.away = away;
    }

    /// From now on every fifth call goes wrong in one way or another, by this seed.
    pub fn set_chance(&mut self, seed: Option<u64>) {
        self.chance = seed.map(StdRng::seed_from_u64);
    }

    pub fn next(&mut self, verb: &'static str) -> Fault {
        if self.away {
            return Fault::Before(unavailable());
        }
        let queued = self.once.get_mut(verb).and_then(VecDeque::pop_front);
        match (queued, &mut self.chance) {
            (Some(fault), _) => fault,
            (None, None) => Fault::None,
            (None, Some(chance)) => match chance.random_range(0..20) {
                0 => Fault::Before(unavailable()),
                1 => Fault::After(unavailable()),
                2 | 3 => Fault::Before(busy()),
                _ => Fault::None,
            },
        }
    }
}

pub fn unavailable() -> StoreError {
    let source = "the connection broke".into();
    StoreError::Unavailable {
        verb: "test",
        source,
    }
}

pub fn busy() -> StoreError {
    let source = "the database is locked".into();
    StoreError::Contended {
        verb: "test",
        contention: Contention::Busy,
        source,
    }
}

pub fn refused() -> StoreError {
    StoreError::unexpected("test", "a row that no one understands")
}
