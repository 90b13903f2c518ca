//! `longshore list`: jobs, newest first.

mod csv;
mod table;
mod watch;

pub use table::write_page;

use longshore_core::JobId;
use longshore_core::store::{JobFilter, JobPage, Store};

use crate::args::JobFilterArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Out;

/// List jobs, newest first
///
/// Shows where each job stands, its last exit code, and how long it ran. Use it to find a job's
/// id, or what failed.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: longshore list --state failed --label team=search --limit 100\n         \
    longshore retry $(longshore list -q --state failed --since 1h)"
)]
pub struct Args {
    /// At most this many
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Every job, however many
    #[arg(short, long, conflicts_with = "limit")]
    all: bool,
    /// Only jobs older than this one: where a page before ended
    #[arg(long, value_name = "ID")]
    before: Option<JobId>,
    /// Go on showing them as they change, until Ctrl-C; in a pipe, a line for each change
    #[arg(short, long, conflicts_with_all = ["all", "before", "json", "csv", "quiet"])]
    watch: bool,
    /// Cut nothing, however narrow the terminal
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    form: Form,
    // Last: its heading in the help would be that of whatever came after.
    #[command(flatten)]
    filter: JobFilterArgs,
}

/// How they are written, if not as a table.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct Form {
    /// Write ids alone, one per line
    #[arg(short, long)]
    quiet: bool,
    /// Write CSV, with a line of names first
    #[arg(long)]
    csv: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// Lists.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let now = store.now().await?;
    let filter = JobFilter {
        before: args.before,
        ..args.filter.into_filter(now)?
    };
    let out = &mut context.out;
    let style = table::Style {
        is_whole: args.no_trunc,
    };
    let want = args.limit as usize;
    if args.watch {
        return watch::until_interrupted(out, &*store, &filter, want, style).await;
    }
    let mut pages = Pages {
        store: &*store,
        filter,
        want: if args.all { usize::MAX } else { want },
    };
    if args.form.json {
        write_json(out, &mut pages).await?;
    } else if args.form.csv {
        csv::write(out, &mut pages).await?;
    } else if args.form.quiet {
        write_ids(out, &mut pages).await?;
    } else {
        table::write(out, &mut pages, now, style).await?;
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

async fn write_ids(out: &mut Out, pages: &mut Pages<'_>) -> anyhow::Result<()> {
    loop {
        let page = pages.next().await?;
        for job in &page.jobs {
            out.line(&job.id.to_string())?;
        }
        if pages.is_done(&page) {
            return Ok(());
        }
    }
}
