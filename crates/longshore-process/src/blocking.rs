//! What the kernel or the network may keep waiting for as long as they like: done away from the
//! runtime's own threads, and given up after a while.

use std::time::Duration;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many of one kind may be under way. A thread that hangs can't be ended, only left behind:
/// this is how many of them there can ever be.
pub struct Gate(Semaphore);

/// Walks through `/proc`. Each may hang on the very same process, so more of them help nobody.
pub static WALKS: Gate = Gate::of(4);

/// Look-ups of users.
pub static LOOKUPS: Gate = Gate::of(16);

impl Gate {
    const fn of(count: usize) -> Self {
        Self(Semaphore::const_new(count))
    }

    /// Does it, unless it takes longer than `limit`; the wait for its turn included.
    pub async fn run<T: Send + 'static>(
        &'static self,
        what: &str,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExecutorError> {
        let done = async {
            let turn = self.0.acquire().await.expect("a gate is never closed");
            let work = move || {
                let _until_done = turn;
                work()
            };
            tokio::task::spawn_blocking(work).await
        };
        let (class, problem) = match timeout(limit, done).await {
            Ok(Ok(result)) => return Ok(result),
            Ok(Err(panic)) => (ErrorClass::Unknown, panic.to_string()),
            Err(_late) => (
                ErrorClass::Transient,
                format!("no answer from the system within {limit:?}"),
            ),
        };
        Err(ExecutorError::new(class, what, problem))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_hangs_is_given_up_and_keeps_its_place_until_it_is_done() {
        static GATE: Gate = Gate::of(1);
        let limit = Duration::from_millis(50);
        let (release, released) = mpsc::channel::<()>();
        let hangs = GATE.run("look", limit, move || released.recv()).await;
        let error = hangs.expect_err("nobody released it");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");

        let next = GATE.run("look", limit, || ()).await;
        next.expect_err("its thread is still taken");
        drop(release);
        let next = GATE.run("look", deadline(), || 7).await;
        assert_eq!(next.expect("the thread is free"), 7);
    }

    fn deadline() -> Duration {
        Duration::from_secs(30)
    }
}
