//! The look at every host, once per heartbeat: whether it answers, and what people changed of it and
//! of what queues ask of their hosts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::WorkerId;
use longshore_core::store::Registry as _;
use tokio::time::sleep;

use super::{Machine, Machines};
use crate::retrying::Retrying;
use crate::shift::Shift;

/// Launches that fail close together lead to one look.
const MIN_GAP: Duration = Duration::from_millis(200);

/// Looks until its task is ended.
pub(crate) async fn run(shift: Arc<Shift>) {
    let mut suspect = shift.machines.suspect.listen();
    loop {
        let every = shift.config.heartbeat_interval;
        let jittered = every.mul_f64(rand::random_range(0.75..=1.0));
        tokio::select! {
            () = sleep(jittered) => {}
            () = suspect.rung() => sleep(MIN_GAP).await,
        }
        suspect.looking();
        shift.machines.pass(&shift.store, shift.worker).await;
        look_at_queues(&shift).await;
        shift.look.ring();
    }
}

/// Learns which labels the queues ask of their hosts now.
async fn look_at_queues(shift: &Shift) {
    match shift.store.queues().await {
        Ok(queues) => {
            for served in &shift.served {
                if let Some(queue) = queues.iter().find(|queue| queue.id == served.queue.id) {
                    served.now_known(queue);
                }
            }
        }
        Err(error) => tracing::debug!(error = %error, "can't read what queues ask of their hosts"),
    }
}

impl Machines {
    /// One look at every host.
    async fn pass(&self, store: &Retrying, worker: WorkerId) {
        join_all(self.all().iter().map(|machine| look_at(store, machine))).await;
        if let Err(error) = self.try_the_silent(store, worker).await {
            tracing::warn!(error = %error, "can't enter a host");
        }
        if let Err(error) = self.ask_again(store, Duration::ZERO).await {
            tracing::debug!(error = %error, "can't read what is known of the hosts");
        }
    }
}

/// Asks one host whether it is there, and tells the store.
async fn look_at(store: &Retrying, machine: &Machine) {
    let problem = match machine.executor.host().await {
        Ok(facts) if facts.identity == machine.identity() => {
            if machine.set_down(None) {
                tracing::info!(
                    host.id = machine.id.0,
                    host = facts.name,
                    "the host answers again"
                );
            }
            if let Err(error) = store.register_host(&facts).await {
                tracing::debug!(host.id = machine.id.0, error = %error, "can't tell that it answers");
            }
            return;
        }
        Ok(facts) => format!(
            "another one answers in its place ({}): restart the worker to use that",
            facts.identity
        ),
        Err(error) => error.to_string(),
    };
    if machine.set_down(Some(problem.clone())) {
        let name = machine.name();
        tracing::warn!(
            host.id = machine.id.0,
            host = name,
            problem,
            "the host gets no new jobs"
        );
    }
    if let Err(error) = store.note_host_problem(machine.id, &problem).await {
        tracing::debug!(host.id = machine.id.0, error = %error, "can't tell that it does not answer");
    }
}
