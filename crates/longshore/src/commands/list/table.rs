//! Jobs as a table.

use longshore_core::Timestamp;
use longshore_core::store::JobSummary;

use super::Pages;
use crate::output::table::{self, Column, Table};
use crate::output::{self, Out, words};

/// How the table looks.
#[derive(Clone, Copy, Default)]
pub(super) struct Style {
    /// Whether nothing is cut.
    pub is_whole: bool,
}

pub(super) async fn write(
    out: &mut Out,
    pages: &mut Pages<'_>,
    now: Timestamp,
    style: Style,
) -> anyhow::Result<()> {
    let mut is_first = true;
    loop {
        let page = pages.next().await?;
        let table = of(out, &page.jobs, now, style);
        if !is_first {
            table.write_rows(out)?;
        } else if page.jobs.is_empty() {
            output::talk("no job fits");
        } else {
            table.write(out)?;
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

/// A page alone, as tables of other commands show jobs.
pub fn write_page(out: &mut Out, jobs: &[JobSummary], now: Timestamp) -> anyhow::Result<()> {
    of(out, jobs, now, Style::default()).write(out)
}

pub(super) fn of(out: &Out, jobs: &[JobSummary], now: Timestamp, style: Style) -> Table {
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
    if style.is_whole {
        table = table.whole();
    }
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
