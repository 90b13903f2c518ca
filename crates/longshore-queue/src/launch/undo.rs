//! What is left of a launch that went wrong: removed, found to run after all, or stopped.

use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ExecutorError, Phase};
use longshore_core::retry::Backoff;
use tokio::time::sleep;

use super::{Launch, Stopped, failed_by};
use crate::machines::Placed;
use crate::supervise::{grace_of, stop_for_good};

/// Between two looks at a container of which nobody can say whether it was started. Not bounded
/// in number: until it is known, neither a start nor an end may be assumed; the end of the lease
/// or of the worker ends it.
const UNSURE: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(200),
    max: Duration::from_secs(5),
};

impl Launch<'_> {
    /// Removes a container that was never started. If it can't be removed now it is named as left
    /// over: nobody will start it.
    pub(super) async fn undo(&self, placed: &Placed, stopped: Stopped) -> Stopped {
        let handle = &placed.handle;
        let removed = placed.machine.executor.forget(handle).await;
        match &removed {
            Ok(()) => self.progress.removed(),
            Err(error) => {
                tracing::warn!(handle = %handle, error = %error, "a container is left over");
            }
        }
        match stopped {
            Stopped::Over(record, _) => {
                Stopped::Over(record, removed.is_err().then(|| placed.clone()))
            }
            Stopped::LetGo(order) => Stopped::LetGo(order),
            Stopped::Unsure(why) => Stopped::Unsure(why),
        }
    }

    /// A start was answered with an error, which may mean that nobody knows. At most one start is
    /// ever sent; so it is found that the container runs or ran, or proved that it never will:
    /// removing it without force.
    ///
    /// First the look, then the removal: a short job that started and ended is removed as readily
    /// as one that never began. Absence is proof here, because this executor itself made the
    /// container and its listing names at least its own.
    pub(super) async fn after_failed_start(
        &self,
        placed: &Placed,
        error: &ExecutorError,
    ) -> Result<(), Stopped> {
        let handle = &placed.handle;
        let mut looks = 0;
        loop {
            match self.phase_of(placed).await {
                Ok(Some(Phase::Running | Phase::Exited)) => {
                    tracing::info!(handle = %handle, "a start went through in spite of its answer");
                    return Ok(());
                }
                Ok(Some(Phase::Created)) => {
                    if placed.machine.executor.forget(handle).await.is_ok() {
                        self.progress.removed();
                        return Err(failed_by(error));
                    }
                }
                Ok(None) => {
                    self.progress.removed();
                    return Err(failed_by(error));
                }
                Err(silent) => tracing::debug!(handle = %handle, error = %silent, "can't look"),
            }
            looks += 1;
            tokio::select! {
                order = self.orders.let_go() => return Err(Stopped::LetGo(order)),
                () = sleep(UNSURE.delay(looks, rand::random())) => {}
            }
        }
    }

    /// A container from an earlier token that runs or has ended, and can't be watched: it is
    /// stopped, so that nothing of it is left to run, and the attempt counts as lost.
    pub(super) async fn end_unwatched(&self, placed: &Placed, error: &ExecutorError) -> Stopped {
        tokio::select! {
            () = stop_for_good(self.shift, placed, grace_of(self.spec)) => {}
            order = self.orders.let_go() => return Stopped::LetGo(order),
        }
        let mut record = AttemptRecord::launch_failed(ErrorClass::Unknown, error.to_string());
        record.outcome = Outcome::Vanished;
        record.started = true;
        Stopped::Over(Box::new(record), Some(placed.clone()))
    }

    async fn phase_of(&self, placed: &Placed) -> Result<Option<Phase>, ExecutorError> {
        let listed = placed.machine.executor.list(&self.shift.instance).await?;
        let found = listed
            .into_iter()
            .find(|container| container.handle == placed.handle);
        Ok(found.map(|container| container.phase))
    }
}
