//! The look at every host, once per heartbeat: whether it answers, and what people changed of it and
//! of what queues ask of their hosts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::HostId;
use longshore_core::store::Registry as _;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::Machine;
use crate::retrying::Retrying;
use crate::shift::Shift;

/// Launches that fail close together lead to one look.
const MIN_GAP: Duration = Duration::from_millis(200);

/// A pass waits this long for its looks; one that takes longer goes on beside the next passes, so
/// that a host that hangs holds up no other.
const PROMPT: Duration = Duration::from_secs(1);

/// The looks that are under way, at most one of each host. They end with this.
#[derive(Default)]
struct Looks {
    tasks: JoinSet<Look>,
    under_way: BTreeSet<Look>,
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Look {
    At(HostId),
    /// Those that have not answered yet.
    AtTheSilent,
    /// What people changed of the queues.
    AtQueues,
}

/// Looks until its task is ended.
pub(crate) async fn run(shift: Arc<Shift>) {
    let mut suspect = shift.machines.suspect.listen();
    let mut looks = Looks::default();
    loop {
        let every = shift.config.heartbeat_interval;
        let jittered = every.mul_f64(rand::random_range(0.75..=1.0));
        tokio::select! {
            () = sleep(jittered) => {}
            () = suspect.rung() => sleep(MIN_GAP).await,
        }
        suspect.looking();
        looks.pass(&shift).await;
        shift.look.ring();
    }
}

impl Looks {
    /// One look at every host that is not being looked at.
    async fn pass(&mut self, shift: &Arc<Shift>) {
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended);
        }
        for machine in shift.machines.all() {
            let store = shift.store.clone();
            self.begin(Look::At(machine.id), async move {
                look_at(&store, &machine).await;
            });
        }
        let silent = Arc::clone(shift);
        self.begin(Look::AtTheSilent, async move {
            let found = silent.machines.try_the_silent(&silent.store).await;
            if let Err(error) = &found {
                tracing::warn!(error = %error, "can't enter a host");
            }
            if found.is_ok_and(|found| found) {
                learn_queues(&silent).await;
                silent.look.ring();
            }
        });
        let asking = Arc::clone(shift);
        self.begin(Look::AtQueues, async move { learn_queues(&asking).await });
        let prompt = async {
            while let Some(ended) = self.tasks.join_next().await {
                self.ended(ended);
            }
        };
        // Late: the next pass finds what it did.
        let _ = timeout(PROMPT, prompt).await;
        if let Err(error) = shift.machines.ask_again(&shift.store, Duration::ZERO).await {
            tracing::debug!(error = %error, "can't read what is known of the hosts");
        }
    }

    fn begin(&mut self, what: Look, look: impl Future<Output = ()> + Send + 'static) {
        if self.under_way.insert(what) {
            self.tasks.spawn(async move {
                look.await;
                what
            });
        }
    }

    fn ended(&mut self, ended: Result<Look, JoinError>) {
        match ended {
            Ok(look) => drop(self.under_way.remove(&look)),
            // A defect, of whichever it was: the next pass may look at all of them again.
            Err(error) => {
                tracing::error!(error = %error, "a look at a host panicked");
                self.under_way.clear();
            }
        }
    }
}

async fn learn_queues(shift: &Shift) {
    if let Err(error) = shift.learn_queues().await {
        tracing::warn!(error = %error, "can't learn of the queues, or tell which are served");
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
