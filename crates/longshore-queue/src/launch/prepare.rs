//! What a launch needs that may take long: its image.
//!
//! Owns that people see how far it is, and that nobody waits for it longer than the launch is worth.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::executor::LaunchRequest;
use longshore_core::store::Leases as _;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Launch, Stopped, failed_by};
use crate::machines::Machine;

/// Between two words to the store: people read no faster, and every word is a write.
const NOTE_EVERY: Duration = Duration::from_secs(1);

impl Launch<'_> {
    /// Has the executor make ready what the container needs, for as long as the launch is worth it.
    pub(super) async fn prepare(
        &self,
        machine: &Machine,
        request: &LaunchRequest,
    ) -> Result<(), Stopped> {
        let (said, heard) = watch::channel(String::new());
        let tell = Arc::new(move |word: String| {
            said.send_if_modified(|last| {
                let is_news = *last != word;
                *last = word;
                is_news
            });
        });
        let prepared = machine.executor.prepare(request.clone(), tell);
        tokio::select! {
            biased;
            prepared = prepared => prepared.map_err(|error| {
                if error.is_transient() {
                    self.shift.machines.suspect();
                }
                failed_by(&error)
            }),
            stopped = self.until_useless() => Err(stopped),
            () = self.pass_on(heard) => unreachable!("it goes on for as long as it is asked"),
        }
    }

    /// Tells the store what the executor says, the last word once in a while. What can't be stored is
    /// no loss: the next word says more.
    async fn pass_on(&self, mut heard: watch::Receiver<String>) {
        while heard.changed().await.is_ok() {
            let word = heard.borrow_and_update().clone();
            let key = self.lease.key;
            if let Err(error) = self.shift.store.note_launch(key, &word).await {
                tracing::debug!(job.id = key.job.0, error = %error, "can't note how far a launch is");
            }
            sleep(NOTE_EVERY).await;
        }
        // Nobody speaks any more: the answer is on its way.
        std::future::pending::<()>().await;
    }
}
