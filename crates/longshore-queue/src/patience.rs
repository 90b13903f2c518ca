//! Waiting for a database that is away.
//!
//! For calls that may be repeated although their reply was lost: because they are guarded by a
//! token, and say the same when they had already happened. Never for an acquisition.

use std::time::Duration;

use longshore_core::retry::Backoff;
use longshore_core::store::{StoreError, StoreResult};
use tokio::time::sleep;

/// Soon again at first, for a connection that broke; then seldom enough for a server that starts.
pub(crate) const AWAY: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(100),
    max: Duration::from_secs(5),
};

/// How often a call is repeated whose error was not expected: enough for a hiccup that no one
/// classified, and no more, since a defect does not pass.
const UNEXPECTED_TRIES: u32 = 5;

/// Repeats a call until it is answered. Errors that say something about the question, or that do
/// not pass with time, are returned.
///
/// Bounded by its caller, who waits beside it for whatever makes the call pointless.
/// Cancellation-safe as far as the call is.
pub(crate) async fn patiently<T, Fut>(
    what: &'static str,
    mut call: impl FnMut() -> Fut,
) -> StoreResult<T>
where
    Fut: Future<Output = StoreResult<T>>,
{
    let mut tries = 0;
    loop {
        let error = match call().await {
            Err(error) if passes_with_time(&error, tries) => error,
            done => {
                if tries > 0 && done.is_ok() {
                    tracing::info!(what, tries, "the database answers again");
                }
                return done;
            }
        };
        tries += 1;
        if tries == 1 {
            tracing::warn!(what, error = %error, "waiting for the database");
        }
        sleep(AWAY.delay(tries, rand::random())).await;
    }
}

fn passes_with_time(error: &StoreError, tries: u32) -> bool {
    match error {
        StoreError::Contended { .. }
        | StoreError::Unavailable { .. }
        | StoreError::CannotWrite { .. } => true,
        StoreError::Unexpected { .. } => tries + 1 < UNEXPECTED_TRIES,
        _ => false,
    }
}
