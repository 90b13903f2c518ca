//! Sitting out an outage of the database.
//!
//! For reads, and for requests that say the same when they are made twice: never for a submission.
//! Says so once when it begins and once when it is over.

use std::time::Duration;

use longshore_core::retry::Backoff;
use longshore_core::spec::format_duration;
use longshore_core::store::{StoreError, StoreResult};
use tokio::time::{Instant, sleep};

use crate::output;

/// How long an outage may last: a restart of the server and a failover fit in; whoever follows a
/// job through a script learns of a longer one before long.
const PATIENCE: Duration = Duration::from_mins(2);

/// Soon again at first, for a connection that broke; then seldom enough for a server that starts.
const AWAY: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(100),
    max: Duration::from_secs(5),
};

/// Repeats a call until the database answers it, for at most two minutes: then the last error is
/// the answer. Cancellation-safe as far as the call is.
pub async fn sit_out<T>(call: impl AsyncFnMut() -> StoreResult<T>) -> StoreResult<T> {
    sit_out_within(PATIENCE, output::talk, call).await
}

/// The same without a word, for a call beside one that says it.
pub async fn sit_out_silently<T>(call: impl AsyncFnMut() -> StoreResult<T>) -> StoreResult<T> {
    sit_out_within(PATIENCE, |_| {}, call).await
}

async fn sit_out_within<T>(
    patience: Duration,
    mut say: impl FnMut(&str),
    mut call: impl AsyncFnMut() -> StoreResult<T>,
) -> StoreResult<T> {
    let mut begun = None;
    let mut who = "database";
    let mut tries = 0;
    loop {
        let error = match call().await {
            Err(error) if error.is_unavailable() => error,
            answered => {
                if begun.is_some() {
                    say(&format!("the {who} answers again"));
                }
                return answered;
            }
        };
        if begun.is_none() {
            if matches!(error, StoreError::ServerUnavailable { .. }) {
                who = "server";
            }
            let patience = format_duration(patience);
            say(&format!(
                "the {who} can't be reached; trying again for {patience}"
            ));
        }
        tries += 1;
        let delay = AWAY.delay(tries, rand::random());
        if begun.get_or_insert_with(Instant::now).elapsed() + delay > patience {
            return Err(error);
        }
        sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::JobId;

    use super::*;

    fn away<T>() -> StoreResult<T> {
        Err(StoreError::Unavailable {
            verb: "states",
            source: "refused".into(),
        })
    }

    #[tokio::test]
    async fn an_outage_is_said_once_and_its_end_once() {
        let mut said = Vec::new();
        let mut answers = vec![Ok(7), away(), away(), away()];
        let answer = sit_out_within(
            Duration::from_mins(1),
            |line| said.push(line.to_owned()),
            async || answers.pop().expect("no call follows an answer"),
        );
        assert_eq!(answer.await.expect("the last answer is good"), 7);
        assert_eq!(
            said,
            [
                "the database can't be reached; trying again for 1m",
                "the database answers again"
            ]
        );
    }

    #[tokio::test]
    async fn patience_ends() {
        let mut calls = 0;
        let answer: StoreResult<()> = sit_out_within(
            Duration::from_millis(400),
            |_| {},
            async || {
                calls += 1;
                away()
            },
        )
        .await;
        assert!(answer.is_err_and(|error| error.is_unavailable()));
        assert!((2..10).contains(&calls), "{calls} calls");
    }

    #[tokio::test]
    async fn an_answer_that_is_no_outage_is_not_asked_for_again() {
        let mut calls = 0;
        let answer: StoreResult<()> = sit_out(async || {
            calls += 1;
            Err(StoreError::UnknownJob(JobId(7)))
        })
        .await;
        assert!(matches!(answer, Err(StoreError::UnknownJob(_))));
        assert_eq!(calls, 1);
    }
}
