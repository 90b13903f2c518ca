//! The demo's verdict: the witness file against what was submitted, and what the store says of it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use longshore_core::store::{JobDetail, Worker};
use longshore_core::{Timestamp, WorkerId};
use longshore_history as history;
use longshore_history::{Expectation, Limit, StoredJob, Verdict, Witness};

use super::folder::{Folder, Record};
use crate::address::Address;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::table::{self, Column, Table};

/// Judges a demo: a table of its jobs, and the verdict as the last line of stdout.
pub async fn judge(context: &mut Context, folder: &Folder) -> anyhow::Result<Exit> {
    if context.explicit_address()?.is_none() {
        context.use_address(Address::Sqlite(folder.database()));
    }
    let record = folder.read_record()?;
    let store = context.store().await?;
    let mut jobs = Vec::with_capacity(record.jobs.len());
    for job in &record.jobs {
        jobs.push(store.show_job(*job).await?);
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

fn verdict(folder: &Folder, record: &Record, jobs: &[JobDetail]) -> anyhow::Result<Verdict> {
    let path = folder.witness();
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let witness = Witness::parse(&text).context("the witness file")?;
    let ids = record.jobs.iter().map(|job| history::JobId(job.0));
    let stored = jobs.iter().map(|job| {
        let state = job
            .summary
            .state
            .as_str()
            .parse()
            .expect("both name the states alike");
        let exit_code = job.summary.exit_code;
        let ever_acquired = !job.attempts_made.is_empty();
        (
            history::JobId(job.summary.id.0),
            StoredJob {
                state,
                exit_code,
                ever_acquired,
            },
        )
    });
    let expectation = Expectation::each_once(ids.clone())
        .with_limit(Limit {
            name: format!("queue {}", record.queue),
            max: record.limit,
            jobs: ids.collect(),
            must_reach: record.jobs.len() > record.limit as usize,
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
