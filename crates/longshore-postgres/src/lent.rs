//! A connection that a verb has: one of the pool, or the standing one.
//!
//! Owns what becomes of it: it goes back only when its last answer has come. One that is let go of in the
//! middle of an exchange (its verb was given up, by a deadline of the caller's) is closed: nobody knows
//! when it will be free again, and whoever got it next would wait for the same answer.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object, Pool};
use longshore_core::store::{StoreError, StoreResult};

use crate::standing::Taken;

/// After so long without an answer the others of the pool are taken to hang, too: each would have to be
/// found out by itself else.
const HANGS: Duration = Duration::from_secs(2);

/// A connection. Dropped, it is closed; see [`Lent::give_back`].
#[derive(Debug)]
pub(crate) struct Lent {
    /// One of these is there, until it has been given back.
    pooled: Option<Object>,
    standing: Option<Taken>,
    pool: Pool,
    since: Instant,
}

impl Lent {
    /// Takes one of the pool's.
    pub fn of_pool(client: Object, pool: &Pool) -> Self {
        Self::new(Some(client), None, pool)
    }

    /// Takes the standing one.
    pub fn standing(client: Taken, pool: &Pool) -> Self {
        Self::new(None, Some(client), pool)
    }

    fn new(pooled: Option<Object>, standing: Option<Taken>, pool: &Pool) -> Self {
        Self {
            pooled,
            standing,
            pool: pool.clone(),
            since: Instant::now(),
        }
    }

    /// It has answered everything that it was asked.
    pub fn give_back(mut self) {
        (self.pooled, self.standing) = (None, None);
    }

    /// The same for what came of its exchange, unless another connection may do better: this one is
    /// broken, though it may not be known to be, or was told that it can only read, which a session is
    /// told once, when it begins. The others are likely to be so too.
    pub fn settle<T>(self, outcome: &StoreResult<T>) {
        match outcome {
            Err(StoreError::Unavailable { .. } | StoreError::CannotWrite { .. }) => {
                self.pool.retain(|_, _| false);
            }
            Ok(_) | Err(_) => self.give_back(),
        }
    }
}

impl Deref for Lent {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        let standing = || self.standing.as_ref()?.as_ref();
        let pooled = self.pooled.as_deref();
        pooled.or_else(standing).expect("it was not given back")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        let client = match &mut self.pooled {
            Some(pooled) => Some(&mut **pooled),
            None => self.standing.as_mut().and_then(|taken| taken.as_mut()),
        };
        client.expect("it was not given back")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        match (self.pooled.take(), self.standing.take()) {
            (Some(pooled), _) => drop(Object::take(pooled)),
            // Whoever listens on it hears that it has ended, and makes another.
            (None, Some(mut taken)) => drop(taken.take()),
            (None, None) => return,
        }
        if self.since.elapsed() > HANGS {
            self.pool.retain(|_, _| false);
        }
    }
}
