//! The standing connection: the one that listens for hints, lent to verbs while there is little to do.
//!
//! Owns that connection's place, and what little is. So a process with little to do has one connection and
//! no more: what its verbs need beside it, the pool makes, and lets go of after a while. While a verb has
//! it, hints that come are told when its answer has come; so who has much to do uses the pool's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

/// For so long a verb waits for it rather than to have another connection made, which takes longer.
const PATIENCE: Duration = Duration::from_millis(5);

/// Up to so many verbs within [`SPAN`] are little to do.
const FEW: u32 = 20;
/// How long verbs are counted for.
const SPAN: Duration = Duration::from_secs(1);

/// Where the connection is, if there is one. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    place: Arc<Mutex<Option<Arc<Place>>>>,
    verbs: Arc<Mutex<Verbs>>,
}

/// Verbs that began in this span of time, and in the one before.
#[derive(Debug, Default)]
struct Verbs {
    since: Option<Instant>,
    now: u32,
    before: u32,
}

impl Verbs {
    /// Counts one; whether there were few lately.
    fn begin(&mut self, now: Instant) -> bool {
        let spans = self.since.map(|since| now.duration_since(since));
        match spans {
            Some(gone) if gone < SPAN => self.now = self.now.saturating_add(1),
            gone => {
                self.before = if gone.is_some_and(|gone| gone < SPAN * 2) {
                    self.now
                } else {
                    0
                };
                (self.since, self.now) = (Some(now), 1);
            }
        }
        self.now <= FEW && self.before <= FEW
    }
}

/// A connection; none once a verb has given it up. It is closed when nobody has it any more.
type Place = tokio::sync::Mutex<Option<ClientWrapper>>;

/// The connection, for one who has it alone.
pub(crate) type Taken = OwnedMutexGuard<Option<ClientWrapper>>;

impl Standing {
    /// Counts a verb that begins; whether there is little to do.
    pub fn is_quiet(&self) -> bool {
        lock(&self.verbs).begin(Instant::now())
    }

    /// The connection, unless there is none or others have it for long.
    pub async fn take(&self) -> Option<Taken> {
        timeout(PATIENCE, self.wait()).await.ok().flatten()
    }

    /// The connection, as soon as whoever has it gives it back.
    pub async fn wait(&self) -> Option<Taken> {
        let place = self.place().clone()?;
        let taken = place.lock_owned().await;
        taken.is_some().then_some(taken)
    }

    /// Puts a connection there. Whoever has the one before may use that to its end.
    pub fn put(&self, client: ClientWrapper) {
        *self.place() = Some(Arc::new(Place::new(Some(client))));
    }

    /// There is none any more.
    pub fn clear(&self) {
        self.place().take();
    }

    fn place(&self) -> MutexGuard<'_, Option<Arc<Place>>> {
        lock(&self.place)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_little_to_do_until_many_verbs_came_and_again_when_they_are_over() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut verbs = Verbs::default();
        for verb in 0..u64::from(FEW) {
            assert!(verbs.begin(at(verb)), "{verb}");
        }
        assert!(!verbs.begin(at(500)), "one more than few");
        assert!(!verbs.begin(at(1100)), "there were many just now");
        assert!(verbs.begin(at(2200)), "there was one");
        for _ in 0..FEW {
            verbs.begin(at(2300));
        }
        assert!(verbs.begin(at(9000)), "long ago");
    }
}
