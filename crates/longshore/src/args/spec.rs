//! The flags that say what a job is.
//!
//! They become the JSON form of a job and are read by the one parser of that form, so that flags
//! and files are held to the same bounds in the same words.

#![expect(
    clippy::doc_markdown,
    reason = "these doc comments are help, shown as they stand"
)]

use longshore_core::retry::Strategy;
use longshore_core::spec::{ValidSpec, parse_value};
use longshore_core::{Priority, Timestamp};
use serde_json::{Map, Value, json};

use super::Pair;
use crate::exit::Refused;

/// What a job is.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Job")]
pub struct SpecArgs {
    /// The image to run; without one the command runs on the worker's host
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// What to call the job
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A label to find the job by; repeatable
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Pair>,
    /// The queue [env: LONGSHORE_SUBMIT_QUEUE] [default: `default` with an image, `local` without]
    // Not clap's `env`: a variable would then contradict `--file`.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// 0 to 100, or high (80), normal (50), low (20): higher goes first [default: normal]
    #[arg(long, short, value_name = "PRIORITY", allow_hyphen_values = true)]
    priority: Option<String>,
    /// A variable of the job's environment, KEY alone takes this shell's value; repeatable
    #[arg(long = "env", short, value_name = "KEY=VALUE")]
    env: Vec<Pair>,
    /// A saved template of variables; repeatable, later ones win, --env wins over all
    #[arg(long = "env-template", value_name = "NAME")]
    env_templates: Vec<String>,
    /// Where the command starts: an absolute path
    #[arg(long = "workdir", short = 'w', value_name = "PATH")]
    working_directory: Option<String>,
    /// Who it runs as: user, uid, user:group or uid:gid
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// The most memory: bytes, or 512m, 2g
    #[arg(long, short, value_name = "SIZE")]
    memory: Option<String>,
    /// The most CPUs, such as 1.5
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    cpus: Option<f64>,
    /// The most processes and threads
    #[arg(long, value_name = "NUMBER")]
    pids_limit: Option<u32>,
    /// How long it may run: 90, 90s, 1h30m or none [default: 1h]
    #[arg(long, value_name = "DURATION")]
    run_timeout: Option<String>,
    /// How long it may wait for its start [default: none]
    #[arg(long, value_name = "DURATION")]
    queue_timeout: Option<String>,
    /// How long it may write nothing [default: none]
    #[arg(long, value_name = "DURATION")]
    no_output_timeout: Option<String>,
    /// How long it has between TERM and KILL [default: 10s]
    #[arg(long, value_name = "DURATION")]
    stop_grace: Option<String>,
    /// Not before this time, such as 2026-08-01T18:00:00Z
    #[arg(long = "at", value_name = "TIME")]
    scheduled_for: Option<String>,
    /// How many further attempts may follow a failed one [default: the strategy's]
    #[arg(long, value_name = "NUMBER")]
    max_retries: Option<u32>,
    /// How retries are spaced [default: from the priority]
    #[arg(long, value_name = "STRATEGY", value_parser = Strategy::NAMES)]
    retry_strategy: Option<String>,
    /// Exit codes of the job that are retried: 75,111 or any [default: none]
    #[arg(long, value_name = "CODES")]
    retry_exit_codes: Option<String>,
    /// When the image is pulled [default: missing]
    #[arg(long, value_name = "WHEN", value_parser = ["missing", "always", "never"])]
    pull: Option<String>,
    /// A repeated submission with this key answers with the first job
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Keep it out of its queue until a person releases it
    #[arg(long)]
    hold: bool,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl SpecArgs {
    /// Whether a priority was asked for.
    pub fn has_priority(&self) -> bool {
        self.priority.is_some()
    }

    /// Whether nothing was given that runs.
    pub fn runs_nothing(&self) -> bool {
        self.image.is_none() && self.command.is_empty()
    }

    /// The job, checked. `default_queue` and `default_priority` stand where no flag was given.
    pub fn to_spec(
        &self,
        default_queue: Option<&str>,
        default_priority: Option<Priority>,
    ) -> anyhow::Result<ValidSpec> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
        set("image", text(&self.image));
        set("name", text(&self.name));
        set(
            "labels",
            pairs(&self.labels, |pair| no_value("--label", pair))?,
        );
        set(
            "queue",
            text(&self.queue).or_else(|| default_queue.map(Value::from)),
        );
        let default_priority = default_priority.map(|priority| json!(priority));
        set(
            "priority",
            self.priority
                .as_deref()
                .map(priority)
                .transpose()?
                .or(default_priority),
        );
        set("env", pairs(&self.env, from_environment)?);
        set("env_templates", list(&self.env_templates));
        set("working_directory", text(&self.working_directory));
        set("user", text(&self.user));
        set("memory", text(&self.memory));
        set("cpus", self.cpus.map(Value::from));
        set("pids_limit", self.pids_limit.map(Value::from));
        set("run_timeout", text(&self.run_timeout));
        set("queue_timeout", text(&self.queue_timeout));
        set("no_output_timeout", text(&self.no_output_timeout));
        set("stop_grace", text(&self.stop_grace));
        set(
            "scheduled_for",
            self.scheduled_for.as_deref().map(time).transpose()?,
        );
        set("max_retries", self.max_retries.map(Value::from));
        set("retry_strategy", text(&self.retry_strategy));
        set(
            "retry_exit_codes",
            self.retry_exit_codes
                .as_deref()
                .map(exit_codes)
                .transpose()?,
        );
        set("pull", text(&self.pull));
        set("idempotency_key", text(&self.idempotency_key));
        set("hold", self.hold.then_some(Value::Bool(true)));
        set("command", list(&self.command));
        parse_value(Value::Object(fields)).map_err(|error| {
            Refused::usage(error.to_string())
                .hint("`longshore submit --help` shows what a job may say")
                .into()
        })
    }
}

fn pairs(
    given: &[Pair],
    without_value: impl Fn(&str) -> Result<String, Refused>,
) -> Result<Option<Value>, Refused> {
    let mut object = Map::new();
    for pair in given {
        let value = match &pair.value {
            Some(value) => value.clone(),
            None => without_value(&pair.key)?,
        };
        object.insert(pair.key.clone(), Value::String(value));
    }
    Ok((!object.is_empty()).then_some(Value::Object(object)))
}

fn no_value(flag: &str, key: &str) -> Result<String, Refused> {
    Err(Refused::usage(format!("{flag} {key}: must be KEY=VALUE")))
}

/// As with Docker, a variable without `=` is taken from the environment of whoever submits.
fn from_environment(key: &str) -> Result<String, Refused> {
    std::env::var(key).map_err(|_| {
        Refused::usage(format!(
            "--env {key}: has no value, and this shell has no variable {key}"
        ))
        .hint(format!("--env {key}= sets it to nothing"))
    })
}

/// A number as JSON knows them: one that it can't write would be left out without a word.
fn number(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| "must be a number, such as 1.5".to_owned())
}

fn priority(text: &str) -> Result<Value, Refused> {
    let priority = match text {
        "high" => Priority::HIGH,
        "normal" => Priority::NORMAL,
        "low" => Priority::LOW,
        number => {
            // Out of range is the parser's to say, in the same words as for a file.
            return number.parse::<i64>().map(Value::from).map_err(|_| {
                Refused::usage(format!(
                    "priority: {text:?} is neither a number from 0 to 100 nor high, normal or low"
                ))
            });
        }
    };
    Ok(json!(priority))
}

fn time(text: &str) -> Result<Value, Refused> {
    let at: Timestamp = text.parse().map_err(|_| {
        Refused::usage(format!("--at: {text:?} is not a time with its zone"))
            .hint("write it as in 2026-08-01T18:00:00Z or 2026-08-01T18:00:00+02:00 (RFC 3339)")
    })?;
    Ok(json!(at))
}

fn exit_codes(text: &str) -> Result<Value, Refused> {
    if text == "any" {
        return Ok(Value::from("any"));
    }
    let codes: Result<Vec<i32>, _> = text.split(',').map(|code| code.trim().parse()).collect();
    codes.map(|codes| json!(codes)).map_err(|_| {
        Refused::usage(format!(
            "--retry-exit-codes: {text:?} is neither 75,111 (say) nor any"
        ))
    })
}
