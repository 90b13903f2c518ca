//! Jobs to submit: a case names only what matters to it.

use std::time::Duration;

use longshore_core::retry::RetriedExitCodes;
use longshore_core::spec::Timeout;
use longshore_core::store::NewJob;
use longshore_core::{JobSpec, Priority, Timestamp};

/// A job to be submitted: `true`, as a process, at priority 50, unless a case says otherwise.
#[derive(Clone, Debug)]
pub struct Seed {
    spec: JobSpec,
    held: bool,
}

impl Seed {
    /// A job of which nothing matters.
    pub fn job() -> Self {
        Self {
            spec: JobSpec::process(["true"]),
            held: false,
        }
    }

    /// As many of them as asked for.
    pub fn jobs(count: usize) -> Vec<Self> {
        vec![Self::job(); count]
    }

    /// Its priority, 0 to 100.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.spec.priority = Priority::new(priority.into()).expect("a case names 0 to 100");
        self
    }

    /// Its queue; without it, the scene's.
    #[must_use]
    pub fn queue(mut self, name: &str) -> Self {
        self.spec.queue = Some(name.to_owned());
        self
    }

    /// Its name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.spec.name = Some(name.to_owned());
        self
    }

    /// One more label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.spec.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Its idempotency key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.spec.idempotency_key = Some(key.to_owned());
        self
    }

    /// Starts out pending.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Not before this time.
    #[must_use]
    pub fn due_at(mut self, at: Timestamp) -> Self {
        self.spec.scheduled_for = Some(at);
        self
    }

    /// The longest that it may wait.
    #[must_use]
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.spec.queue_timeout = Some(Timeout::After(timeout));
        self
    }

    /// How many retries it has.
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.spec.max_retries = Some(retries);
        self
    }

    /// Its own exit codes are retried, whatever they are.
    #[must_use]
    pub fn retried(mut self) -> Self {
        self.spec.retry_exit_codes = Some(RetriedExitCodes::Any);
        self
    }

    /// Any other spec.
    #[must_use]
    pub fn of(spec: JobSpec) -> Self {
        Self { spec, held: false }
    }

    /// The spec that it stands for, in `queue` unless it names another.
    pub fn spec_in(&self, queue: &str) -> JobSpec {
        let mut spec = self.spec.clone();
        spec.queue.get_or_insert_with(|| queue.to_owned());
        spec
    }

    /// The job to submit, in `queue` unless it names another.
    pub fn build_in(&self, queue: &str) -> NewJob {
        self.spec_in(queue)
            .validate()
            .expect("a case's seeds are valid")
            .held(self.held)
    }
}
