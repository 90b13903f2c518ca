//! A connection that a verb has from the pool.
//!
//! Owns what becomes of it: it goes back only when its last answer has come. One that is let go of in the
//! middle of an exchange (its verb was given up, by a deadline of the caller's) is closed: nobody knows
//! when it will be free again, and whoever got it next would wait for the same answer.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Object, Pool};
use longshore_core::store::{StoreError, StoreResult};

/// After so long without an answer the others of the pool are taken to hang, too: each would have to be
/// found out by itself else.
const HANGS: Duration = Duration::from_secs(2);

/// A connection. Dropped, it is closed; see [`Lent::give_back`].
#[derive(Debug)]
pub(crate) struct Lent {
    /// None only once it has been given back.
    client: Option<Object>,
    pool: Pool,
    since: Instant,
}

impl Lent {
    /// Takes one of the pool's.
    pub fn new(client: Object, pool: &Pool) -> Self {
        Self {
            client: Some(client),
            pool: pool.clone(),
            since: Instant::now(),
        }
    }

    /// It has answered everything that it was asked.
    pub fn give_back(mut self) {
        drop(self.client.take());
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
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it was not given back")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Client {
        self.client.as_mut().expect("it was not given back")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        drop(Object::take(client));
        if self.since.elapsed() > HANGS {
            self.pool.retain(|_, _| false);
        }
    }
}
