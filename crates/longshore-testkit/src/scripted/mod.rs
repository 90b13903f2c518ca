//! An executor in this process that does what a script says: for states that real containers
//! reach rarely, late or never.
//!
//! It keeps to the [`Executor`](longshore_core::executor::Executor) trait as a real one does (names, tokens, one start per handle),
//! and witnesses everything from inside: how many jobs were live at every instant, and in which
//! order things happened.

mod container;
mod executing;
mod gate;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_core::attempt::Exit;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Capabilities, Capability, ExecutorError, Handle, LaunchRequest};
use longshore_core::host::HostFacts;
use longshore_core::{AttemptNumber, JobId, Token};
use longshore_history::{Mark, Who};
use tokio::sync::Notify;

use crate::recording::{self, Journal};
use container::Container;
pub use gate::Gate;
pub use script::Script;

/// The signal that no job sees coming.
const KILL: i32 = 9;

type Decide = dyn Fn(&LaunchRequest) -> Script + Send + Sync;

/// An executor that does what its script says. Clones are the same executor.
#[derive(Clone)]
pub struct ScriptedExecutor {
    inner: Arc<Inner>,
}

struct Inner {
    kind: &'static str,
    capabilities: Capabilities,
    host: HostFacts,
    decide: Box<Decide>,
    state: Mutex<State>,
    /// Rung after every happening.
    changed: Notify,
    /// Where its jobs write of their own lives.
    journal: Option<Arc<Journal>>,
}

#[derive(Default)]
struct State {
    containers: BTreeMap<Handle, Arc<Container>>,
    created: u64,
    live: BTreeSet<Handle>,
    max_live: usize,
    happenings: Vec<Happening>,
}

/// Something that the executor saw or did, in the order in which it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A container was created.
    Created(Run),
    /// Its job started.
    Started(Run),
    /// Its end was asked for.
    Stopping(Run),
    /// Its job ended.
    Ended(Run, Exit),
    /// It was removed.
    Forgotten(Run),
    /// Something was asked that no worker may ask, such as a second start of one container.
    Misuse(Run, &'static str),
}

/// Which attempt of which job, and under which token its container was created.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Run {
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The token.
    pub token: Token,
}

impl ScriptedExecutor {
    /// Every job ends at once with exit code 0.
    pub fn new() -> Self {
        Self::scripted(|_| Script::exits(0))
    }

    /// Every job runs until [`ScriptedExecutor::release`].
    pub fn run_until_released() -> Self {
        Self::scripted(|_| Script::runs_until_released())
    }

    /// Each job does what `decide` says for it.
    pub fn scripted(decide: impl Fn(&LaunchRequest) -> Script + Send + Sync + 'static) -> Self {
        let inner = Inner {
            kind: "process",
            capabilities: Capabilities::of([Capability::Commands]),
            host: HostFacts {
                executor: "process".to_owned(),
                identity: "scripted".to_owned(),
                boot_id: "boot-1".to_owned(),
                name: "scripted".to_owned(),
            },
            decide: Box::new(decide),
            state: Mutex::default(),
            changed: Notify::new(),
            journal: None,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Of another kind than `process`, for other queues than `local`. To be said before it is used.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        let inner = self.unused();
        inner.kind = kind;
        kind.clone_into(&mut inner.host.executor);
        self
    }

    /// Declares exactly these capabilities. To be said before it is used.
    #[must_use]
    pub fn with_capabilities(mut self, list: impl IntoIterator<Item = Capability>) -> Self {
        self.unused().capabilities = Capabilities::of(list);
        self
    }

    /// Speaks to another machine. To be said before it is used.
    #[must_use]
    pub fn on_host(mut self, identity: &str, boot_id: &str) -> Self {
        let host = &mut self.unused().host;
        identity.clone_into(&mut host.identity);
        identity.clone_into(&mut host.name);
        boot_id.clone_into(&mut host.boot_id);
        self
    }

    /// Its jobs write their START and END into this journal, as processes do into a file: after they
    /// began, and before they end. To be said before it is used.
    #[must_use]
    pub fn witnessed_by(mut self, journal: Arc<Journal>) -> Self {
        self.unused().journal = Some(journal);
        self
    }

    fn unused(&mut self) -> &mut Inner {
        Arc::get_mut(&mut self.inner).expect("nobody else has this executor yet")
    }

    /// Lets every live container of the job end with exit code 0.
    pub fn release(&self, job: JobId) {
        self.release_with(job, Exit::with_code(0));
    }

    /// Lets every live container of the job end like this.
    pub fn release_with(&self, job: JobId, exit: Exit) {
        let state = self.inner.state();
        for handle in &state.live {
            let container = &state.containers[handle];
            if container.run.job == job {
                container.ask_to_end(exit);
            }
        }
    }

    /// Lets everything that is live end with exit code 0.
    pub fn release_all(&self) {
        let state = self.inner.state();
        for handle in &state.live {
            state.containers[handle].ask_to_end(Exit::with_code(0));
        }
    }

    /// What is live now.
    pub fn live(&self) -> Vec<Run> {
        let state = self.inner.state();
        state
            .live
            .iter()
            .map(|handle| state.containers[handle].run)
            .collect()
    }

    /// The most that were ever live at one instant.
    pub fn max_live(&self) -> usize {
        self.inner.state().max_live
    }

    /// Every start, in order.
    pub fn starts(&self) -> Vec<Run> {
        let state = self.inner.state();
        let started = |happening: &Happening| match happening {
            Happening::Started(run) => Some(*run),
            Happening::Created(_)
            | Happening::Stopping(_)
            | Happening::Ended(..)
            | Happening::Forgotten(_)
            | Happening::Misuse(..) => None,
        };
        state.happenings.iter().filter_map(started).collect()
    }

    /// Everything that happened, in order.
    pub fn happenings(&self) -> Vec<Happening> {
        self.inner.state().happenings.clone()
    }

    /// Waits until `holds` of this executor; it is asked after every happening. Callers bring the
    /// deadline.
    pub async fn wait_until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until exactly this many are live.
    pub async fn wait_until_live(&self, count: usize) {
        self.wait_until(|executor| executor.inner.state().live.len() == count)
            .await;
    }
}

impl Default for ScriptedExecutor {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // What a panicking test left behind is still true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, state: &mut State, happening: Happening) {
        state.happenings.push(happening);
        self.changed.notify_waiters();
    }

    fn find(&self, attempted: &str, handle: &Handle) -> Result<Arc<Container>, ExecutorError> {
        let found = self.state().containers.get(handle).cloned();
        found.ok_or_else(|| no_such_container(attempted, handle))
    }

    /// A job's own line.
    fn mark(&self, mark: Mark, run: Run) {
        if let Some(journal) = &self.journal {
            let who = Who::new(&self.host.identity).expect("an identity is a short word");
            journal.mark(mark, recording::run(run.job, run.attempt), who);
        }
    }

    fn ended(&self, container: &Container, handle: &Handle, exit: Exit) {
        let mut state = self.state();
        // Only what ended by itself or was asked to can still write; a kill leaves no END.
        if exit.signal != Some(KILL) {
            self.mark(Mark::End, container.run);
        }
        state.live.remove(handle);
        container.has_ended(exit);
        self.note(&mut state, Happening::Ended(container.run, exit));
    }
}

fn no_such_container(attempted: &str, handle: &Handle) -> ExecutorError {
    ExecutorError::new(
        ErrorClass::Permanent,
        format!("{attempted} {handle}"),
        "there is no such container",
    )
}

#[cfg(test)]
mod tests;
