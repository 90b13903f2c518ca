//! The demo's verdict: the witness file against what was submitted, and what the store says of it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use longshore_core::store::{JobDetail, StoreError, Worker};
use longshore_core::{Timestamp, WorkerId};
use longshore_history as history;
use longshore_history::{Expectation, Limit, Verdict, Witness};

use super::folder::{Folder, Record};
use super::stored::stored;
use crate::address::Address;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output::table::{self, Column, Table};

/// Judges a demo: a table of its jobs, and the verdict as the last line of stdout.
pub async fn judge(context: &mut Context, folder: &Folder) -> anyhow::Result<Exit> {
    let record = folder.read_record()?;
    let address = address_of(context, folder, &record)?;
    context.use_address(address);
    let store = context.store().await?;
    let mut jobs = Vec::with_capacity(record.jobs.len());
    for job in &record.jobs {
        match store.show_job(*job).await {
            Ok(detail) => jobs.push(detail),
            // A lost job: the checker finds it absent from the store's answer.
            Err(StoreError::UnknownJob(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let workers = store.workers(true).await?;
    write_table(context, &jobs, &workers)?;

    let verdict = verdict(folder, &record, &jobs)?;
    context.out.line(&verdict.to_string())?;
    Ok(match verdict {
        Verdict::Passed { .. } => Exit::DONE,
        Verdict::Violated { .. } | Verdict::Unknown { .. } => Exit::FAILED,
    })
}

/// Where the demo's jobs are: the flag's word, else the record's.
fn address_of(context: &Context, folder: &Folder, record: &Record) -> anyhow::Result<Address> {
    if let Some(named) = context.flagged_address()? {
        return Ok(named);
    }
    let Some(recorded) = &record.database else {
        return Ok(Address::Sqlite(folder.database()));
    };
    let address = Address::parse(recorded)?;
    if !address.lacks_password() {
        return Ok(address);
    }
    // The variable or the configuration may know the password.
    match context.address() {
        Ok(known) if known.to_string() == *recorded => Ok(known),
        Ok(_) | Err(_) => Err(Refused::usage(format!(
            "the demo's jobs are in {recorded}, whose password is not kept"
        ))
        .hint("name it whole: --database ADDRESS")
        .into()),
    }
}

fn verdict(folder: &Folder, record: &Record, jobs: &[JobDetail]) -> anyhow::Result<Verdict> {
    let path = folder.witness();
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let witness = Witness::parse(&text).context("the witness file")?;
    let ids = record.jobs.iter().map(|job| history::JobId(job.0));
    let stored = jobs.iter().map(stored);
    let expectation = Expectation::each_once(ids.clone())
        .with_limit(Limit {
            name: format!("queue {}", record.queue),
            max: record.limit,
            jobs: ids.collect(),
            must_reach: record.jobs.len() > record.limit as usize,
            queue: None,
        })
        .with_stored(stored);
    Ok(history::check(&witness, &expectation))
}

fn write_table(
    context: &mut Context,
    jobs: &[JobDetail],
    workers: &[Worker],
) -> anyhow::Result<()> {
    let names: BTreeMap<WorkerId, &str> = workers
        .iter()
        .map(|worker| (worker.id, worker.name.as_str()))
        .collect();
    let started = |job: &JobDetail| job.attempts_made.last().and_then(|last| last.started_at);
    let mut in_order: Vec<&JobDetail> = jobs.iter().collect();
    in_order.sort_by_key(|job| (started(job).is_none(), started(job), job.summary.id));
    let first = in_order.first().and_then(|job| started(job));

    let out = &mut context.out;
    let mut table = Table::new(
        out,
        &[
            Column::Numbers("JOB"),
            Column::Words("NAME"),
            Column::Numbers("PRIORITY"),
            Column::Words("WORKER"),
            Column::Numbers("STARTED"),
            Column::Numbers("RAN"),
            Column::Words("STATE"),
        ],
    );
    for job in in_order {
        let last = job.attempts_made.last();
        let ran = last.and_then(|attempt| Some((attempt.started_at?, attempt.ended_at?)));
        table.row([
            table::cell(job.summary.id),
            table::optional(job.summary.name.as_deref()),
            table::cell(job.summary.priority),
            table::optional(last.and_then(|attempt| names.get(&attempt.worker)).copied()),
            table::optional(
                started(job)
                    .zip(first)
                    .map(|(at, first)| format!("+{}", span(first, at))),
            ),
            table::optional(ran.map(|(from, to)| span(from, to))),
            table::state(out, job.summary.state),
        ]);
    }
    table.write(out)
}

/// Seconds to two places: all of a demo happens within a few.
fn span(from: Timestamp, to: Timestamp) -> String {
    format!("{:.2}s", to.duration_since(from).as_secs_f64())
}
