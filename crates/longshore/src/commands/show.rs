//! `longshore show`: everything about jobs.

use longshore_core::Timestamp;
use longshore_core::spec::{Timeout, format_bytes, format_duration};
use longshore_core::store::{AttemptView, JobDetail};
use serde_json::Value;

use crate::args::JobRef;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::output::table::{self, Column, Table};
use crate::output::{Out, words};

/// Show everything about jobs
///
/// What was asked for, its attempts and how each ended and, while it waits, why. Values of
/// environment variables are shown as *** unless they are asked for, and secret ones always.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore show last\n         \
    longshore show 12 13 --json | jq '.[].state'")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
    /// Show the values of environment variables
    #[arg(long)]
    show_env: bool,
    /// Write one JSON document: an object, or an array of them for several jobs
    #[arg(long)]
    json: bool,
}

/// Shows.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let jobs = JobRef::resolve_all(&args.jobs, &*store).await?;
    let mut exit = Exit::DONE;
    let mut shown = Vec::new();
    for job in &jobs {
        match store.show_job(*job).await.map_err(anyhow::Error::from) {
            Ok(detail) => shown.push(detail),
            Err(error) if jobs.len() > 1 && exit::code_of(&error) == Exit::FAILED => {
                exit = exit::report(&error);
            }
            Err(error) => return Err(error),
        }
    }
    for job in &mut shown {
        job.spec.mask_env(args.show_env);
    }
    if args.json {
        match &shown[..] {
            [one] if jobs.len() == 1 => context.out.json(one)?,
            several => context.out.json(&several)?,
        }
        return Ok(exit);
    }
    let now = store.now().await?;
    for (index, detail) in shown.iter().enumerate() {
        if index > 0 {
            context.out.line("")?;
        }
        write_facts(&mut context.out, detail, now)?;
        write_attempts(&mut context.out, &detail.attempts_made, now)?;
    }
    Ok(exit)
}

fn write_facts(out: &mut Out, job: &JobDetail, now: Timestamp) -> anyhow::Result<()> {
    let (summary, spec) = (&job.summary, &job.spec);
    let at = |time: Option<Timestamp>| time.map(|time| words::time_and_age(time, now));
    let state = if job.cancel_requested && !summary.state.is_terminal() {
        format!("{} (cancellation requested)", summary.state)
    } else {
        summary.state.to_string()
    };
    let facts = [
        ("job", Some(summary.id.to_string())),
        ("name", spec.name.clone()),
        ("description", spec.description.clone()),
        ("state", Some(state)),
        ("waits", job.why_waiting.as_ref().map(ToString::to_string)),
        ("exit code", summary.exit_code.map(|code| code.to_string())),
        ("queue", Some(summary.queue.clone())),
        ("priority", Some(summary.priority.to_string())),
        ("image", spec.image.clone()),
        (
            "entrypoint",
            non_empty(&spec.entrypoint).map(words::command),
        ),
        ("command", non_empty(&spec.command).map(words::command)),
        ("directory", spec.working_directory.clone()),
        ("user", spec.user.clone()),
        (
            "environment",
            pairs(spec.env.iter().map(|(key, value)| (key, value.reveal()))),
        ),
        (
            "templates",
            non_empty(&spec.env_templates).map(|names| names.join(", ")),
        ),
        (
            "labels",
            pairs(spec.labels.iter().map(|(key, value)| (key, value.as_str()))),
        ),
        ("limits", limits(job)),
        ("timeouts", timeouts(job)),
        ("retries", Some(retries(job))),
        ("key", spec.idempotency_key.clone()),
        ("submitted by", spec.submitted_by.clone()),
        ("submitted", at(Some(summary.created_at))),
        ("due", at(summary.due_at)),
        ("started", at(summary.started_at)),
        ("ended", at(summary.ended_at)),
    ];
    table::facts(out, &facts)
}

fn non_empty(list: &[String]) -> Option<&[String]> {
    (!list.is_empty()).then_some(list)
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a String, &'a str)>) -> Option<String> {
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(" "))
}

fn limits(job: &JobDetail) -> Option<String> {
    let spec = &job.spec;
    let parts: Vec<String> = [
        spec.memory
            .map(|bytes| format!("memory {}", format_bytes(bytes))),
        spec.cpus.map(|cpus| format!("cpus {cpus}")),
        spec.pids_limit.map(|pids| format!("pids {pids}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn timeouts(job: &JobDetail) -> Option<String> {
    let spec = &job.spec;
    let parts: Vec<String> = [
        ("run", spec.run_timeout),
        ("queue", spec.queue_timeout),
        ("no output", spec.no_output_timeout),
        ("stop grace", spec.stop_grace.map(Timeout::After)),
    ]
    .into_iter()
    .filter_map(|(name, timeout)| {
        let shown = timeout?
            .limit()
            .map_or_else(|| "none".to_owned(), format_duration);
        Some(format!("{name} {shown}"))
    })
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn retries(job: &JobDetail) -> String {
    let name = match serde_json::to_value(job.spec.strategy()) {
        Ok(Value::String(name)) => name,
        _ => words::NONE.to_owned(),
    };
    let codes = job
        .spec
        .retry_exit_codes
        .as_ref()
        .and_then(|codes| serde_json::to_string(codes).ok());
    let codes = codes.map(|codes| format!(", exit codes {}", codes.replace('"', "")));
    format!(
        "up to {}, {name}{}",
        job.spec.retries_allowed(),
        codes.unwrap_or_default()
    )
}

fn write_attempts(out: &mut Out, attempts: &[AttemptView], now: Timestamp) -> anyhow::Result<()> {
    use Column::{Long, Numbers, Words};
    if attempts.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let columns = [
        Numbers("ATTEMPT"),
        Words("OUTCOME"),
        Numbers("EXIT"),
        Numbers("WORKER"),
        Words("ACQUIRED"),
        Numbers("RAN"),
        Numbers("CPU"),
        Numbers("MEMORY"),
        Long("ERROR"),
    ];
    let mut table = Table::new(out, &columns);
    for attempt in attempts {
        let record = attempt.record.as_ref();
        let exit = record.and_then(|record| record.exit);
        let usage = record.map(|record| record.usage).unwrap_or_default();
        let error = record.and_then(|record| record.error.as_ref());
        let ran = attempt
            .started_at
            .map(|at| words::between(at, attempt.ended_at.unwrap_or(now)));
        table.row([
            table::cell(attempt.attempt),
            table::cell(record.map_or("live", |record| record.outcome.as_str())),
            table::optional(exit.and_then(|exit| exit.shell_code())),
            table::cell(attempt.worker),
            table::cell(words::time(attempt.claimed_at)),
            table::optional(ran),
            table::optional(usage.cpu().map(format_duration)),
            table::optional(usage.peak_memory_bytes.map(format_bytes)),
            table::optional(
                error.map(|error| format!("{} ({})", error.text, error.class.as_str())),
            ),
        ]);
    }
    table.write(out)
}
