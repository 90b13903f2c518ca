//! Jobs as they change: on a terminal the table, redrawn in its place; elsewhere a row for each
//! change.

use std::collections::HashMap;
use std::time::Duration;

use console::Term;
use longshore_core::store::{JobFilter, JobSummary, Store};
use longshore_core::{JobId, State};
use tokio::time::sleep;

use super::table::{self, Style};
use crate::exit::Exit;
use crate::follow;
use crate::outage::sit_out;
use crate::output::Out;

/// Without a hint, how soon it looks again: ages go on by themselves.
const LOOK: Duration = Duration::from_secs(1);
/// Hints that come close together lead to one look.
const MIN_GAP: Duration = Duration::from_millis(200);

// What moves a terminal's cursor (ECMA-48): to its upper left; and what wipes the rest of a line, or
// of the screen.
const HOME: &[u8] = b"\x1b[H";
const WIPE_LINE: &[u8] = b"\x1b[K\n";
const WIPE_BELOW: &[u8] = b"\x1b[J";

/// Shows the newest `want` jobs of the filter until Ctrl-C.
pub(super) async fn until_interrupted(
    out: &mut Out,
    store: &dyn Store,
    filter: &JobFilter,
    want: usize,
    style: Style,
) -> anyhow::Result<Exit> {
    tokio::select! {
        shown = show(out, store, filter, want, style) => shown,
        () = follow::interrupted() => Ok(Exit::INTERRUPTED),
    }
}

async fn show(
    out: &mut Out,
    store: &dyn Store,
    filter: &JobFilter,
    want: usize,
    style: Style,
) -> anyhow::Result<Exit> {
    let terminal = Term::stdout();
    let mut wakeups = store.wakeups();
    let mut shown = Shown::default();
    let mut is_first = true;
    loop {
        let limit = u32::try_from(want).unwrap_or(u32::MAX);
        let limit = limit.min(JobFilter::MAX_PAGE);
        let filter = JobFilter {
            limit,
            ..filter.clone()
        };
        let mut jobs = sit_out(async || store.list_jobs(&filter).await).await?.jobs;
        let now = sit_out(async || store.now().await).await?;
        if terminal.is_term() {
            let (height, _) = terminal.size();
            // Beneath the head, and above where the cursor ends up.
            jobs.truncate(usize::from(height).saturating_sub(2));
            out.bytes(HOME)?;
            for line in table::of(out, &jobs, now, style).lines() {
                out.bytes(line.as_bytes())?;
                out.bytes(WIPE_LINE)?;
            }
            out.bytes(WIPE_BELOW)?;
        } else {
            let changed = shown.changed(jobs);
            let table = table::of(out, &changed, now, style);
            if is_first {
                table.write(out)?;
            } else if !changed.is_empty() {
                table.write_rows(out)?;
            }
        }
        is_first = false;
        out.flush()?;
        sleep(MIN_GAP).await;
        wakeups.wait(LOOK).await;
    }
}

/// What of each job was shown last.
#[derive(Default)]
struct Shown(HashMap<JobId, (State, i32, Option<i32>)>);

impl Shown {
    /// Those of a list that are not as they were shown, oldest first, so that the newest is last.
    fn changed(&mut self, jobs: Vec<JobSummary>) -> Vec<JobSummary> {
        let before = std::mem::take(&mut self.0);
        let mut changed = Vec::new();
        for job in jobs {
            let now = (job.state, job.attempts, job.exit_code);
            self.0.insert(job.id, now);
            if before.get(&job.id) != Some(&now) {
                changed.push(job);
            }
        }
        changed.reverse();
        changed
    }
}
