//! What each field may hold. `PostgreSQL`'s `longshore.submit` holds to the same bounds; one table
//! of cases (`longshore-testkit`, `spec_cases.json`) tests both.

use std::time::Duration;

use jiff::Timestamp;

use super::checks::{
    FieldError, absolute, bounded_len, check_name, env_path, is_env_key, is_label_key, label_path,
    no_nul, text,
};
use super::duration::is_storable;
use super::{JobSpec, Mount, MountKind, Timeout};

/// The largest spec that is accepted, as canonical JSON.
pub const MAX_SPEC_BYTES: usize = 256 * 1024;

const ENV_KEY_EXPECTED: &str = "a variable's name must not be empty or hold '=' or spaces";
const MAX_LABELS: usize = 64;
const MAX_RETRIES: u32 = 100;
const MAX_CPUS: f64 = 4096.0;

/// The moments that both databases hold and that are written with four digits of a year: from the
/// year 1 to the end of 9999, less a day for the offsets of time zones.
const FIRST_MOMENT: Timestamp = Timestamp::constant(-62_135_596_800, 0);
const AFTER_LAST_MOMENT: Timestamp = Timestamp::constant(253_402_128_001, 0);

/// A [`JobSpec`] that holds to every bound: the only kind that a store accepts.
#[derive(Clone, PartialEq, Debug)]
pub struct ValidSpec {
    spec: JobSpec,
    hold: bool,
}

impl ValidSpec {
    /// The spec.
    pub fn spec(&self) -> &JobSpec {
        &self.spec
    }

    /// The spec, taken out.
    pub fn into_spec(self) -> JobSpec {
        self.spec
    }

    /// Whether the job starts out `pending`, until a person queues it.
    pub fn is_held(&self) -> bool {
        self.hold
    }

    /// The same job, on hold or not.
    #[must_use]
    pub fn held(mut self, hold: bool) -> Self {
        self.hold = hold;
        self
    }
}

impl JobSpec {
    /// Checks every bound; the first field that breaks one is the error.
    pub fn validate(self) -> Result<ValidSpec, FieldError> {
        self.check_texts()?;
        self.check_what_runs()?;
        self.check_surroundings()?;
        self.check_bounds()?;
        let bytes = serde_json::to_vec(&self).map_or(usize::MAX, |json| json.len());
        if bytes > MAX_SPEC_BYTES {
            return Err(FieldError::too_large(bytes));
        }
        Ok(ValidSpec {
            spec: self,
            hold: false,
        })
    }

    fn check_texts(&self) -> Result<(), FieldError> {
        text("name", self.name.as_deref(), 200)?;
        text("submitted_by", self.submitted_by.as_deref(), 200)?;
        text("idempotency_key", self.idempotency_key.as_deref(), 200)?;
        if let Some(description) = &self.description {
            no_nul("description", description)?;
            if description.chars().count() > 4096 {
                return Err(FieldError::new(
                    "description",
                    "must have at most 4096 characters",
                ));
            }
        }
        if self.labels.len() > MAX_LABELS {
            return Err(FieldError::new(
                "labels",
                format!("must be at most {MAX_LABELS}"),
            ));
        }
        for (key, value) in &self.labels {
            let path = label_path(key);
            if !is_label_key(key) {
                return Err(FieldError::new(
                    path,
                    "a label's key must be 1 to 63 letters, digits or . _ / -, a letter or digit first",
                ));
            }
            no_nul(&path, value)?;
            if value.chars().count() > 256 {
                return Err(FieldError::new(path, "must have at most 256 characters"));
            }
        }
        Ok(())
    }

    fn check_what_runs(&self) -> Result<(), FieldError> {
        if let Some(image) = &self.image {
            let fits = (1..=512).contains(&image.chars().count());
            if !fits || image.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(FieldError::new(
                    "image",
                    "must be 1 to 512 characters without spaces",
                ));
            }
        } else if self.command.is_empty() && self.entrypoint.is_empty() {
            return Err(FieldError::whole(
                "needs an image, or a command to run on the host".to_owned(),
            ));
        }
        for (field, list) in [("command", &self.command), ("entrypoint", &self.entrypoint)] {
            bounded_len(field, list.len())?;
            for (index, item) in list.iter().enumerate() {
                no_nul(&format!("{field}[{index}]"), item)?;
            }
        }
        if self.image.is_none()
            && self
                .entrypoint
                .iter()
                .chain(&self.command)
                .next()
                .is_some_and(String::is_empty)
        {
            return Err(FieldError::new(
                "command",
                "the program's name must not be empty",
            ));
        }
        Ok(())
    }

    fn check_surroundings(&self) -> Result<(), FieldError> {
        bounded_len("env", self.env.len())?;
        for (key, value) in &self.env {
            let path = env_path(key);
            if !is_env_key(key) {
                return Err(FieldError::new(path, ENV_KEY_EXPECTED));
            }
            no_nul(&path, value.reveal())?;
        }
        bounded_len("secret_env", self.secret_env.len())?;
        for (index, name) in self.secret_env.iter().enumerate() {
            if !is_env_key(name) {
                let path = format!("secret_env[{index}]");
                return Err(FieldError::new(path, ENV_KEY_EXPECTED));
            }
        }
        bounded_len("env_templates", self.env_templates.len())?;
        for (index, name) in self.env_templates.iter().enumerate() {
            check_name(&format!("env_templates[{index}]"), name)?;
        }
        if let Some(directory) = &self.working_directory {
            absolute("working_directory", directory)?;
        }
        if let Some(user) = &self.user {
            let mut parts = user.splitn(2, ':');
            let fits = |part: &str| {
                (1..=100).contains(&part.len())
                    && part
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            };
            if !parts.all(fits) {
                return Err(FieldError::new(
                    "user",
                    "must be user, uid, user:group or uid:gid",
                ));
            }
        }
        bounded_len("mounts", self.mounts.len())?;
        for (index, mount) in self.mounts.iter().enumerate() {
            check_mount(index, mount)?;
        }
        bounded_len("networks", self.networks.len())?;
        for (index, network) in self.networks.iter().enumerate() {
            text(&format!("networks[{index}].name"), Some(&network.name), 200)?;
            for (alias_index, alias) in network.aliases.iter().enumerate() {
                text(
                    &format!("networks[{index}].aliases[{alias_index}]"),
                    Some(alias),
                    200,
                )?;
            }
        }
        bounded_len("devices", self.devices.len())?;
        for (index, device) in self.devices.iter().enumerate() {
            device.check(index)?;
        }
        Ok(())
    }

    fn check_bounds(&self) -> Result<(), FieldError> {
        // Bound by i64, which is what databases and engines count in.
        if self
            .memory
            .is_some_and(|bytes| bytes == 0 || i64::try_from(bytes).is_err())
        {
            let problem = format!("must be from 1 to {} bytes", i64::MAX);
            return Err(FieldError::new("memory", problem));
        }
        if self
            .cpus
            .is_some_and(|cpus| !(cpus > 0.0 && cpus <= MAX_CPUS))
        {
            return Err(FieldError::new(
                "cpus",
                format!("must be more than 0 and at most {MAX_CPUS}"),
            ));
        }
        if self.pids_limit == Some(0) {
            return Err(FieldError::new("pids_limit", "must be at least 1"));
        }
        for (field, timeout) in [
            ("run_timeout", self.run_timeout),
            ("queue_timeout", self.queue_timeout),
            ("no_output_timeout", self.no_output_timeout),
        ] {
            if timeout == Some(Timeout::After(Duration::ZERO)) {
                return Err(FieldError::new(
                    field,
                    "must be more than 0; \"none\" means no bound",
                ));
            }
        }
        for (field, time) in [
            ("run_timeout", self.run_timeout.and_then(Timeout::limit)),
            ("queue_timeout", self.queue_timeout.and_then(Timeout::limit)),
            (
                "no_output_timeout",
                self.no_output_timeout.and_then(Timeout::limit),
            ),
            ("stop_grace", self.stop_grace),
        ] {
            if time.is_some_and(|time| !is_storable(time)) {
                let problem = "must be whole milliseconds, at most 3660 days";
                return Err(FieldError::new(field, problem));
            }
        }
        if let Some(queue) = &self.queue {
            check_name("queue", queue)?;
        }
        if self
            .scheduled_for
            .is_some_and(|time| !(FIRST_MOMENT..AFTER_LAST_MOMENT).contains(&time))
        {
            let problem = "must be a time in the years 1 to 9999, such as \"2030-01-31T18:00:00Z\"";
            return Err(FieldError::new("scheduled_for", problem));
        }
        if self
            .max_retries
            .is_some_and(|retries| retries > MAX_RETRIES)
        {
            return Err(FieldError::new(
                "max_retries",
                format!("must be at most {MAX_RETRIES}"),
            ));
        }
        if let Some(codes) = &self.retry_exit_codes {
            codes
                .check()
                .map_err(|problem| FieldError::new("retry_exit_codes", problem))?;
        }
        Ok(())
    }
}

fn check_mount(index: usize, mount: &Mount) -> Result<(), FieldError> {
    let source = format!("mounts[{index}].source");
    absolute(&format!("mounts[{index}].target"), &mount.target)?;
    match (mount.kind, &mount.source) {
        (MountKind::Bind, Some(path)) => absolute(&source, path),
        (MountKind::Volume, Some(name)) => text(&source, Some(name), 200),
        (MountKind::Bind | MountKind::Volume, None) => {
            Err(FieldError::new(source, "is needed for a bind or a volume"))
        }
        (MountKind::Tmpfs, None) => Ok(()),
        (MountKind::Tmpfs, Some(_)) => Err(FieldError::new(source, "a tmpfs has no source")),
    }
}
