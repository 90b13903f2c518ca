//! What a person asks to be run: [`JobSpec`], its parts, and the checked form [`ValidSpec`].

mod checks;
mod device;
mod duration;
mod memory;
mod parse;
mod secret;
mod validate;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use checks::{FieldError, check_name, is_env_key};
pub use device::{Device, is_permissions};
pub(crate) use duration::optional as optional_duration;
pub use duration::{DurationError, Timeout, format_duration, parse_duration};
pub use memory::{MemoryError, format_bytes, parse_bytes};
pub use parse::{FIELDS, parse_json, parse_value};
pub use secret::EnvValue;
pub use validate::{MAX_SPEC_BYTES, ValidSpec};

use crate::priority::Priority;
use crate::retry::{RetriedExitCodes, Strategy};

/// The queue that runs images on Docker.
pub const DEFAULT_QUEUE: &str = "default";
/// The queue that runs commands as processes of the worker's host.
pub const LOCAL_QUEUE: &str = "local";

/// A job as asked for: "run this image with this command", and everything about how.
///
/// Its JSON form is the same on the command line, over HTTP and in `longshore.submit(jsonb)`.
/// Every field is optional except that a job needs an image or a command.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobSpec {
    /// For people; need not be unique. 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub name: Option<String>,
    /// For people, up to 4096 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(max_length = 4096))]
    pub description: Option<String>,
    /// Who asked for it, up to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub submitted_by: Option<String>,
    /// For filters: at most 64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// The image to run; absent means a command on the worker's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schema(min_length = 1, max_length = 512, pattern = "^\\S+$")
    )]
    pub image: Option<String>,
    /// Docker's CMD: the program and its arguments, or the arguments of the entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Replaces the image's entrypoint; without an image it goes before `command`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Environment variables; they win over those of `env_templates`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::env))]
    pub env: BTreeMap<String, EnvValue>,
    /// Names of variables, of `env` or of a template, whose values are shown to nobody, also not to those
    /// who may see the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret_env: Vec<String>,
    /// Names of templates, resolved at launch in this order; later ones win.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env_templates: Vec<String>,
    /// An absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(pattern = "^/", max_length = 4096))]
    pub working_directory: Option<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What is mounted where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Networks to join; none means the engine's default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// Devices of the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Whether it has every capability and every device of the host; only where the operator allows
    /// it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// The most memory, in bytes; written `536870912` or `"512m"`.
    #[serde(skip_serializing_if = "Option::is_none", with = "memory::optional")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::bytes))]
    pub memory: Option<u64>,
    /// The most CPUs, for example 1.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(exclusive_minimum = 0, maximum = 4096))]
    pub cpus: Option<f64>,
    /// The most processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1))]
    pub pids_limit: Option<u32>,

    /// How long it may run; 1 h when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::timeout))]
    pub run_timeout: Option<Timeout>,
    /// How long it may wait, from when it is queued and due until it starts; no bound when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::timeout))]
    pub queue_timeout: Option<Timeout>,
    /// How long it may go without writing anything; no bound when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::timeout))]
    pub no_output_timeout: Option<Timeout>,
    /// How long it has between TERM and KILL; 10 s when absent.
    #[serde(skip_serializing_if = "Option::is_none", with = "duration::optional")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::duration))]
    pub stop_grace: Option<std::time::Duration>,

    /// The queue; when absent `default` for an image and `local` for a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(pattern = "^[a-z0-9][a-z0-9._-]{0,62}$"))]
    pub queue: Option<String>,
    /// 0 to 100, higher first.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::priority))]
    pub priority: Priority,
    /// Not before this time, by the database's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub scheduled_for: Option<Timestamp>,
    /// How many further attempts may follow a failed one; the strategy's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(maximum = 100))]
    pub max_retries: Option<u32>,
    /// How retries are spaced; from the priority when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_strategy: Option<Strategy>,
    /// Exit codes of the job itself that are retried; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::exit_codes))]
    pub retry_exit_codes: Option<RetriedExitCodes>,
    /// When the image is pulled; `missing` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullPolicy>,
    /// Makes a repeated submission answer with the first job. 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub idempotency_key: Option<String>,
}

/// When an image is pulled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum PullPolicy {
    /// When the engine does not have it.
    Missing,
    /// Before every launch.
    Always,
    /// Never: a launch without the image fails.
    Never,
}

/// Something mounted into the container.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Mount {
    /// What kind of thing is mounted.
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// The host's path or the volume's name; absent for `tmpfs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// An absolute path in the container.
    pub target: String,
    /// Whether the container may only read it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// What a [`Mount`] mounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum MountKind {
    /// A path of the host; only from the operator's allow-list.
    Bind,
    /// A named volume of the engine.
    Volume,
    /// Memory.
    Tmpfs,
}

/// A network that the container joins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Network {
    /// The network's name.
    pub name: String,
    /// Further names of the container in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// What stands where a value was.
pub const MASK: &str = "***";

impl JobSpec {
    /// Replaces the values of its environment by [`MASK`]: all of them, or with `reveal` the secret ones
    /// alone. Whether any was.
    pub fn mask_env(&mut self, reveal: bool) -> bool {
        let mut masked = false;
        for (name, value) in &mut self.env {
            if !reveal || self.secret_env.contains(name) {
                *value = MASK.into();
                masked = true;
            }
        }
        masked
    }

    /// A spec that runs `command` as a process of the worker's host.
    pub fn process<I, S>(command: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// The queue that the job goes to.
    pub fn queue_name(&self) -> &str {
        match &self.queue {
            Some(queue) => queue,
            None if self.image.is_some() => DEFAULT_QUEUE,
            None => LOCAL_QUEUE,
        }
    }

    /// How retries are spaced: the given strategy, or one from the priority.
    pub fn strategy(&self) -> Strategy {
        self.retry_strategy
            .unwrap_or_else(|| Strategy::for_priority(self.priority))
    }

    /// How many further attempts may follow a failed one.
    pub fn retries_allowed(&self) -> u32 {
        self.max_retries
            .unwrap_or_else(|| self.strategy().backoff().attempts)
    }
}
