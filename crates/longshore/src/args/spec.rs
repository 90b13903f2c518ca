//! The flags that say what a job is.
//!
//! They become the JSON form of a job and are read by the one parser of that form, so that flags
//! and files are held to the same bounds in the same words.

#![expect(
    clippy::doc_markdown,
    reason = "these doc comments are help, shown as they stand"
)]

use std::path::PathBuf;

use longshore_core::retry::Strategy;
use longshore_core::spec::FieldError;
use serde_json::{Map, Value, json};

use super::like::Asked;
use super::words::Words;
use super::{JobRef, Overlay, Pair, devices, env_file, mounts, networks, values};
use crate::exit::Refused;

/// What a job is.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Job")]
pub struct SpecArgs {
    /// The image and its command, or behind -- a command of the worker's host; everything behind
    /// the first word is the command's own
    #[arg(value_names = ["IMAGE", "COMMAND"], num_args = 0.., trailing_var_arg = true)]
    #[arg(help_heading = None::<&str>)]
    words: Vec<String>,
    /// The image, said by a flag; the command then stands behind --
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Replace the image's entrypoint: one program, its arguments are the command
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// When the image is pulled [default: missing]
    #[arg(long, value_name = "WHEN", value_parser = ["missing", "always", "never"])]
    pull: Option<String>,
    /// What to call the job
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// What it is for, for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A label to find the job by; repeatable
    #[arg(long = "label", short, value_name = "KEY=VALUE")]
    labels: Vec<Pair>,
    /// The queue [env: LONGSHORE_SUBMIT_QUEUE] [default: `default` with an image, `local` without]
    // Not clap's `env`: a variable would then win over what a file says.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// 0 to 100, or high (80), normal (50), low (20): higher goes first [default: normal]
    #[arg(long, short, value_name = "PRIORITY", allow_hyphen_values = true)]
    priority: Option<String>,
    /// Not before this time, such as 2026-08-01T18:00:00Z
    #[arg(long = "at", value_name = "TIME")]
    scheduled_for: Option<String>,
    /// Keep it out of its queue until a person releases it
    #[arg(long)]
    hold: bool,
    /// A repeated submission with this key answers with the first job
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    /// A variable of the job's environment, KEY alone takes this shell's value; repeatable
    #[arg(
        long = "env",
        short,
        value_name = "KEY=VALUE",
        help_heading = "Environment"
    )]
    env: Vec<Pair>,
    /// As --env, of a value that is shown to nobody; repeatable
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Environment")]
    secret_env: Vec<Pair>,
    /// A file of variables in docker's format; repeatable, later ones win, --env wins over all
    #[arg(long = "env-file", value_name = "FILE", help_heading = "Environment")]
    env_files: Vec<PathBuf>,
    /// A saved template of variables; repeatable, later ones win, --env and --env-file win over all
    #[arg(
        long = "env-template",
        value_name = "NAME",
        help_heading = "Environment"
    )]
    env_templates: Vec<String>,
    /// Where the command starts: an absolute path
    #[arg(
        long = "workdir",
        short = 'w',
        value_name = "PATH",
        help_heading = "Environment"
    )]
    working_directory: Option<String>,
    /// Who it runs as: user, uid, user:group or uid:gid
    #[arg(long, short, value_name = "USER", help_heading = "Environment")]
    user: Option<String>,
    /// Mount a path of the host or a named volume: SOURCE:TARGET[:ro]; repeatable
    #[arg(
        long = "volume",
        short = 'v',
        value_name = "MOUNT",
        help_heading = "Environment"
    )]
    volumes: Vec<String>,
    /// The same in words: type=bind|volume|tmpfs,source=…,target=…[,readonly]; repeatable
    #[arg(long = "mount", value_name = "MOUNT", help_heading = "Environment")]
    mounts: Vec<String>,
    /// Mount memory at this path; repeatable
    #[arg(long, value_name = "PATH", help_heading = "Environment")]
    tmpfs: Vec<String>,
    /// A network to join, with its names there: NAME or NAME:ALIAS,ALIAS; repeatable
    #[arg(long = "network", value_name = "NETWORK", help_heading = "Environment")]
    networks: Vec<String>,
    /// A further name in the one network; repeatable
    #[arg(
        long = "network-alias",
        value_name = "NAME",
        help_heading = "Environment"
    )]
    network_aliases: Vec<String>,
    /// Give it a device of the host, if its operator allows that: SOURCE[:TARGET][:rwm]; repeatable
    #[arg(long = "device", value_name = "DEVICE", help_heading = "Environment")]
    devices: Vec<String>,
    /// Give it every capability and device of the host, if its operator allows that
    #[arg(long, help_heading = "Environment")]
    privileged: bool,

    /// The most memory: bytes, or 512m, 2g
    #[arg(long, short, value_name = "SIZE", help_heading = "Resources")]
    memory: Option<String>,
    /// The most CPUs, such as 1.5
    #[arg(long, value_name = "NUMBER", value_parser = values::number, help_heading = "Resources")]
    cpus: Option<f64>,
    /// The most processes and threads
    #[arg(long, value_name = "NUMBER", help_heading = "Resources")]
    pids_limit: Option<u32>,

    /// How long it may run: 90, 90s, 1h30m or none [default: 1h]
    #[arg(long, value_name = "DURATION", help_heading = "Limits of time")]
    run_timeout: Option<String>,
    /// How long it may wait for its start [default: none]
    #[arg(long, value_name = "DURATION", help_heading = "Limits of time")]
    queue_timeout: Option<String>,
    /// How long it may write nothing [default: none]
    #[arg(long, value_name = "DURATION", help_heading = "Limits of time")]
    no_output_timeout: Option<String>,
    /// How long it has between TERM and KILL [default: 10s]
    #[arg(long, value_name = "DURATION", help_heading = "Limits of time")]
    stop_grace: Option<String>,

    /// How many further attempts may follow a failed one [default: the strategy's]
    #[arg(long, value_name = "NUMBER", help_heading = "Retries")]
    max_retries: Option<u32>,
    /// How retries are spaced [default: from the priority]
    #[arg(long, value_name = "STRATEGY", value_parser = Strategy::NAMES, help_heading = "Retries")]
    retry_strategy: Option<String>,
    /// Exit codes of the job that are retried: 75,111 or any [default: none]
    #[arg(long, value_name = "CODES", help_heading = "Retries")]
    retry_exit_codes: Option<String>,

    /// Say more on stderr; twice for everything (RUST_LOG says it finer)
    // The global flag of the same id, without its `-v`: beside an image that is docker's.
    #[arg(id = "verbose", long, action = clap::ArgAction::Count, help_heading = "Global options")]
    _verbose: u8,
}

impl SpecArgs {
    /// Whether a priority was asked for.
    pub fn has_priority(&self) -> bool {
        self.priority.is_some()
    }

    /// Whether words were given: an image or a command.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether a key was given.
    pub fn has_key(&self) -> bool {
        self.idempotency_key.is_some()
    }

    /// Whether nothing was given that runs.
    pub fn runs_nothing(&self) -> bool {
        self.image.is_none() && self.words.is_empty() && self.entrypoint.is_none()
    }

    /// What was given, to be laid over a job. Each field holds to its bounds.
    pub fn overlay(&self, default_queue: Option<String>) -> Result<Overlay, Refused> {
        let given = self.fields()?;
        let overlay = Overlay {
            given,
            default_queue,
        };
        // What is wrong with a flag must not look like a fault of the job beneath it.
        let any_job = if self.runs_nothing() {
            json!({"command": ["true"]})
        } else {
            json!({})
        };
        overlay.over(any_job).map_err(refused)?;
        Ok(overlay)
    }

    /// What one submission asks for: these flags, over another job if one is named. What is wrong
    /// with the flags is said before any store is asked.
    pub fn asked(
        &self,
        like: Option<JobRef>,
        default_queue: Option<String>,
    ) -> anyhow::Result<Asked> {
        match like {
            Some(job) => {
                // Where the other went is where this goes.
                let overlay = self.overlay(None)?;
                Ok(Asked::Like { job, overlay })
            }
            None => {
                let spec = self.overlay(default_queue)?.over(json!({}));
                Ok(Asked::New(Box::new(spec.map_err(refused)?)))
            }
        }
    }

    fn fields(&self) -> Result<Map<String, Value>, Refused> {
        let words = Words::read(&self.words, self.image.as_deref())?;
        let mut fields = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let labels = values::pairs(&self.labels, |pair| values::no_value("--label", pair))?;
        let aliases = &self.network_aliases;
        set("image", text(&self.image).or(text(&words.image)));
        set("command", list(&words.command));
        set("entrypoint", self.entrypoint.as_ref().map(|p| json!([p])));
        set("pull", text(&self.pull));
        set("name", text(&self.name));
        set("description", text(&self.description));
        set("labels", (!labels.is_empty()).then(|| json!(labels)));
        set("queue", text(&self.queue));
        let priority = self.priority.as_deref().map(values::priority);
        set("priority", priority.transpose()?);
        let at = self.scheduled_for.as_deref().map(values::time);
        set("scheduled_for", at.transpose()?);
        set("hold", self.hold.then_some(Value::Bool(true)));
        set("idempotency_key", text(&self.idempotency_key));
        set("env", self.env()?);
        let secret: Vec<&str> = self
            .secret_env
            .iter()
            .map(|pair| pair.key.as_str())
            .collect();
        set("secret_env", list(&secret));
        set("env_templates", list(&self.env_templates));
        set("working_directory", text(&self.working_directory));
        set("user", text(&self.user));
        set("mounts", list(&self.mounts()?));
        set(
            "networks",
            list(&networks::networks(&self.networks, aliases)?),
        );
        let devices = self.devices.iter().map(|text| devices::device(text));
        set("devices", list(&devices.collect::<Result<Vec<_>, _>>()?));
        set("privileged", self.privileged.then_some(Value::Bool(true)));
        set("memory", text(&self.memory));
        set("cpus", self.cpus.map(Value::from));
        set("pids_limit", self.pids_limit.map(Value::from));
        set("run_timeout", text(&self.run_timeout));
        set("queue_timeout", text(&self.queue_timeout));
        set("no_output_timeout", text(&self.no_output_timeout));
        set("stop_grace", text(&self.stop_grace));
        set("max_retries", self.max_retries.map(Value::from));
        set("retry_strategy", text(&self.retry_strategy));
        let codes = self.retry_exit_codes.as_deref().map(values::exit_codes);
        set("retry_exit_codes", codes.transpose()?);
        Ok(fields)
    }

    fn env(&self) -> Result<Option<Value>, Refused> {
        let mut env = std::collections::BTreeMap::new();
        for file in &self.env_files {
            env.extend(env_file::read_env_file(file)?);
        }
        env.extend(values::pairs(&self.env, values::from_environment)?);
        env.extend(values::pairs(&self.secret_env, values::from_environment)?);
        Ok((!env.is_empty()).then(|| json!(env)))
    }

    fn mounts(&self) -> Result<Vec<Value>, Refused> {
        let volumes = self.volumes.iter().map(|text| mounts::volume(text));
        let mounts = self.mounts.iter().map(|text| mounts::mount(text));
        let tmpfs = self.tmpfs.iter().map(|text| mounts::tmpfs(text));
        volumes.chain(mounts).chain(tmpfs).collect()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
fn refused(error: FieldError) -> Refused {
    Refused::usage(error.to_string()).hint("`longshore submit --help` shows what a job may say")
}

fn list<T: serde::Serialize>(values: &[T]) -> Option<Value> {
    (!values.is_empty()).then(|| json!(values))
}
