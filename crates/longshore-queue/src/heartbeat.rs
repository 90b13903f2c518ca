//! The sign of life: a task of its own, so that no launch and no drain holds it up.
//!
//! It goes on until the last lease is gone (`solid_queue` #568: a heartbeat that ended before the
//! drain let others take jobs that still ran).

use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{Heartbeat, Registry as _, StoreResult};
use longshore_fault::{bug, point};
use tokio::time::{sleep, timeout};

use crate::fault::unanswered;
use crate::metrics::heartbeats;
use crate::shift::{Going, Shift};

/// Gives signs of life until the shift is fenced, or its task is ended with the shift.
pub(crate) async fn run(shift: Arc<Shift>) {
    let interval = shift.config.heartbeat_interval;
    let mut missed = 0_u32;
    // The first at once: until the database has said when it heard of this worker, it takes nothing over.
    let mut pause = Duration::ZERO;
    loop {
        sleep(pause).await;
        let sent = shift.liveness.now();
        if bug!("heartbeat_stops_at_drain") && shift.going() != Going::On {
            return;
        }
        // A call that hangs is not waited for: a later one may get through.
        let call = async {
            unanswered(
                "heartbeat",
                point!("heartbeat.before_send", shift.worker.0).await,
            )?;
            let answer = shift.store.heartbeat(shift.worker).await;
            unanswered(
                "heartbeat",
                point!("heartbeat.answered", shift.worker.0).await,
            )?;
            answer
        };
        match timeout(interval.max(Duration::from_secs(1)), call).await {
            Ok(Ok(Heartbeat::Alive { drain, at })) => {
                heartbeats("answered").increment(1);
                shift.liveness.answered(sent, at);
                if missed > 0 {
                    tracing::info!(missed, "heartbeats are answered again");
                }
                missed = 0;
                if drain {
                    shift.now(Going::AskedToDrain);
                }
                shift.reconcile.ring();
            }
            Ok(Ok(Heartbeat::Fenced)) => {
                heartbeats("fenced").increment(1);
                tracing::error!(
                    worker.id = shift.worker.0,
                    "fenced: others took over its jobs"
                );
                shift.fence();
                return;
            }
            missing => {
                heartbeats("failed").increment(1);
                missed += 1;
                if missed == 1 {
                    let why = why(missing);
                    tracing::warn!(
                        worker.id = shift.worker.0,
                        why,
                        "a heartbeat was not answered"
                    );
                }
            }
        }
        // Jittered each time, so that a fleet that was started at once does not beat in step.
        let soon = if missed == 0 { interval } else { interval / 3 };
        pause = soon.mul_f64(rand::random_range(0.8..=1.0));
    }
}

fn why(missing: Result<StoreResult<Heartbeat>, tokio::time::error::Elapsed>) -> String {
    match missing {
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(_)) | Err(_) => "no answer in time".to_owned(),
    }
}
