//! One answer for however many ask within a moment.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// For how long an answer is as good as a new one.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and when it was there. Whoever finds it old gets another, for all who wait meanwhile.
pub(crate) struct Shared<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Shared<T> {
    /// Gets an answer, unless there is a fresh one. Cancellation-safe: another caller gets it then.
    pub async fn get(&self, ask: impl AsyncFnOnce() -> T) -> T {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = ask().await;
        // Its age counts from when it was there: whoever waited for it is not to ask again.
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_at_once_share_one_answer_and_later_there_is_another() {
        let (shared, asked) = (Shared::default(), AtomicU32::new(0));
        let slowly = async || {
            sleep(3 * FRESH).await;
            asked.fetch_add(1, Ordering::Relaxed) + 1
        };
        let all = join_all((0..50).map(|_| shared.get(slowly))).await;
        assert_eq!(
            all, [1; 50],
            "also those who waited for longer than it is fresh"
        );
        advance(FRESH / 2).await;
        assert_eq!(shared.get(slowly).await, 1);
        advance(FRESH).await;
        assert_eq!(shared.get(slowly).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_goes_away_keeps_nobody_waiting() {
        let shared = Shared::default();
        let never = tokio::time::timeout(FRESH, shared.get(async || std::future::pending().await));
        assert!(never.await.is_err());
        assert_eq!(shared.get(async || 7).await, 7);
    }
}
