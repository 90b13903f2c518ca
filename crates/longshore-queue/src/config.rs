//! What a worker is told: [`WorkerConfig`] and its checks.

use std::time::Duration;

use longshore_core::output::DEFAULT_OUTPUT_CAP_BYTES;
use longshore_core::store::{AcquireRequest, Retention};

/// When a worker ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Until {
    /// When it is told to.
    #[default]
    Stopped,
    /// When nothing waits or runs in its queues (`--until-empty`).
    Empty,
    /// After one batch, watched to its end (`--once`).
    OneBatch,
}

/// What a worker is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerConfig {
    /// What people call it.
    pub name: String,
    /// Names of the queues that it serves; none means every queue that its executors can serve.
    pub queues: Vec<String>,
    /// Whether it registers as serving no queue: it takes jobs now and then for somebody's sake, so
    /// that nobody may wait for it as for a worker.
    pub occasional: bool,
    /// The most jobs at once in this process. A local bound: limits of queues are the store's.
    pub max_concurrent: u32,
    /// How long at most until it looks for work without a hint; each wait is jittered below it.
    pub poll_interval: Duration,
    /// For how long a contended acquisition is repeated.
    pub acquire_timeout: Duration,
    /// How long running jobs have when a drain begins. What can't outlive its worker is stopped
    /// after that, each job with its own stop grace, but never more than 30 s of it.
    pub shutdown_timeout: Duration,
    /// After this long without a heartbeat others may take over.
    pub lease_ttl: Duration,
    /// How often it gives a sign of life.
    pub heartbeat_interval: Duration,
    /// How long a container that no lease stands for is kept once it has ended: so that a late create
    /// by a worker that stalled finds its name taken.
    pub tombstone: Duration,
    /// The most output that is kept of an attempt.
    pub output_cap_bytes: u64,
    /// When it ends by itself.
    pub until: Until,
    /// How long ended jobs are kept.
    pub retention: Retention,
    /// Longshore's version.
    pub version: String,
    /// The machine's name.
    pub hostname: String,
    /// This process.
    pub pid: u32,
    /// The machine's boot id.
    pub boot_id: String,
}

impl Default for WorkerConfig {
    /// The defaults of DESIGN section 5, for a worker without a name on a machine without one.
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            queues: Vec::new(),
            occasional: false,
            max_concurrent: 5,
            poll_interval: Duration::from_secs(1),
            acquire_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
            lease_ttl: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(10),
            tombstone: Duration::from_hours(1),
            output_cap_bytes: DEFAULT_OUTPUT_CAP_BYTES,
            until: Until::Stopped,
            retention: Retention {
                keep: Duration::from_hours(30 * 24),
                batch: 1000,
            },
            version: String::new(),
            hostname: String::new(),
            pid: std::process::id(),
            boot_id: String::new(),
        }
    }
}

/// A setting that no worker can work with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct ConfigError {
    /// Which setting, as the command line spells it.
    pub setting: &'static str,
    /// What is wrong with it, and what is allowed.
    pub problem: String,
}

/// A worker looks for work at least this often: more would only load the database.
const MIN_POLL: Duration = Duration::from_millis(10);

/// A shorter retention would take jobs away before whoever waits for them has looked.
const MIN_RETENTION: Duration = Duration::from_mins(1);

/// The shortest lease that clocks and stalls of real machines leave meaning in.
const MIN_LEASE_TTL: Duration = Duration::from_secs(1);

impl WorkerConfig {
    /// Checks every setting; the first that is wrong is the error.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |setting, problem: String| Err(ConfigError { setting, problem });
        if self.name.is_empty() {
            return refuse("name", "must not be empty".to_owned());
        }
        if self.max_concurrent == 0 || self.max_concurrent > AcquireRequest::MAX_WANT {
            let most = AcquireRequest::MAX_WANT;
            return refuse("max-concurrent", format!("must be from 1 to {most}"));
        }
        if self.poll_interval < MIN_POLL {
            return refuse("poll-interval", "must be 10ms or more".to_owned());
        }
        if self.lease_ttl < MIN_LEASE_TTL {
            return refuse("lease-ttl", "must be 1s or more".to_owned());
        }
        // Two heartbeats may go missing before a lease is stale: one lost packet takes nothing over.
        if self.heartbeat_interval.is_zero() || self.heartbeat_interval * 2 > self.lease_ttl {
            let problem = "must be more than zero and at most half of lease-ttl".to_owned();
            return refuse("heartbeat", problem);
        }
        if self.retention.keep < MIN_RETENTION {
            return refuse("retention", "must be 1m or more, or none".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted() {
        assert_eq!(WorkerConfig::default().check(), Ok(()));
    }

    #[test]
    fn each_bad_setting_is_named() {
        type Spoil = fn(&mut WorkerConfig);
        let cases: [(&str, Spoil); 8] = [
            ("name", |c| c.name.clear()),
            ("retention", |c| c.retention.keep = Duration::from_secs(59)),
            ("max-concurrent", |c| c.max_concurrent = 0),
            ("max-concurrent", |c| c.max_concurrent = 1001),
            ("poll-interval", |c| c.poll_interval = Duration::ZERO),
            ("lease-ttl", |c| c.lease_ttl = Duration::from_millis(999)),
            ("heartbeat", |c| {
                c.heartbeat_interval = Duration::ZERO;
            }),
            ("heartbeat", |c| {
                c.heartbeat_interval = c.lease_ttl / 2 + Duration::from_millis(1);
            }),
        ];
        for (setting, spoil) in cases {
            let mut config = WorkerConfig::default();
            spoil(&mut config);
            let error = config.check().expect_err("the setting was spoilt");
            assert_eq!(error.setting, setting);
        }
    }
}
