//! Waiting for a condition, with a deadline: never for a time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before a case gives up: far more than a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until `look` finds something. Panics after [`PATIENCE`], saying `what` was awaited.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain: {what}"
        );
        sleep(GLANCE).await;
    }
}
