//! The flags of `longshore worker`, and what they come to beneath the configuration file.

use std::net::SocketAddr;
use std::time::Duration;

use longshore_core::spec::{Timeout, parse_duration};
use longshore_core::store::Retention;
use longshore_queue::{Until, WorkerConfig};

use crate::args::{EngineArgs, parse_bound};
use crate::config;

/// Take jobs and run them, until told to stop
///
/// Serves every queue whose executor this machine has, unless some are named; one that is made later
/// is found with the next look. The first SIGTERM or Ctrl-C drains: nothing more is taken, and what runs has --shutdown-timeout to end. A second
/// one stops what runs and hands it back, uncounted. SIGHUP drains too, unless it is ignored as
/// under nohup. SIGUSR1 says on stderr what it is doing. The last line on stderr says what became
/// of everything.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore worker --queue local --max-concurrent 8")]
pub struct Args {
    #[command(flatten)]
    pub settings: Settings,
    /// Where to serve /metrics, /healthz and /readyz, over plain HTTP and to whoever asks; port 0 takes
    /// any that is free [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    #[arg(env = "LONGSHORE_WORKER_METRICS_LISTEN", hide_env_values = true)]
    metrics_listen: Option<SocketAddr>,
    /// End when nothing waits or runs in its queues
    #[arg(long, conflicts_with = "once")]
    until_empty: bool,
    /// Take one batch, watch it to its end, and end
    #[arg(long)]
    once: bool,
    /// Say what it would take, and take nothing
    #[arg(long, conflicts_with_all = ["until_empty", "once"])]
    pub dry_run: bool,
}

/// How a worker works, whatever else its process does.
#[derive(clap::Args, Debug)]
pub struct Settings {
    /// A queue to serve; repeatable [default: every queue that this machine can serve]
    #[arg(long = "queue", value_name = "NAME", env = "LONGSHORE_WORKER_QUEUES")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    queues: Vec<String>,
    /// The most jobs at once in this process [default: 5]
    #[arg(long, value_name = "NUMBER", env = "LONGSHORE_WORKER_MAX_CONCURRENT")]
    #[arg(hide_env_values = true)]
    max_concurrent: Option<u32>,
    /// How often to look for work when nothing hints at any [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(env = "LONGSHORE_WORKER_POLL_INTERVAL", hide_env_values = true)]
    poll_interval: Option<Duration>,
    /// How long taking jobs may be repeated while the database is busy [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(env = "LONGSHORE_WORKER_TIMEOUT", hide_env_values = true)]
    timeout: Option<Duration>,
    /// How long what runs has to end once a drain begins [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(env = "LONGSHORE_WORKER_SHUTDOWN_TIMEOUT", hide_env_values = true)]
    shutdown_timeout: Option<Duration>,
    /// After how long without a heartbeat the worker counts as dead [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(env = "LONGSHORE_WORKER_LEASE_TTL", hide_env_values = true)]
    lease_ttl: Option<Duration>,
    /// How often it gives a sign of life; at most half of --lease-ttl [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    #[arg(env = "LONGSHORE_WORKER_HEARTBEAT", hide_env_values = true)]
    heartbeat: Option<Duration>,
    /// How long ended jobs are kept, with attempts and output: at least 1m, or none for ever
    /// [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = parse_bound)]
    #[arg(env = "LONGSHORE_WORKER_RETENTION", hide_env_values = true)]
    retention: Option<Timeout>,
    #[command(flatten)]
    pub engines: EngineArgs,
    /// What to call it [default: the machine's name and the process id]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

impl Args {
    /// Where metrics and probes are served, if anywhere.
    pub fn metrics_listen(&self, file: &config::WorkerConfig) -> Option<SocketAddr> {
        self.metrics_listen.or(file.metrics_listen)
    }

    /// The settings, and when the worker ends by itself.
    pub fn to_config(&self, file: &config::WorkerConfig) -> WorkerConfig {
        WorkerConfig {
            until: match (self.until_empty, self.once) {
                (true, _) => Until::Empty,
                (_, true) => Until::OneBatch,
                (false, false) => Until::Stopped,
            },
            ..self.settings.to_config(file)
        }
    }
}

impl Settings {
    /// Flags and variables over the file over the defaults; the machine's facts stay to be filled
    /// in.
    pub fn to_config(&self, file: &config::WorkerConfig) -> WorkerConfig {
        let default = WorkerConfig::default();
        let or = |given: Option<Duration>, file: Option<Duration>, default| {
            given.or(file).unwrap_or(default)
        };
        let configured = || file.queues.clone().unwrap_or_default();
        WorkerConfig {
            queues: if self.queues.is_empty() {
                configured()
            } else {
                self.queues.clone()
            },
            max_concurrent: self
                .max_concurrent
                .or(file.max_concurrent)
                .unwrap_or(default.max_concurrent),
            poll_interval: or(
                self.poll_interval,
                file.poll_interval,
                default.poll_interval,
            ),
            acquire_timeout: or(self.timeout, file.timeout, default.acquire_timeout),
            shutdown_timeout: or(
                self.shutdown_timeout,
                file.shutdown_timeout,
                default.shutdown_timeout,
            ),
            lease_ttl: or(self.lease_ttl, file.lease_ttl, default.lease_ttl),
            heartbeat_interval: or(self.heartbeat, file.heartbeat, default.heartbeat_interval),
            retention: Retention {
                keep: match self.retention.or(file.retention) {
                    Some(Timeout::After(keep)) => keep.min(Retention::FOREVER),
                    Some(Timeout::Never) => Retention::FOREVER,
                    None => default.retention.keep,
                },
                ..default.retention
            },
            name: self.name.clone().unwrap_or_default(),
            ..default
        }
    }
}
