//! `longshore list`: jobs, newest first.

use longshore_core::store::{JobFilter, JobPage, JobSummary, Store};
use longshore_core::{JobId, Timestamp};

use crate::args::JobFilterArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::table::{self, Column, Table};
use crate::output::{self, Out, words};

/// List jobs, newest first
///
/// Shows where each job stands, its last exit code, and how long it ran. Use it to find a job's
/// id, or what failed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore list --state failed --label team=search --limit 100")]
pub struct Args {
    /// At most this many
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Every job, however many
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Only jobs older than this one: where a page before ended
    #[arg(long, value_name = "ID")]
    before: Option<JobId>,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
    // Last: its heading in the help would be that of whatever came after.
    #[command(flatten)]
    filter: JobFilterArgs,
}

/// Lists.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let now = store.now().await?;
    let filter = JobFilter {
        before: args.before,
        ..args.filter.into_filter(now)?
    };
    let want = if args.all {
        usize::MAX
    } else {
        args.limit as usize
    };
    let mut pages = Pages {
        store: &*store,
        filter,
        want,
    };
    if args.json {
        write_json(&mut context.out, &mut pages).await?;
    } else {
        write_table(&mut context.out, &mut pages, now).await?;
    }
    Ok(Exit::DONE)
}

/// Reads page after page, so that a list of any length is never held whole.
struct Pages<'a> {
    store: &'a dyn Store,
    filter: JobFilter,
    want: usize,
}

impl Pages<'_> {
    async fn next(&mut self) -> anyhow::Result<JobPage> {
        self.filter.limit = u32::try_from(self.want)
            .map_or(JobFilter::MAX_PAGE, |want| want.min(JobFilter::MAX_PAGE));
        let page = self.store.list_jobs(&self.filter).await?;
        self.want = self.want.saturating_sub(page.jobs.len());
        self.filter.before = page.next;
        Ok(page)
    }

    fn is_done(&self, page: &JobPage) -> bool {
        page.next.is_none() || self.want == 0
    }
}

/// One document, `{"jobs": […], "next": …}`, written as it is read.
async fn write_json(out: &mut Out, pages: &mut Pages<'_>) -> anyhow::Result<()> {
    out.bytes(b"{\"jobs\": [")?;
    let mut separator = "\n";
    loop {
        let page = pages.next().await?;
        for job in &page.jobs {
            out.bytes(separator.as_bytes())?;
            out.bytes(&serde_json::to_vec(job)?)?;
            separator = ",\n";
        }
        if pages.is_done(&page) {
            return out.line(&format!(
                "\n], \"next\": {}}}",
                serde_json::to_string(&page.next)?
            ));
        }
    }
}

async fn write_table(out: &mut Out, pages: &mut Pages<'_>, now: Timestamp) -> anyhow::Result<()> {
    let mut is_first = true;
    loop {
        let page = pages.next().await?;
        if !is_first {
            table_of(out, &page.jobs, now).write_rows(out)?;
        } else if page.jobs.is_empty() {
            output::talk("no job fits");
        } else {
            write_page(out, &page.jobs, now)?;
        }
        is_first = false;
        if pages.is_done(&page) {
            if let Some(next) = page.next {
                output::talk(&format!(
                    "there are more: `--before {next}` shows the next, `--all` all"
                ));
            }
            return Ok(());
        }
    }
}

/// A table of jobs.
pub fn write_page(out: &mut Out, jobs: &[JobSummary], now: Timestamp) -> anyhow::Result<()> {
    table_of(out, jobs, now).write(out)
}

fn table_of(out: &Out, jobs: &[JobSummary], now: Timestamp) -> Table {
    use Column::{Long, Numbers, Words};
    let columns = [
        Numbers("ID"),
        Words("STATE"),
        Words("QUEUE"),
        Numbers("PRIO"),
        Long("JOB"),
        Numbers("TRIES"),
        Numbers("EXIT"),
        Numbers("AGE"),
        Numbers("RAN"),
    ];
    let mut table = Table::new(out, &columns);
    for job in jobs {
        let ran = job
            .started_at
            .map(|at| words::between(at, job.ended_at.unwrap_or(now)));
        table.row([
            table::cell(job.id),
            table::state(out, job.state),
            table::cell(&job.queue),
            table::cell(job.priority),
            table::cell(words::title(job)),
            table::cell(job.attempts),
            table::optional(job.exit_code),
            table::cell(words::between(job.created_at, now)),
            table::optional(ran),
        ]);
    }
    table
}
